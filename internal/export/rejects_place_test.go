package export_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// segmentText is a segment as a file, for exports of the test.
const segmentText = "email,phone,n,text\np0@example.com,,0,\np1@example.com,,1,\nnobody,,2,\n"

func symlink(t *testing.T, to, path string) string {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantRefused makes sure that a run refuses to write its rejects file, as the
// check before it does, and that neither sends, writes or leaves anything.
func (w *env) wantRefused(t *testing.T, e *export.Export, path string, says ...string) {
	t.Helper()
	before := filesIn(t, filepath.Dir(path))
	_, err := listing(e, path).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"rejects_path"}, "Rejects File Cannot Be Written", append(says, fmt.Sprintf("%q", path), "Nothing was sent.")...)
	if checked := e.CheckRejects(); fmt.Sprint(checked) != fmt.Sprint(err) {
		t.Errorf("the check says %v, the run %v", checked, err)
	}
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if after := filesIn(t, filepath.Dir(path)); after != before {
		t.Errorf("files %s, want %s", after, before)
	}
}

// filesIn lists the files of a folder with what they hold.
func filesIn(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		content, _ := os.ReadFile(filepath.Join(folder, entry.Name())) // a folder holds none
		fmt.Fprintf(&b, "%s %s %q\n", entry.Type(), entry.Name(), content)
	}
	return b.String()
}

func TestRunReplacesNothingButRejectsFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"a configuration":                  "terraform {\n}\n",
		"a state":                          "{\n  \"version\": 4\n}\n",
		"a segment":                        segmentText,
		"a column more":                    "segment,row,reason,code,note\nvip,1,a,b,c\n",
		"a column less":                    "segment,row,reason\nvip,1,a\n",
		"the columns in another order":     "row,segment,reason,code\n1,vip,a,b\n",
		"the line ends of another program": "segment,row,reason,code\r\nvip,1,a,b\r\n",
		"a byte order mark":                "\ufeffsegment,row,reason,code\n",
		"the header without its end":       "segment,row,reason,code",
		"a line before the header":         "\nsegment,row,reason,code\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			path := writeFile(t, filepath.Join(t.TempDir(), "file"), content)
			w.wantRefused(t, w.export(people(3)), path, fmt.Sprintf("a file of %d bytes that no run wrote", len(content)),
				`begins with exactly the line "segment,row,reason,code,file,line"`, "Name another path in rejects_path, or remove the file")
		})
	}
}

func TestRunReplacesNoEmptyFile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	path := writeFile(t, filepath.Join(t.TempDir(), "rejects.csv"), "")
	w.wantRefused(t, w.export(people(3)), path, "an empty file", "or remove the file")
}

// What a link leads to is held to the same.
func TestRunReplacesNothingButRejectsFilesBehindALink(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	target := writeFile(t, filepath.Join(t.TempDir(), "main.tf"), "terraform {}\n")
	link := symlink(t, target, filepath.Join(t.TempDir(), "rejects.csv"))
	w.wantRefused(t, w.export(people(3)), link, "a file of 13 bytes that no run wrote")
	checkAlone(t, target)
}

// A segment is never overwritten, by whatever name the path finds it, and even
// if it looks like a rejects file.
func TestRunNeverReplacesASegment(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"of rows": segmentText, "like a rejects file": oldRejects, "not there yet": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, "vip.csv")
			working, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			relative, err := filepath.Rel(working, path)
			if err != nil {
				t.Fatal(err)
			}
			names := []string{path, relative, filepath.Join(symlink(t, folder, filepath.Join(t.TempDir(), "folder")), "vip.csv")}
			if content != "" {
				hard := filepath.Join(t.TempDir(), "hard.csv")
				if err := os.Link(writeFile(t, path, content), hard); err != nil {
					t.Fatal(err)
				}
				names = append(names, hard, symlink(t, path, filepath.Join(t.TempDir(), "rejects.csv")))
			}
			for _, rejects := range names {
				w := newEnv(t, simulator.Options{})
				e := w.export(people(1), csvFiles{path: path})
				w.wantRefused(t, e, rejects, `the segment "s2" is read from that file, which would be overwritten`, "Name another path in rejects_path.")
			}
		})
	}
}

