package export_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// saysAll makes sure that an error holds all of the words.
func saysAll(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, part := range words {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("%v does not say %q", err, part)
		}
	}
}

// spoiled are people of whom the last ones have a cell that is not valid.
func spoiled(n, bad, column int) *table {
	source := people(n)
	for i := n - bad; i < n; i++ {
		source.rows[i][column] = "nonsense"
	}
	return source
}

// halfAtMost is the export with the usual bound of rejected rows.
func halfAtMost(e *export.Export) *export.Export {
	e.Safeguards.MaxRejectedPercent = export.DefaultMaxRejectedPercent
	return e
}

// An export that is refused because of the rows in it lists every one of them,
// surveyed or run, and nothing else of its folder is touched.
func TestRejectsOfARefusedExport(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source  *table
		summary string
		listed  int
	}{
		"too many rows":   {spoiled(2500, 1500, 0), "Too Many Rows Cannot Be Exported", 1500},
		"every row":       {spoiled(1300, 1300, 0), "No Row Can Be Exported", 1300},
		"property values": {spoiled(2500, 1500, 2), "Property Is Not Of Its Type", 1500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			path := writeFile(t, filepath.Join(t.TempDir(), "rejects.csv"), oldRejects)
			e := halfAtMost(listing(w.export(tc.source), path))
			check := func(err error) {
				t.Helper()
				saysAll(t, err, tc.summary, fmt.Sprintf("listed in %q", path), "Nothing was sent.")
				checkAlone(t, path)
				if lines := readRejects(t, path); len(lines) != tc.listed || lines[0][1] != fmt.Sprint(len(tc.source.rows)-tc.listed+1) {
					t.Errorf("%d lines, want %d, the first %q", len(lines), tc.listed, lines[:1])
				}
			}
			_, err := e.Survey(t.Context())
			check(err)
			writeFile(t, path, oldRejects)
			_, err = e.Run(t.Context(), w.client, export.RunOptions{})
			check(err)
			if n := len(w.imports()); n != 0 {
				t.Errorf("%d imports", n)
			}
			e.RejectsPath = ""
			writeFile(t, path, oldRejects)
			if _, err = e.Survey(t.Context()); err == nil {
				t.Error("no error")
			}
			checkFile(t, path, oldRejects)
		})
	}
}

// So does a run whose segment turns out to be another one as it is sent.
func TestRejectsOfASegmentThatChanged(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	path := filepath.Join(t.TempDir(), "rejects.csv")
	e := halfAtMost(listing(w.export(&changing{surveyed: people(60), sent: spoiled(60, 50, 0)}), path))
	e.SetBatchLimits(5, 1<<16)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	saysAll(t, err, "Too Many Rows Cannot Be Exported", fmt.Sprintf("listed in %q", path))
	if lines := readRejects(t, path); len(lines) != 50 {
		t.Errorf("%d lines", len(lines))
	}
}

// The rows of the reading before are not listed twice.
func TestRejectsAreThoseOfOneReading(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	path := filepath.Join(t.TempDir(), "rejects.csv")
	source := &changing{surveyed: spoiled(60, 20, 0), sent: spoiled(60, 20, 0)}
	r, err := listing(w.export(source), path).Run(t.Context(), w.client, export.RunOptions{})
	if err != nil || source.opened.Load() != 2 {
		t.Fatalf("read %d times, %v", source.opened.Load(), err)
	}
	checkRejects(t, path, r)
}

// A survey that cannot list the rows says so beside what it found, and leaves
// what is there.
func TestRejectsOfARefusedExportThatCannotBeListed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	folder := t.TempDir()
	notOurs := writeFile(t, filepath.Join(folder, "notes.txt"), "mine")
	for path, words := range map[string]string{
		notOurs:                               "that no run wrote",
		filepath.Join(notOurs, "rejects.csv"): "is not a directory",
	} {
		_, err := halfAtMost(listing(w.export(spoiled(60, 50, 0)), path)).Survey(t.Context())
		saysAll(t, err, "Too Many Rows Cannot Be Exported", fmt.Sprintf("could not be listed in %q", path), words, "Nothing was sent.")
	}
	checkAlone(t, notOurs)
	checkFile(t, notOurs, "mine")
}

// What is remembered of a segment is enough unless it is refused: its rows are
// to be listed.
func TestRejectsOfWhatIsRemembered(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	path := filepath.Join(t.TempDir(), "rejects.csv")
	source := spoiled(60, 20, 0)
	source.version = "v1"
	e := listing(w.export(teller{source}), path)
	last, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.Safeguards.MaxRejectedPercent = 10
	if _, err := e.SurveyUnless(t.Context(), last); err == nil {
		t.Fatal("no error")
	}
	if lines := readRejects(t, path); len(lines) != 20 {
		t.Errorf("%d lines", len(lines))
	}
}

// Each way in which a row cannot be read has a code of its own.
func TestRejectsHaveTheCodeOfTheirSource(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(40)
	source.before = func(_ context.Context, row int) error {
		switch row {
		case 7:
			return &segment.RowError{Code: "missing_profile", Problem: "is of a member without a profile"}
		case 9:
			return &segment.RowError{Code: "unreadable_value", Problem: "has a value without a text"}
		default:
			return nil
		}
	}
	s, err := w.export(source).Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int64{}
	for _, reason := range s.Rejected.Reasons() {
		codes[reason.Code] += reason.Count
		if reason.Target != (profile.Target{}) {
			t.Errorf("%s blames %v", reason.Code, reason.Target)
		}
	}
	if len(codes) != 2 || codes["missing_profile"] != 1 || codes["unreadable_value"] != 1 {
		t.Errorf("codes %v", codes)
	}
}
