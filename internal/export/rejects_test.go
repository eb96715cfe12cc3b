package export_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// readRejects reads a file of rejects, without its header.
func readRejects(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) == 0 || !slices.Equal(lines[0], []string{"segment", "row", "reason", "code", "file", "line"}) {
		t.Fatalf("%v: %.200q", err, text)
	}
	for i, line := range lines {
		lines[i] = line[:4] // these segments are in no files
	}
	if strings.Contains(string(text), "@") {
		t.Errorf("an address is shown in %.2000s", text)
	}
	return lines[1:]
}

// checkRejects makes sure that a file lists what a run did not export, row by
// row, and is alone in its directory.
func checkRejects(t *testing.T, path string, r *export.Result) {
	t.Helper()
	checkAlone(t, path)
	lines := readRejects(t, path)
	if int64(len(lines)) != r.Rows-r.Exported {
		t.Errorf("%d lines for %d rows of which %d were exported", len(lines), r.Rows, r.Exported)
	}
	want := map[string]int64{"duplicate": r.Duplicates, "withheld": r.Withheld, "not_confirmed": r.Unconfirmed.Total(), "unconsented": r.Unconsented}
	for _, reason := range slices.Concat(r.Rejected.Reasons(), r.Refused.Reasons(), r.Untaken.Reasons()) {
		want[reason.Code] += reason.Count
	}
	seen := map[string]bool{}
	for _, line := range lines {
		want[line[3]]--
		place := line[0] + " " + line[1]
		if seen[place] || line[2] == "" {
			t.Errorf("line %q", line)
		}
		seen[place] = place != " " // of several rows it may not be known which they are
	}
	for code, missing := range want {
		if missing != 0 {
			t.Errorf("%d lines too few are about %s", missing, code)
		}
	}
}

// oldRejects is a rejects file of an earlier run.
const oldRejects = "segment,row,reason,code\nvip,1,old,old\n"

// writeFile leaves a file and returns its path.
func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkFile makes sure that a file holds what it should.
func checkFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%q holds %.200q (%v), want %.200q", path, got, err, want)
	}
}

