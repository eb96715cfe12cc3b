package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// rejectsHeader is the first line of a rejects file.
const rejectsHeader = "segment,row,reason,code,file,line\n"

// listing is an export with a row that is not exported, and a rejects file.
func (w *env) listing(path string) configuration {
	return w.export(threeCSV+"nobody,Nobody\n").with(exportBlock, "safeguards", halfRejected).with(exportBlock, "rejects_path", fmt.Sprintf("%q", path))
}

// wantFile checks what a file in the directory of the test holds.
func (w *env) wantFile(name, want string) {
	w.t.Helper()
	want = regexp.MustCompile(`(?m)^vip,\d+,[^,\n]*,[^,\n]*$`).ReplaceAllStringFunc(want, func(line string) string {
		row, _ := strconv.Atoi(strings.Split(line, ",")[1])
		return fmt.Sprintf("%s,%s,%d", line, filepath.Join(w.dir, "vip.csv"), row+1) // after the header
	})
	if got, err := os.ReadFile(filepath.Join(w.dir, name)); err != nil || string(got) != want {
		w.t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

// A plan refuses a rejects file that a run must not or cannot write.
func TestAccRejects_refused(t *testing.T) {
	t.Parallel()
	const title = "Rejects File Cannot Be Written"
	var plans refusals
	for name, test := range map[string]struct {
		path  func(w *env) string
		words []string
	}{
		"a configuration": {
			func(w *env) string { return w.write("main.tf", "terraform {}\n") },
			[]string{title, "rejects_path =", "a file of 13 bytes that no run wrote", rejectsHeader, "Name another path", "Nothing was sent."},
		},
		"CSV": {
			func(w *env) string { return w.write("people.csv", threeCSV) },
			[]string{title, "that no run wrote"},
		},
		"an empty file": {
			func(w *env) string { return w.write("empty.csv", "") },
			[]string{title, "an empty file"},
		},
		"the segment": {
			func(w *env) string { return filepath.Join(w.dir, "vip.csv") },
			[]string{"Rejects File Is A Segment", `The segment "vip" is read from`, "Name another path"},
		},
		"the segment, not clean": {
			func(w *env) string { return w.dir + "/./x/../vip.csv" },
			[]string{"Rejects File Is A Segment"},
		},
		"the segment, relative": {
			func(w *env) string { return relative(w, "vip.csv") },
			[]string{title, `the segment "vip" is read from that file`, "Nothing was sent."},
		},
		"the segment, by a link": {
			func(w *env) string {
				link := filepath.Join(w.t.TempDir(), "rejects.csv")
				if err := os.Symlink(filepath.Join(w.dir, "vip.csv"), link); err != nil {
					w.t.Fatal(err)
				}
				return link
			},
			[]string{title, `the segment "vip" is read from that file`},
		},
		"a file for a folder": {
			func(w *env) string { return filepath.Join(w.write("rejects", "text\n"), "vip.csv") },
			[]string{title, "is not a directory", "in a directory that the user who runs Terraform may write to", "Nothing was sent."},
		},
		"a folder": {
			func(w *env) string { return w.dir },
			[]string{title, "something else than a file"},
		},
		"a line end": {
			func(w *env) string { return filepath.Join(w.dir, "a") + "\nb.csv" },
			[]string{"Control Character In Path", `a\nb.csv`, "Take it out"},
		},
	} {
		w := newEnv(t)
		config := w.listing(test.path(w))
		before := w.files()
		plans.add(name, w, config, test.words, func() {
			w.wantNoImport()
			if after := w.files(); after != before {
				t.Errorf("%s: files %s, want %s", name, after, before)
			}
		})
	}
	plans.run(t)
}

// A run creates the folder of its rejects file, as in a fresh checkout.
func TestAccRejects_createsItsFolder(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.listing(filepath.Join(w.dir, "reports", "rejects", "vip.csv"))
	c := newCLI(t, config, envAPIKey+"=")
	c.run("Plan: ", "plan", "-no-color", "-input=false")
	if _, err := os.Stat(filepath.Join(w.dir, "reports")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the plan has made the folder (%v), and only a run may", err)
	}
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantFile(filepath.Join("reports", "rejects", "vip.csv"), rejectsHeader+"vip,4,the email address is not valid,invalid_email\n")

	w.write("report.txt", "not a folder")
	c = newCLI(t, w.listing(filepath.Join(w.dir, "report.txt", "rejects", "vip.csv")), envAPIKey+"=")
	out, err := c.try("plan", "-no-color", "-input=false")
	if err == nil {
		t.Fatalf("the plan succeeded with a file in place of the folder:\n%s", out)
	}
	c.wantWords(out, "Rejects File Cannot Be Written")
}

// relative is the path of a file of the test from where the provider runs.
func relative(w *env, name string) string {
	working, err := os.Getwd()
	if err != nil {
		w.t.Fatal(err)
	}
	path, err := filepath.Rel(working, filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

// files lists the directory of the test with what the files hold.
func (w *env) files() string {
	w.t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(w.dir, entry.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %q\n", entry.Name(), content)
	}
	return b.String()
}

// What is known only on apply is refused then, before anything is sent.
func TestAccRejects_refusedOnApply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := w.write("main.tf", "terraform {}\n")
	w.run(failed(w.listing(path).late(exportBlock, "rejects_path"), "Rejects File Cannot Be Written", "that no run wrote", "Nothing was sent."))
	w.wantImports(0)
	w.wantFile("main.tf", "terraform {}\n")
}

// A plan that is refused because of the rows in the segment lists them all, and
// so does one that is refused because less is allowed of the same segment. A
// refresh writes nothing.
func TestAccRejects_ofARefusedPlan(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := filepath.Join(w.dir, "rejects.csv")
	config := w.listing(path)
	const listed = rejectsHeader + "vip,4,the email address is not valid,invalid_email\n"
	first := refused(config.with(exportBlock, "safeguards", "{ max_rejected_percent = 10 }"),
		"Too Many Rows Cannot Be Exported", "Of 4 rows, 1 cannot be exported: 25 %", "The rows that are not exported are listed in", "rejects.csv", "Nothing was sent.")
	again := first
	again.PreConfig = func() {
		w.wantFile("rejects.csv", listed)
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
	worse := refused(config, "Too Many Rows Cannot Be Exported", "Of 7 rows, 4 cannot be exported", "listed in")
	worse.PreConfig = func() {
		w.wantFile("rejects.csv", listed)
		w.write("vip.csv", threeCSV+"nobody,Nobody\na,A\nb,B\n,C\n")
	}
	w.run(first, applied(config, inState(exportAddress, values{"rejected_count": 1})), again, worse)
	w.wantImports(1)
	w.wantFile("rejects.csv", listed+"vip,5,the email address is not valid,invalid_email\nvip,6,the email address is not valid,invalid_email\nvip,7,the email address is empty,missing_email\n")
}

// The rejects file of the last run is replaced, and a pattern among the
// segments does not match it, nor what a killed run left.
func TestAccRejects_amongSegments(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := filepath.Join(w.dir, "rejects.csv")
	config := w.listing(path).with(exportBlock, "segment",
		fileSegment(filepath.Join(w.dir, "*"), `format = "csv"`))
	created := applied(config, inState(exportAddress, values{"profile_count": 3, "rejected_count": 1}))
	again := applied(config, inState(exportAddress, values{"profile_count": 4, "rejected_count": 2}))
	again.PreConfig = func() {
		w.wantFile("rejects.csv", rejectsHeader+"vip,4,the email address is not valid,invalid_email\n")
		w.write(".rejects.csv.klaviyo-run", rejectsHeader+"vip,4,the em")
		w.write("vip2.csv", "EMail,FirstName\njoe@example.com,Joe\n,Nobody\n")
	}
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 4})
	w.run(created, again)
	w.wantImports(2)
	w.wantFile("rejects.csv", rejectsHeader+"vip,4,the email address is not valid,invalid_email\nvip,6,the email address is empty,missing_email,"+filepath.Join(w.dir, "vip2.csv")+",3\n")
	if files := w.files(); strings.Count(files, "\n") != 3 {
		t.Errorf("files %s", files)
	}
}

// otherExportBlock is a second export to the same list.
const otherExportBlock = `resource "klaviyo_segment_export" "other"`

// withOther adds an export of other people to the same list, with a rejects
// file of its own.
func (c configuration) withOther(w *env, rejects string) configuration {
	for argument, expression := range c[exportBlock] {
		c = c.with(otherExportBlock, argument, expression)
	}
	return c.with(otherExportBlock, "display_name", `"Newcomers"`).
		with(otherExportBlock, "segment", fileSegment(w.write("new.csv", "EMail,FirstName\njoe@example.com,Joe\nnobody,Nobody\n"))).
		with(otherExportBlock, "rejects_path", fmt.Sprintf("%q", rejects))
}

// Two exports do not share a rejects file, by whatever names they call it. The
// plan says so, and that of apply where a name is not known before.
func TestAccRejects_ofTwoExports(t *testing.T) {
	t.Parallel()
	const title = "Rejects File Of Another Export"
	for name, test := range map[string]struct {
		there bool // already, from an earlier run
		other func(w *env) string
	}{
		"equal":    {false, func(w *env) string { return filepath.Join(w.dir, "rejects.csv") }},
		"relative": {true, func(w *env) string { return relative(w, "rejects.csv") }},
		"a linked folder": {false, func(w *env) string {
			link := filepath.Join(w.t.TempDir(), "folder")
			if err := os.Symlink(w.dir, link); err != nil {
				w.t.Fatal(err)
			}
			return filepath.Join(link, "rejects.csv")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			if test.there {
				w.write("rejects.csv", rejectsHeader)
			}
			config := w.listing(filepath.Join(w.dir, "rejects.csv")).withOther(w, test.other(w))
			plan := refused(config, title)
			both := refused(config, "Newcomers", "is the same file: each run would replace the list of the other")
			also := refused(config, "VIP customers to Klaviyo", "a path of its own for each export")
			w.run(plan, both, also)
			w.wantImports(0)
		})
	}
	t.Run("known on apply", func(t *testing.T) {
		t.Parallel()
		w := newEnv(t)
		path := filepath.Join(w.dir, "rejects.csv")
		w.run(failed(w.listing(path).withOther(w, path).late(otherExportBlock, "rejects_path"), title, "Nothing was sent."))
		w.wantImports(1)
	})
}

// Each export has its own file, and may plan and run again with it.
func TestAccRejects_ofEachExport(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	config := w.listing(filepath.Join(w.dir, "one.csv")).withOther(w, filepath.Join(w.dir, "two.csv"))
	swapped := w.listing(filepath.Join(w.dir, "two.csv")).withOther(w, filepath.Join(w.dir, "one.csv"))
	again := swapped.with(exportBlock, "triggers", `{ a = "b" }`).with(otherExportBlock, "triggers", `{ a = "b" }`)
	w.run(applied(config), applied(swapped), applied(again))
	w.wantFile("one.csv", rejectsHeader+"vip,2,the email address is not valid,invalid_email,"+filepath.Join(w.dir, "new.csv")+",3\n")
	w.wantFile("two.csv", rejectsHeader+"vip,4,the email address is not valid,invalid_email\n")
}

// An export that is replaced is planned twice, and is not another one to itself.
func TestAccRejects_replaced(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.listing(filepath.Join(w.dir, "rejects.csv")), envAPIKey+"=")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve", "-replace="+exportAddress)
	w.wantImports(2)
}