// What appears where the rejects file is to be, while the run is under way, is
// not overwritten either.
func TestRunReplacesNothingThatAppears(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	folder := t.TempDir()
	path, target := filepath.Join(folder, "rejects.csv"), writeFile(t, filepath.Join(t.TempDir(), "old.csv"), oldRejects)
	for what, appear := range map[string]func(){
		"there is already a file of 6 bytes that no run wrote": func() { writeFile(t, path, "mine\r\n") },
		"there is something else than a file":                  func() { symlink(t, target, path) },
	} {
		var once sync.Once
		w.OnRequest(func(*http.Request) { once.Do(appear) })
		_, err := listing(w.export(people(3)), path).Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, []string{"rejects_path"}, "Rejects File Cannot Be Written", what, "All profiles were sent and Klaviyo has finished with them")
		if files := filesIn(t, folder); strings.Count(files, "\n") != 1 || strings.Contains(files, "segment,row") != strings.Contains(what, "something else") {
			t.Errorf("%s: files %s", what, files)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	checkFile(t, target, oldRejects)
}

// temporary is the file that a run writes before it moves it to a path.
func temporary(path string) string { return export.RejectsFiles(path)[1] }

// What a killed run left is no obstacle to the next one, and does not stay.
func TestRunTakesOverWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]string{
		"nothing yet": "", "the header": "segment,row,reason,code\n",
		"half of the rows": "segment,row,reason,code\n" + strings.Repeat("vip,1,left behind,left\n", 500) + "vip,501,le",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			path := filepath.Join(t.TempDir(), "rejects.csv")
			if err := os.Chmod(writeFile(t, temporary(path), left), 0o644); err != nil {
				t.Fatal(err)
			}
			source := people(3)
			source.rows[1][0] = "nobody"
			r, err := listing(w.export(source), path).Run(t.Context(), w.client, export.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			checkRejects(t, path, r)
		})
	}
}

// A file of that name which no run wrote is left alone, and what a link of that
// name leads to.
func TestRunTakesOverNothingElse(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	for name, leave := range map[string]func(path string){
		"a file":              func(path string) { writeFile(t, path, "mine\n") },
		"a folder":            func(path string) { _ = os.Mkdir(path, 0o700) },
		"a link":              func(path string) { symlink(t, writeFile(t, filepath.Join(elsewhere, "x"), oldRejects), path) },
		"a link that dangles": func(path string) { symlink(t, filepath.Join(elsewhere, "y"), path) },
	} {
		w := newEnv(t, simulator.Options{})
		path := filepath.Join(t.TempDir(), "rejects.csv")
		leave(temporary(path))
		before := filesIn(t, filepath.Dir(path))
		_, err := listing(w.export(people(3)), path).Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, []string{"rejects_path"}, "Rejects File Cannot Be Written", fmt.Sprintf("%q, which a run writes first, is there and no run wrote it", temporary(path)), "Nothing was sent.")
		if n := len(w.Requests()); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
		if after := filesIn(t, filepath.Dir(path)); after != before {
			t.Errorf("%s: files %s, want %s", name, after, before)
		}
	}
	if files := filesIn(t, elsewhere); files != fmt.Sprintf("---------- x %q\n", oldRejects) {
		t.Errorf("files %s", files)
	}
}

// While a run is under way no other writes its rejects file, by whatever name,
// and none takes its temporary file for what a killed run left.
func TestRunHasItsRejectsFileToItself(t *testing.T) {
	t.Parallel()
	w, other := newEnv(t, simulator.Options{}), newEnv(t, simulator.Options{})
	folder := t.TempDir()
	path := writeFile(t, filepath.Join(folder, "rejects.csv"), oldRejects)
	names := []string{path, symlink(t, path, filepath.Join(t.TempDir(), "link.csv")), filepath.Join(symlink(t, folder, filepath.Join(t.TempDir(), "folder")), "rejects.csv")}
	var once sync.Once
	w.OnRequest(func(*http.Request) {
		once.Do(func() {
			for _, name := range names {
				_, err := listing(other.export(people(3)), name).Run(t.Context(), other.client, export.RunOptions{})
				asError(t, err, []string{"rejects_path"}, "Rejects File Cannot Be Written", fmt.Sprintf("%q", name), "another run is writing it", "a path of its own for each export", "Nothing was sent.")
			}
		})
	})
	source := people(3)
	source.rows[1][0] = "nobody"
	r, err := listing(w.export(source), path).Run(t.Context(), w.client, export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkRejects(t, path, r)
	if n := len(other.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	for _, name := range names {
		if r, err = listing(other.export(people(3)), name).Run(t.Context(), other.client, export.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		checkRejects(t, path, r)
	}
}

// A pattern that matches the rejects file does not read it, nor what the run
// writes first.
func TestRunDoesNotReadItsRejectsFile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "vip.csv"), segmentText)
	file := filepath.Join(folder, "rejects.csv")
	for _, path := range []string{file, file, symlink(t, file, filepath.Join(t.TempDir(), "link"))} {
		e := w.export(csvFiles{filepath.Join(folder, "*"), export.RejectsFiles(path)})
		r, err := listing(e, path).Run(t.Context(), w.client, export.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows != 3 || r.Rejected.Total != 1 {
			t.Errorf("%d rows, %d rejected", r.Rows, r.Rejected.Total)
		}
		if lines := readRejects(t, file); len(lines) != 1 || lines[0][1] != "3" {
			t.Errorf("lines %q", lines)
		}
		if s, err := e.Survey(t.Context()); err != nil || s.Rows != 3 {
			t.Errorf("survey %+v, %v", s, err)
		}
	}
	if files := filesIn(t, folder); strings.Count(files, "\n") != 2 {
		t.Errorf("files %s", files)
	}
}
