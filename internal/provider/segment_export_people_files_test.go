package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folders writes files into folders below the directory of the test, each with a header and one person.
func (w *env) folders(people map[string]string) {
	w.t.Helper()
	for name, person := range people {
		path := filepath.Join(w.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.t.Fatal(err)
		}
		w.write(name, "EMail,FirstName\n"+person)
	}
}

// A ** reads what fileset() of Terraform finds.
func TestAccSegmentExport_filesBelowFolders(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.folders(map[string]string{"segments/top.csv": rowAnn, "segments/2026-11/vip.csv": rowBob, "segments/2026-11/eu/vip.csv": rowEve, "segments/other.txt": "x@example.com,X\n"})
	pattern := w.dir + "/segments/**/*.csv"
	files := fmt.Sprintf("[for name in fileset(%q, \"segments/**/*.csv\") : name]", w.dir)
	w.run(applied(w.export(threeCSV).with(exportBlock, "segment", fileSegment(pattern)).with(dataBlock, "input", "length("+files+")"),
		inState(exportAddress, values{"profile_count": 3, "rejected_count": 0}), inState("terraform_data.late", values{"input": 3})))
	w.wantMembers(three...)
}

// The plan says which of several dated folders is read, and warns if it is all of
// them.
func TestAccSegmentExport_newestFolder(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.folders(map[string]string{"out/2026-9-30/vip.csv": rowAnn + rowBob, "out/2026-11-27/a.csv": rowBob, "out/2026-11-27/b.csv": rowEve})
	pattern := w.dir + "/out/*/*.csv"
	for name, tc := range map[string]struct {
		argument, profiles, words string
	}{
		"newest":     {"newest = true", "2 Profiles To Export", `2026-11-27"; 1 other`},
		"not chosen": {"", "3 Profiles To Export", "The files of 2 dated folders are read together"},
		"all":        {"newest = false", "3 Profiles To Export", ""},
	} {
		c := newCLI(t, w.export(threeCSV).with(exportBlock, "segment", fileSegment(pattern, tc.argument)))
		plan, err := c.try("plan", "-no-color", "-input=false")
		if err != nil {
			t.Fatalf("%s\n%s", err, plan)
		}
		c.wantWords(plan, tc.profiles)
		if noticed := strings.Contains(plan, "What Was Read: VIP customers to Klaviyo"); noticed != (tc.words != "") {
			t.Errorf("%s: warning of the folders: %v", name, noticed)
		}
		c.wantWords(plan, tc.words)
	}
}

// What a plan says of files as people have them.
func TestAccSegmentExport_filesOfPeople(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for name, tc := range map[string]struct {
		file, content string
		words         []string
	}{
		"quotes in TSV": {"q.tsv", strings.ReplaceAll(threeCSV, ",", "\t") + "joe@example.com\t\"Joe\"\n", []string{"4 Profiles To Export", "In TSV a quote is text", "(cells of mapped columns: 1)"}},
		"footer":        {"f.csv", "EMail,FirstName\n" + rowAnn + rowBob + rowEve + "Total rows: 3\n", []string{"3 Profiles To Export", "looks like a footer or a note, not like a row: 1 row (4 of vip)", "Rows that cannot be exported are skipped: 1 of 4 rows, 25 %"}},
		"windows-1252":  {"w.csv", threeCSV + "joe@example.com,Jos\xe9\n", []string{"3 Profiles To Export", "not UTF-8 text but probably windows-1252", `set encoding = "windows-1252": 1 row`}},
		"quote":         {"u.csv", "EMail,FirstName\njoe@example.com,\"Joe\n" + rowAnn + rowBob + rowEve, []string{"3 Profiles To Export", "begins with a quote and is not closed: 1 row (1 of vip)"}},
		"empty rows":    {"e.csv", threeCSV + ",\n,\n", []string{"3 Profiles To Export", "from 3 rows"}},
	} {
		c := newCLI(t, w.export(threeCSV).with(exportBlock, "safeguards", halfRejected).with(exportBlock, "segment", fileSegment(w.write(tc.file, tc.content))).
			with(exportBlock, "safeguards", "{ max_rejected_percent = 80 }"))
		plan, err := c.try("plan", "-no-color", "-input=false")
		if err != nil {
			t.Fatalf("%s: %s\n%s", name, err, plan)
		}
		for _, words := range tc.words {
			c.wantWords(plan, words)
		}
	}
}

// Arguments of a file that cannot be right are errors of the plan.
func TestAccSegmentExport_fileArgumentsRefused(t *testing.T) {
	t.Parallel()
	var plans refusals
	for name, tc := range map[string]struct {
		argument string
		words    []string
	}{
		"encoding":             {`encoding = "latin1"`, []string{"segment[0].file.encoding", `"windows-1252"`}},
		"another encoding":     {`encoding = "utf-16"`, []string{"is not UTF-16"}},
		"skip_lines":           {`skip_lines = -1`, []string{"skip_lines", "between 0 and"}},
		"columns, twice":       {`columns = ["a", "a"]`, []string{"Duplicate List Value"}},
		"columns, none":        {`columns = []`, []string{"columns", "at least 1"}},
		"columns, not as many": {`columns = ["EMail"]`, []string{"The number of names in columns (1) differs from the number of cells in the first row of", "vip.csv\" (2)."}},
		"columns, a header":    {`columns = ["EMail", "FirstName"]`, []string{"Leave columns out"}},
		"comment, blank":       {`comment = " "`, []string{"Not A Comment", "must not be blank or have a line end"}},
		"comment, two lines":   {`comment = "#\n"`, []string{"Not A Comment"}},
		"comment, NDJSON":      {"comment = \"#\"\nformat = \"ndjson\"", []string{"Segment Cannot Be Read", "Only CSV and TSV have lines that are comments"}},
		"skip_lines, Parquet":  {"skip_lines = 1\nformat = \"parquet\"", []string{"Segment Cannot Be Read", "Only CSV and TSV have lines before their rows"}},
		"columns, NDJSON":      {"columns = [\"a\"]\nformat = \"ndjson\"", []string{"Segment Cannot Be Read", "Only CSV and TSV can lack a header"}},
		"encoding, Parquet":    {"encoding = \"utf-16\"\nformat = \"parquet\"", []string{"Segment Cannot Be Read", "Only text has an encoding"}},
		"null_values, null":    {`null_values = [null]`, []string{"Null List Value"}},
		"decimal_comma":        {`decimal_comma = ","`, []string{"decimal_comma", "bool"}},
		"newest":               {`newest = "today"`, []string{"newest", "bool"}},
	} {
		w := newEnv(t)
		plans.add(name, w, w.export(threeCSV).with(exportBlock, "segment", fileSegment(w.write("vip.csv", threeCSV), tc.argument)), tc.words, w.wantNoImport)
	}
	plans.run(t)
}
