package file_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// rejected stands for a row that cannot be read.
var rejected = []string{segmenttest.Unreadable}

// readFile reads columns of a file.
func readFile(t *testing.T, source file.Source, columns ...string) ([][]string, error) {
	t.Helper()
	rows, err := source.Open(t.Context(), columns)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

type fileCase struct {
	content string
	want    [][]string
}

func checkFiles(t *testing.T, name string, source file.Source, cases map[string]fileCase, columns ...string) {
	t.Helper()
	for label, tc := range cases {
		source.Path = writeAs(t, name, tc.content)
		if got, err := readFile(t, source, columns...); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %q reads as\n%q (%v), want\n%q", label, tc.content, got, err, tc.want)
		}
	}
}

// Spreadsheets leave out cells at the end of a row, or write more of them, and write
// rows without any text.
func TestCSVRowsOfSpreadsheets(t *testing.T) {
	t.Parallel()
	ann, bob := []string{"ann@x.org", "Ann", "1"}, []string{"bob@x.org", "", ""}
	checkFiles(t, "x.csv", file.Source{}, map[string]fileCase{
		"short":                    {"email,name,points,note\nann@x.org,Ann,1\nbob@x.org\n", [][]string{ann, bob}},
		"short, in quotes":         {"\"email\",\"name\",\"points\"\n\"ann@x.org\",\"Ann\",\"1\"\n\"bob@x.org\"\n", [][]string{ann, bob}},
		"empty cells beyond":       {"email,name,points\nann@x.org,Ann,1,,\nbob@x.org,,,\"\", \n", [][]string{ann, bob}},
		"cells beyond":             {"email,name,points\nann@x.org,Ann,1,x\nbob@x.org,,\n", [][]string{rejected, bob}},
		"nothing but empty cells":  {"email,name,points\n,,\nann@x.org,Ann,1\n,,\n\"\",\"\",\"\"\nbob@x.org,,\n,,\n,\n,,,,\n", [][]string{ann, bob}},
		"nothing but white space":  {"email,name,points\nann@x.org,Ann,1\n , ,\t\nbob@x.org,,\n \n\u00a0,,\n", [][]string{ann, bob}},
		"only unmapped cells":      {"email,name,points,note\nann@x.org,Ann,1\n,,,x\n", [][]string{ann, {"", "", ""}}},
		"end mark of DOS":          {"email,name,points\nann@x.org,Ann,1\n\x1a", [][]string{ann}},
		"footer":                   {"email,name,points\nann@x.org,Ann,1\nTotal rows: 1\n", [][]string{ann, rejected}},
		"footer of two cells":      {"email,name,points\nann@x.org,Ann,1\n\nTotal,1\n(1 row)\n", [][]string{ann, rejected, rejected}},
		"footer of all cells":      {"email,name,points\nann@x.org,Ann,1\nTotal,,1\n", [][]string{ann, {"Total", "", "1"}}},
		"email is the last column": {"points,name,email\n1,Ann,ann@x.org\n", [][]string{ann}},
	}, "email", "name", "points")
}

func TestCSVNamesFooters(t *testing.T) {
	t.Parallel()
	rows := mustOpen(t, "email,name\nTotal rows: 12\n", 0, "email", "name")
	_, err := rows.Next(nil)
	var bad *segment.RowError
	if !errors.As(err, &bad) || bad.Code != segment.CodeMalformedRow || !strings.Contains(bad.Problem, "looks like a footer") || strings.Contains(bad.Problem, "12") {
		t.Errorf("error %v", err)
	}
}

