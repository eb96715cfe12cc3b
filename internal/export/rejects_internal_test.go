package export

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Without a path nothing is collected, which would be for nobody.
func TestNoRejectsWithoutAPath(t *testing.T) {
	t.Parallel()
	e := &Export{Segments: []pipeline.Segment{{Name: "s"}}}
	r, err := e.openRejects()
	if r != nil || err != nil {
		t.Fatalf("rejects %v, %v", r, err)
	}
	r.add(tally.Row{Segment: "s", Number: 1}, "code", "words")
	r.empty()
	if err := r.write(); err != nil {
		t.Error(err)
	}
	if err := r.list(io.EOF); err != io.EOF { //nolint:errorlint // the same one
		t.Error(err)
	}
	r.discard()
}

// Whatever Klaviyo says, a row is one record of the file.
func TestRejectsAreOneRecordARow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rejects.csv")
	e := &Export{Segments: []pipeline.Segment{{Name: "b\n,\""}, {Name: "a"}}, RejectsPath: path}
	r, err := e.openRejects()
	if err != nil {
		t.Fatal(err)
	}
	r.add(tally.Row{Segment: "a", Number: 1}, `co"de`, "two\nlines")
	r.add(tally.Row{}, "", "")
	r.add(tally.Row{Segment: "b\n,\"", Number: 10}, "x", "a, b")
	r.add(tally.Row{Segment: "b\n,\"", Number: 9}, "x", " 'quoted' \"twice\"")
	r.add(tally.Row{Segment: "a", Number: 1 << 40}, "x", "a, b")
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	r.discard() // does not take what is in its place
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := csv.NewReader(file).ReadAll()
	want := [][]string{
		rejectsHeader,
		{"", "", "", "", "", ""},
		{"b\n,\"", "9", " 'quoted' \"twice\"", "x", "", ""},
		{"b\n,\"", "10", "a, b", "x", "", ""},
		{"a", "1", "two\nlines", `co"de`, "", ""},
		{"a", "1099511627776", "a, b", "x", "", ""},
	}
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if len(r.reasons) != 4 {
		t.Errorf("%d reasons are kept of 4", len(r.reasons))
	}
}

// However many texts there are, a bounded number is kept. A row beyond them has
// its code, and the texts that are known are still used.
func TestRejectsKeepABoundedNumberOfReasons(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rejects.csv")
	e := &Export{Segments: []pipeline.Segment{{Name: "s"}}, RejectsPath: path}
	r, err := e.openRejects()
	if err != nil {
		t.Fatal(err)
	}
	const rows = 3 * maxReasons
	for i := range rows {
		r.add(tally.Row{Segment: "s", Number: int64(i + 1)}, "invalid", fmt.Sprintf("row %d is not valid", i+1))
	}
	r.add(tally.Row{Segment: "s", Number: rows + 1}, "invalid", "row 1 is not valid")
	if len(r.reasons) > maxReasons+1 || len(r.known) != len(r.reasons) {
		t.Errorf("%d reasons are kept, %d of them to be found", len(r.reasons), len(r.known))
	}
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(lines) != rows+2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for number, want := range map[int]string{1: "row 1 is not valid", maxReasons: fmt.Sprintf("row %d is not valid", maxReasons), maxReasons + 1: "invalid", rows: "invalid", rows + 1: "row 1 is not valid"} {
		if line := lines[number]; line[2] != want || line[3] != "invalid" {
			t.Errorf("line %q, want %q", line, want)
		}
	}
}

// holdsTemporary tells a process of this test to hold a file in its directory.
const holdsTemporary = "TEST_HOLDS_TEMPORARY"

// TestHoldsTemporary is a run in another process, as far as its file goes.
func TestHoldsTemporary(t *testing.T) {
	t.Parallel()
	if os.Getenv(holdsTemporary) == "" {
		return
	}
	if _, err := openTemporary(temporaryName("rejects.csv")); err != nil {
		t.Fatal(err)
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

// A run in another process keeps its file while it lives, and no longer.
func TestTemporaryOfAnotherProcess(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := temporaryName(filepath.Join(folder, "rejects.csv"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(program, "-test.run=^TestHoldsTemporary$")
	other.Dir, other.Env = folder, append(os.Environ(), holdsTemporary+"=yes")
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	file, held := openTemporary(name)
	if killed := other.Process.Kill(); killed != nil {
		t.Fatal(killed)
	}
	_ = other.Wait() // says that it was killed
	var refused *refusal
	if err != nil || line != "held\n" || file != nil || !errors.As(held, &refused) {
		t.Fatalf("%q, %v: opened %v, %v", line, err, file, held)
	}
	file, err = openTemporary(name)
	if err != nil {
		t.Fatal(err)
	}
	removeTemporary(file)
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// A file that another run moves into its place, or removes, between the moment
// when it is opened and that when it is locked is no longer a temporary one.
func TestTemporaryThatIsMovedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(name string) error{
		"moved":   func(name string) error { return os.Rename(name, name+".moved") },
		"removed": os.Remove,
		"another": func(name string) error {
			return errors.Join(os.Rename(name, name+".moved"), os.WriteFile(name, nil, 0o600))
		},
	} {
		place := filepath.Join(t.TempDir(), "rejects.csv")
		file, created, err := createOrOpen(temporaryName(place))
		if err != nil || !created {
			t.Fatalf("created %v, %v", created, err)
		}
		if err := move(file.Name()); err != nil {
			t.Fatal(err)
		}
		if err := claimTemporary(file, created); !errors.Is(err, errMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