// checkAlone makes sure that a file is one for its owner, and that nothing is
// left beside it.
func checkAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Fatalf("directory %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Each row that is not exported has its line, whatever became of it, in the
// order of the segments and their rows, though it is known in another.
func TestRunListsRejects(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.RefuseEmail("r@example.com", "not_welcome", "r@example.com says \"no\",\r\nfor good.")
	w.Unsubscribe(w.listID, "w@example.com")
	for i := 2; i < 60; i += 10 {
		w.FailEmail(address(i), "too_late", "")
	}
	first, second := people(60), people(61)
	first.rows = append(first.rows,
		[]string{"P1@Example.com", "", "", ""}, []string{"w@example.com", "", "", ""}, []string{"ragged"},
		[]string{"nobody", "", "", ""}, []string{"r@example.com", "", "", ""}, []string{"", "", "", ""}, []string{"v@example.com", "nonsense", "", ""})
	second.rows = append(second.rows, []string{"W@example.com", "", "", ""}, []string{"x\xff@example.com", "", "", ""})
	e := w.export(first, second)
	e.Segments[0].Name, e.Segments[1].Name = "zebra", `a "quoted", name`
	e.SetBatchLimits(7, 1<<16)
	path := filepath.Join(t.TempDir(), "rejects.csv")
	writeFile(t, path, oldRejects)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := listing(e, path).Run(t.Context(), w.client, export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	checkRejects(t, path, r)
	var want [][]string
	line := func(segment, row int, reason, code string) {
		want = append(want, []string{e.Segments[segment].Name, fmt.Sprint(row), reason, code})
	}
	const twice = "an earlier row has the same email address"
	for i := 3; i <= 60; i += 10 {
		line(0, i, "Klaviyo: Invalid input.", "too_late")
	}
	line(0, 61, twice, "duplicate")
	line(0, 62, "the person unsubscribed from the list", "withheld")
	line(0, 63, "the row has 1 fields, the header has 4", "malformed_row")
	line(0, 64, "the email address is not valid", "invalid_email")
	line(0, 65, "Klaviyo: *** says \"no\",\nfor good.", "not_welcome") // as csv reads a line end
	line(0, 66, "the email address is empty", "missing_email")
	for i := 1; i <= 60; i++ {
		line(1, i, twice, "duplicate")
	}
	line(1, 62, twice, "duplicate")
	line(1, 63, "data_matching.email is not UTF-8 text", "not_utf8")
	if got := readRejects(t, path); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A profile that failed without a name is listed without a place.
func TestRunListsRejectsOfRowsThatAreNotKnown(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.FailEmail(address(3), "c", "d")
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/import-errors") {
			_, _ = rw.Write([]byte(`{"data":[],"links":{"next":null}}`))
			return
		}
		replay(rw, record(next, r))
	})
	source := people(10)
	source.rows[5][0] = "nobody"
	path := filepath.Join(t.TempDir(), "rejects.csv")
	r, err := listing(w.export(source), path).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkRejects(t, path, r)
	want := [][]string{
		{"", "", "Klaviyo: the profile was not imported, without a reason", "not_imported"},
		{"s1", "6", "the email address is not valid", "invalid_email"},
	}
	if got := readRejects(t, path); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Without rejects the file is there all the same, so that it is never that of
// an earlier run.
func TestRunListsNoRejects(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	path := filepath.Join(t.TempDir(), "rejects.csv")
	writeFile(t, path, oldRejects)
	r, err := listing(w.export(people(3)), path).Run(t.Context(), w.client, export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkRejects(t, path, r)
}

func TestRunFindsOutFirstThatRejectsCannotBeListed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := writeFile(t, filepath.Join(folder, "file"), oldRejects)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if err := os.Symlink(filepath.Join(folder, "missing"), nowhere); err != nil {
		t.Fatal(err)
	}
	circle := filepath.Join(t.TempDir(), "circle")
	if err := os.Symlink(circle, circle); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{
		"a directory":             folder,
		"a directory, with slash": folder + "/",
		"below a file":            filepath.Join(file, "rejects.csv"),
		"a link to a directory":   link,
		"a link to nothing":       nowhere,
		"a link to itself":        circle,
	}
	if os.Geteuid() > 0 { // root may write anywhere
		locked := t.TempDir()
		if err := os.Chmod(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		paths["a directory that is not to be written to"] = filepath.Join(locked, "rejects.csv")
	}
	w := newEnv(t, simulator.Options{})
	for name, path := range paths {
		e := w.export(people(3))
		_, err := listing(e, path).Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, []string{"rejects_path"}, "Rejects File Cannot Be Written", fmt.Sprintf("%q", path), "Nothing was sent.")
		if checked := e.CheckRejects(); fmt.Sprint(checked) != fmt.Sprint(err) {
			t.Errorf("%s: the check says %v, the run %v", name, checked, err)
		}
		if path == nowhere && !strings.Contains(err.Error(), "a link that leads to nothing") {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(w.Requests()); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	checkAlone(t, file)
}

// A link stays one, and what it leads to is replaced, wherever that is.
func TestRunListsRejectsWhereALinkLeads(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	folder, links := t.TempDir(), t.TempDir()
	file := writeFile(t, filepath.Join(folder, "rejects.csv"), oldRejects)
	relative, err := filepath.Rel(links, file)
	if err != nil {
		t.Fatal(err)
	}
	leads := map[string]string{"first": relative, "second": "first"}
	for name, to := range leads {
		if err := os.Symlink(to, filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.OnRequest(func(*http.Request) { // the file is made beside what it replaces, or it could not always take its place
		if entries, err := os.ReadDir(links); err != nil || len(entries) != len(leads) {
			t.Errorf("directory %v, %v", entries, err)
		}
	})
	e := w.export(people(3))
	for i, name := range []string{"first", "second"} {
		w.Unsubscribe(w.listID, address(i))
		r, err := listing(e, filepath.Join(links, name)).Run(t.Context(), w.client, export.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkRejects(t, file, r)
		for name, want := range leads {
			if to, err := os.Readlink(filepath.Join(links, name)); err != nil || to != want {
				t.Errorf("%s leads to %q, %v", name, to, err)
			}
		}
	}
}

// What an earlier run left stays when a run fails, wherever it does.
func TestRunThatFailsKeepsTheOldRejects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source *table
		fault  simulator.Fault
	}{
		"before it sends": {people(0), simulator.Fault{Path: "/nothing"}},
		"as it sends":     {people(3), simulator.Fault{Method: "POST", Status: 400, Body: `{"errors":[{}]}`}},
		"as it waits":     {people(3), simulator.Fault{Method: "GET", Path: jobsPath, Nth: 2, Status: 400, Body: `{"errors":[{}]}`}},
	} {
		w := newEnv(t, simulator.Options{})
		w.Inject(tc.fault)
		path := writeFile(t, filepath.Join(t.TempDir(), "rejects.csv"), oldRejects)
		if _, err := listing(w.export(tc.source), path).Run(t.Context(), w.client, export.RunOptions{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		checkAlone(t, path)
		checkFile(t, path, oldRejects)
	}
}

// When a run cannot put the file into its place in the end, it says so, and that
// all else is done.
func TestRunSaysThatTheRejectsWereNotListed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	path := filepath.Join(t.TempDir(), "rejects.csv")
	w.OnRequest(func(r *http.Request) {
		if isPoll(r) {
			_ = os.Mkdir(path, 0o700)
		}
	})
	w.Unsubscribe(w.listID, address(3))
	r, err := listing(w.export(people(4)), path).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"rejects_path"}, "Rejects File Cannot Be Written", fmt.Sprintf("%q", path),
		"All profiles were sent and Klaviyo has finished with them, only the file of rejected rows is missing", "The next apply sends the profiles once more")
	w.checkMembers(t, addresses(3))
	if r != nil {
		t.Errorf("result %+v", r)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("directory %v, %v", entries, err)
	}
}