// A quote that is not where RFC 4180 wants it is about its row at most.
func TestCSVQuotes(t *testing.T) {
	t.Parallel()
	const header, last = "email,name,note\n", "zoe@x.org,Zoe,last\n"
	zoe := []string{"zoe@x.org", "Zoe", "last"}
	cases := map[string]fileCase{
		"around a nickname":        {"a@x.org,Robert \"Bob\" Roy,\n", [][]string{{"a@x.org", `Robert "Bob" Roy`, ""}}},
		"inches":                   {"a@x.org,A,6\" pipe\nb@x.org,B,7\"\n", [][]string{{"a@x.org", "A", `6" pipe`}, {"b@x.org", "B", `7"`}}},
		"a word at the beginning":  {"a@x.org,\"Bob\" Roy,x\n", [][]string{{"a@x.org", `"Bob" Roy`, "x"}}},
		"two words":                {"a@x.org,\"Bob\" Roy,\"x\" y\n", [][]string{{"a@x.org", `"Bob" Roy`, `"x" y`}}},
		"a word, then quotes":      {"a@x.org,\"Bob\" Roy,\"x\"\n", [][]string{{"a@x.org", `"Bob" Roy`, "x"}}},
		"not written twice":        {"a@x.org,A,\"say \"hi\" to me, or not\"\n", [][]string{{"a@x.org", "A", `say "hi" to me, or not`}}},
		"written twice":            {"a@x.org,A,\"say \"\"hi\"\", or not\"\n", [][]string{{"a@x.org", "A", `say "hi", or not`}}},
		"spaces around":            {"a@x.org, \"A\" , \"x, y\"\n", [][]string{{"a@x.org", "A", "x, y"}}},
		"a space and a word":       {"a@x.org, \"A\" B,x\n", [][]string{{"a@x.org", ` "A" B`, "x"}}},
		"alone":                    {"a@x.org,\"\"\"\",x\n", [][]string{{"a@x.org", `"`, "x"}}},
		"several lines":            {"a@x.org,A,\"one\ntwo, \"\"2\"\"\n\nthree\"\n", [][]string{{"a@x.org", "A", "one\ntwo, \"2\"\n\nthree"}}},
		"never closed":             {"a@x.org,A,\"Best shop\nb@x.org,B,x\n", [][]string{rejected, {"b@x.org", "B", "x"}}},
		"never closed, others are": {"a@x.org,A,\"Best shop\nb@x.org,B,\"x\"\nc@x.org,\"C\",y\n", [][]string{rejected, {"b@x.org", "B", "x"}, {"c@x.org", "C", "y"}}},
		"never closed, twice":      {"a@x.org,A,\"Best\nb@x.org,\"B,x\nc@x.org,C,y\n", [][]string{rejected, rejected, {"c@x.org", "C", "y"}}},
		"rows between":             {"a@x.org,A,\"Best shop\nb@x.org,B,no note\nc@x.org,C,sofa of 72\"\n", [][]string{rejected}},
		"no rows between":          {"a@x.org,A,\"Dear all,\nbest, Ann, ann@x.org, shop\n\"\n", [][]string{{"a@x.org", "A", "Dear all,\nbest, Ann, ann@x.org, shop\n"}}},
		"number of cells is wrong": {"a@x.org,\"A\" B,\"x,y\"z,\"w,v\n", [][]string{rejected}},
	}
	for name, tc := range cases {
		cases[name] = fileCase{header + tc.content + last, append(tc.want, zoe)}
	}
	checkFiles(t, "x.csv", file.Source{}, cases, "email", "name", "note")
	checkFiles(t, "x.csv", file.Source{Delimiter: '\t'}, map[string]fileCase{
		"quotes of a spreadsheet": {"email\tnote\na@x.org\t\"say \"\"hi\"\"\"\n", [][]string{{"a@x.org", `say "hi"`}}},
		"rows between":            {"email\tnote\na@x.org\t\"Best\nb@x.org\tx\nc@x.org\tC\"\nd@x.org\ty\n", [][]string{rejected, {"d@x.org", "y"}}},
	}, "email", "note")
}

// In TSV a quote is text, and a backslash escapes, as databases write it.
func TestTSVOfDatabases(t *testing.T) {
	t.Parallel()
	const header, last = "email\tname\tnote\n", "zoe@x.org\tZoe\tlast\n"
	zoe := []string{"zoe@x.org", "Zoe", "last"}
	cases := map[string]fileCase{
		"quotes":                     {"a@x.org\t\"A\t72\"\nb@x.org\tB\t\"x\n", [][]string{{"a@x.org", `"A`, `72"`}, {"b@x.org", "B", `"x`}}},
		"a quoted cell":              {"a@x.org\tA\t\"x\"\n", [][]string{{"a@x.org", "A", `"x"`}}},
		"no value":                   {"a@x.org\t\\N\tNULL\n", [][]string{{"a@x.org", "", ""}}},
		"text like no value":         {"a@x.org\t\\\\N\tnull\n", [][]string{{"a@x.org", `\N`, "null"}}},
		"PostgreSQL":                 {"a@x.org\tA\\tB\tone\\ntwo\\\\three\\r\n", [][]string{{"a@x.org", "A\tB", "one\ntwo\\three\r"}}},
		"MySQL":                      {"a@x.org\tA\\\tB\tone\\\ntwo\\\\\\\nthree\n", [][]string{{"a@x.org", "A\tB", "one\ntwo\\\nthree"}}},
		"MySQL, in the first cells":  {"a@x.org\tA\\\nB\tone\n", [][]string{{"a@x.org", "A\nB", "one"}}},
		"no escapes, at an end":      {"a@x.org\tA\tC:\\temp\\\nb@x.org\tB\ty\n", [][]string{{"a@x.org", "A", `C:\temp\`}, {"b@x.org", "B", "y"}}},
		"no escapes, before a tab":   {"a@x.org\tC:\\\ty\n", [][]string{{"a@x.org", `C:\`, "y"}}},
		"no escapes, in the middle":  {"a@x.org\tA\tC:\\Users\\Ann\n", [][]string{{"a@x.org", "A", `C:\Users\Ann`}}},
		"end mark of PostgreSQL":     {"\\.\n", nil},
		"rows of nothing":            {"\t\t\n\t\n", nil},
		"short":                      {"a@x.org\tA\nb@x.org\n", [][]string{{"a@x.org", "A", ""}, {"b@x.org", "", ""}}},
		"backslash alone at the end": {"a@x.org\tA\t\\\n", [][]string{{"a@x.org", "A", `\`}}},
		"escaped NUL":                {"a@x.org\tA\\0\tx\n", [][]string{rejected}},
	}
	for name, tc := range cases {
		cases[name] = fileCase{header + tc.content + last, append(tc.want, zoe)}
	}
	checkFiles(t, "x.tsv", file.Source{}, cases, "email", "name", "note")
}

func TestLineEnds(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"ann@x.org", "Ann"}, {"bob@x.org", "one\ntwo"}, {"cat@x.org", "Cat"}}
	const text = "email,name|ann@x.org,Ann|bob@x.org,\"one|two\"|cat@x.org,Cat|"
	cases := map[string]fileCase{
		"mixed":           {"email,name\r\nann@x.org,Ann\rbob@x.org,\"one\r\r\ntwo\"\ncat@x.org,Cat\r\r\n", rows},
		"blank lines":     {"email,name\r\rann@x.org,Ann\r\r\r\rbob@x.org,\"one\rtwo\"\r\n\r\ncat@x.org,Cat\r\r", rows},
		"in a quoted one": {"email,name\ra@x.org,\"x\r\ry\"\r", [][]string{{"a@x.org", "x\n\ny"}}},
	}
	for name, end := range map[string]string{"LF": "\n", "CRLF": "\r\n", "CR": "\r", "CR CR LF": "\r\r\n"} {
		cases[name] = fileCase{strings.ReplaceAll(text, "|", end), rows}
		cases[name+", none at the end"] = fileCase{strings.TrimSuffix(strings.ReplaceAll(text, "|", end), end), rows}
		long := strings.Repeat("x", 300_000) // line ends fall between two reads
		cases[name+", long"] = fileCase{"email,name" + end + strings.Repeat("a@x.org,"+long[:9973]+end, 60), slicesOf(60, []string{"a@x.org", long[:9973]})}
	}
	// The buffer of the reader has room for one byte after the second CR.
	for _, before := range []int{256<<10 - 3, 256<<10 - 2, 256<<10 - 1} {
		head := "email,name\ra@x.org,"
		name := strings.Repeat("x", before-len(head))
		cases[fmt.Sprint("CR CR at ", before)] = fileCase{head + name + "\r\rada@x.org,Ada\r", [][]string{{"a@x.org", name}, {"ada@x.org", "Ada"}}}
	}
	checkFiles(t, "x.csv", file.Source{}, cases, "email", "name")
	checkFiles(t, "x.ndjson", file.Source{}, map[string]fileCase{
		"CR":   {"{\"a\":1}\r{\"a\":2}\r", [][]string{{"1"}, {"2"}}},
		"CRLF": {"{\"a\":1}\r\n{\"a\":2}\r\n", [][]string{{"1"}, {"2"}}},
	}, "a")
}

func slicesOf(n int, row []string) (rows [][]string) {
	for range n {
		rows = append(rows, row)
	}
	return rows
}

// A NUL byte in a mapped column is about its row, wherever it is.
func TestNULBytes(t *testing.T) {
	t.Parallel()
	good := []string{"b@x.org", "B"}
	checkFiles(t, "x.csv", file.Source{}, map[string]fileCase{
		"mapped":       {"email,name,note\na@x.org,A\x00,x\nb@x.org,B,y\n", [][]string{rejected, good}},
		"not mapped":   {"email,name,note\nb@x.org,B,\x00\n", [][]string{good}},
		"later on":     {"email,name,note\n" + strings.Repeat("b@x.org,B,y\n", 9000) + "a@x.org,\x00,x\n", append(slicesOf(9000, good), rejected)},
		"at the end":   {"email,name,note\nb@x.org,B,y\n\x00\x00\x00\x00", [][]string{good, rejected}},
		"in quotes":    {"email,name,note\n\"a@x.org\",\"A\x00\",x\n", [][]string{rejected}},
		"many of them": {"email,name,note\na@x.org,\x00A\x00n\x00n\x00,x\nb@x.org,B,y\n", [][]string{rejected, good}},
	}, "email", "name")
	checkFiles(t, "x.ndjson", file.Source{}, map[string]fileCase{
		"escaped":      {`{"a":"x\u0000y"}` + "\n" + `{"a":"z"}`, [][]string{rejected, {`"z"`}}},
		"not escaped":  {"{\"a\":\"x\x00y\"}\n{\"a\":\"z\"}", [][]string{rejected, {`"z"`}}},
		"not mapped":   {`{"b":"x\u0000y","a":"z"}`, [][]string{{`"z"`}}},
		"no NUL after": {`{"a":"\\u0000"}`, [][]string{{`"\\u0000"`}}},
		"one of both":  {`{"a":"\\u0000","b":"\u0000"}`, [][]string{{`"\\u0000"`}}},
	}, "a")
}

// A row of Parquet with a NUL byte is rejected as well.
func TestNULBytesOfParquet(t *testing.T) {
	t.Parallel()
	type row struct {
		A string   `parquet:"a"`
		B []string `parquet:"b,list"`
	}
	content := filetest.Parquet(t, []row{{"x", nil}, {"x\x00", nil}, {"y", []string{"\x00"}}, {`z\u0000`, []string{`\u0000`}}})
	got, err := readFile(t, file.Source{Path: writeAs(t, "x.parquet", content)}, "a", "b")
	if want := [][]string{{"x", "[]"}, rejected, rejected, {`z\u0000`, `["\\u0000"]`}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("rows %q, %v", got, err)
	}
}
