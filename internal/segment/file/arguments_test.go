package file_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

// refusedFor checks which argument an error blames, and its words.
func refusedFor(t *testing.T, err error, argument string, words ...string) {
	t.Helper()
	var e *segment.Error
	if !errors.As(err, &e) {
		t.Errorf("error %v", err)
		return
	}
	if !slices.Equal(e.Argument, []string{"file", argument}) {
		t.Errorf("%q blames %q, want %q", e, e.Argument, argument)
	}
	for _, word := range words {
		if !strings.Contains(e.Error(), word) {
			t.Errorf("error %q, want %q", e, word)
		}
	}
}

// encoded is a text in an encoding.
func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const french = "email,prénom\nann@x.org,Zoé Müller\nbob@x.org,Jérôme Lefèvre\ncat@x.org,François Nuñez\n"

var otherEncodings = []struct {
	name     string
	encoding encoding.Encoding
	text     string
}{
	{"windows-1252", charmap.Windows1252, french},
	{"macintosh", charmap.Macintosh, french},
	{"ibm850", charmap.CodePage850, french},
	{"windows-1250", charmap.Windows1250, "email,jméno\nann@x.org,Žofie Dvořáková\nbob@x.org,Łukasz Wiśniewski\ncat@x.org,Zdeněk Růžička\n"},
	{"windows-1251", charmap.Windows1251, "email,имя\nann@x.org,Наталья Иванова\nbob@x.org,Сергей\n"},
	{"koi8-r", charmap.KOI8R, "email,имя\nann@x.org,Наталья Иванова\nbob@x.org,Сергей\n"},
	{"windows-1253", charmap.Windows1253, "email,όνομα\nann@x.org,Γεώργιος Παπαδόπουλος\n"},
	{"shift_jis", japanese.ShiftJIS, "email,名前\nann@x.org,さくら タナカ\nbob@x.org,山田 はなこ\n"},
	{"euc-kr", korean.EUCKR, "email,이름\nann@x.org,김민지\nbob@x.org,박서준\n"},
	{"utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), french},
	{"utf-16", unicode.UTF16(unicode.BigEndian, unicode.UseBOM), french},
	{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), french},
	{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), french},
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, tc := range otherEncodings {
		header, _, _ := strings.Cut(tc.text, "\n")
		columns := strings.Split(header, ",")
		var want [][]string
		for line := range strings.Lines(tc.text[len(header)+1:]) {
			want = append(want, strings.Split(strings.TrimSuffix(line, "\n"), ","))
		}
		path := writeAs(t, "x.csv", encoded(t, tc.encoding, tc.text))
		if got, err := readFile(t, file.Source{Path: path, Encoding: tc.name}, columns...); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: rows %q, %v", tc.name, got, err)
		}
		_, err := readFile(t, file.Source{Path: path}, columns...)
		refusedFor(t, err, "encoding", `Set encoding = "`+tc.name+`"`)
	}
	for _, name := range file.Encodings() {
		if strings.HasPrefix(name, "utf-16") {
			continue
		}
		if got, err := readFile(t, file.Source{Path: writeAs(t, "x.csv", "a\n"), Encoding: name}, "a"); err != nil || len(got) > 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Only the header is ASCII, so the rows tell that the encoding is another one.
func TestRowsInOtherEncodings(t *testing.T) {
	t.Parallel()
	for _, tc := range otherEncodings[:9] {
		_, text, _ := strings.Cut(tc.text, "\n")
		rows := mustOpen(t, "email,name\n"+encoded(t, tc.encoding, text), 0, "email", "name")
		_, err := rows.Next(nil)
		var bad *segment.RowError
		if !errors.As(err, &bad) || !strings.Contains(bad.Problem, "set encoding = \""+tc.name+`"`) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	checkFiles(t, "x.csv", file.Source{}, map[string]fileCase{
		"one row":    {"email,name\na@x.org,\xe9\nb@x.org,é\n", [][]string{rejected, {"b@x.org", "é"}}},
		"not mapped": {"email,name,note\nb@x.org,é,\xe9\n", [][]string{{"b@x.org", "é"}}},
	}, "email", "name")
	checkFiles(t, "x.csv", file.Source{Encoding: "shift_jis"}, map[string]fileCase{
		"bytes that are no text": {"email,name\na@x.org,\xff\nb@x.org,B\n", [][]string{rejected, {"b@x.org", "B"}}},
	}, "email", "name")
	checkFiles(t, "x.json", file.Source{Encoding: "shift_jis"}, map[string]fileCase{
		"bytes that are no text":      {"{\"a\":\"\xff\"}\n{\"a\":[\"x\",\"\xff\"]}\n{\"a\":\"B\"}\n", [][]string{rejected, rejected, {`"B"`}}},
		"bytes that are not mapped":   {"{\"a\":\"B\",\"b\":\"\xff\"}\n", [][]string{{`"B"`}}},
		"the character, as an escape": {`{"a":"\ufffd"}`, [][]string{{`"\ufffd"`}}},
	}, "a")
	for _, tc := range otherEncodings[:9] {
		_, text, _ := strings.Cut(tc.text, "\n")
		quoted, _ := json.Marshal(strings.TrimSuffix(text, "\n"))
		rows, err := file.Source{Path: writeAs(t, "x.ndjson", `{"a":"first"}`+"\n"+`{"a":`+encoded(t, tc.encoding, string(quoted))+"}\n")}.Open(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = rows.Next(nil)
		if err == nil {
			_, err = rows.Next(nil)
		}
		var bad *segment.RowError
		if !errors.As(err, &bad) || !strings.Contains(bad.Problem, "set encoding = \""+tc.name+`"`) {
			t.Errorf("%s in NDJSON: %v", tc.name, err)
		}
		_ = rows.Close()
	}
	got, err := readFile(t, file.Source{Path: writeAs(t, "x.ndjson", encoded(t, charmap.Windows1252, `{"a":"é"}`)), Encoding: "windows-1252"}, "a")
	if err != nil || !reflect.DeepEqual(got, [][]string{{`"é"`}}) {
		t.Errorf("NDJSON: %q, %v", got, err)
	}
}

// A file in UTF-8 is not decoded, so U+FFFD in it is a character like any other.
func TestReplacementCharacterInUTF8(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"", "utf-8"} {
		source := file.Source{Encoding: encoding}
		checkFiles(t, "x.csv", source, map[string]fileCase{
			"in CSV":    {"email,name\na@x.org,B\ufffdb\n", [][]string{{"a@x.org", "B\ufffdb"}}},
			"not UTF-8": {"email,name\na@x.org,B\xfcb\n", [][]string{rejected}},
		}, "email", "name")
		checkFiles(t, "x.json", source, map[string]fileCase{"in NDJSON": {"{\"a\":\"B\ufffdb\"}\n", [][]string{{"\"B\ufffdb\""}}}}, "a")
	}
}

// An encoding that the file has not would be read as wrong characters.
func TestEncodingThatIsNotThatOfTheFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ encoding, content, want string }{
		"UTF-8":              {"windows-1252", french, "is UTF-8, not windows-1252. Leave encoding out."},
		"UTF-8 with mark":    {"windows-1252", bom + "a\n", "is UTF-8, not windows-1252."},
		"UTF-8 for UTF-16":   {"utf-16", bom + "a\n", "is UTF-8, not utf-16."},
		"not UTF-16":         {"utf-16le", "email,name\nann@x.org,Ann\n", "is not UTF-16. Leave encoding out"},
		"UTF-16":             {"windows-1252", "\xff\xfea\x00\n\x00", `is UTF-16, not windows-1252. Set encoding = "utf-16".`},
		"cut in a character": {"windows-1252", "a,b\n" + strings.Repeat("1,é\n", 40_000), "is UTF-8"},
	} {
		_, err := readFile(t, file.Source{Path: writeAs(t, "x.csv", tc.content), Encoding: tc.encoding}, "a")
		t.Log(name)
		refusedFor(t, err, "encoding", tc.want)
	}
}

func TestLinesBeforeTheHeader(t *testing.T) {
	t.Parallel()
	want := [][]string{{"ann@x.org", "Ann; A"}}
	for name, tc := range map[string]struct {
		source  file.Source
		content string
	}{
		"a title":                  {file.Source{SkipLines: 2}, "Report of \"today\n\nemail,name\nann@x.org,Ann; A\n"},
		"a line of Excel":          {file.Source{}, "sep=;\nemail;name\nann@x.org;\"Ann; A\"\n"},
		"after a mark":             {file.Source{}, bom + "SEP=|\r\nemail|name\r\nann@x.org|Ann; A\r\n"},
		"in quotes, a tab":         {file.Source{}, "\"sep=\t\"\nemail\tname\nann@x.org\tAnn; A\n"},
		"skipped":                  {file.Source{SkipLines: 1}, "sep=;\nemail;name\nann@x.org;\"Ann; A\"\n"},
		"after a title":            {file.Source{SkipLines: 1}, "Report\nsep=;\nemail;name\nann@x.org;\"Ann; A\"\n"},
		"another delimiter set":    {file.Source{Delimiter: '|'}, "sep=;\nemail|name\nann@x.org|Ann; A\n"},
		"columns":                  {file.Source{Columns: []string{"name", "email"}, SkipLines: 1}, "x\nAnn; A,ann@x.org\n"},
		"no header":                {file.Source{Columns: []string{"email", "points", "name"}}, "\nann@x.org,1,Ann; A,,\n"},
		"no header, no rows after": {file.Source{Columns: []string{"email", "points", "name"}}, ",,\nann@x.org,1,Ann; A"},
	} {
		tc.source.Path = writeAs(t, "x.csv", tc.content)
		if got, err := readFile(t, tc.source, "email", "name"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	tsv := file.Source{Path: writeAs(t, "x.tsv", "a@x.org\t\\N\nb@x.org\tB\n"), Columns: []string{"email", "name"}}
	if got, err := readFile(t, tsv, "email", "name"); err != nil || !reflect.DeepEqual(got, [][]string{{"a@x.org", ""}, {"b@x.org", "B"}}) {
		t.Errorf("TSV: %q, %v", got, err)
	}
}

// Lines that begin with the text of comments are no rows, wherever they are.
func TestComments(t *testing.T) {
	t.Parallel()
	ann, bob := []string{"ann@x.org", "Ann"}, []string{"bob@x.org", "Bob"}
	checkFiles(t, "x.csv", file.Source{Comment: "#"}, map[string]fileCase{
		"before the header":       {"# a, b\n#\nemail,name\nann@x.org,Ann\n", [][]string{ann}},
		"between rows":            {"email,name\nann@x.org,Ann\n#bob@x.org,Bob\n\n# \"open\nbob@x.org,Bob\n", [][]string{ann, bob}},
		"at the end":              {"email,name\nann@x.org,Ann\n# 1 row", [][]string{ann}},
		"within quotes":           {"email,name\nann@x.org,\"A\n# b\"\n# c\nbob@x.org,Bob\n", [][]string{{"ann@x.org", "A\n# b"}, bob}},
		"not at the beginning":    {"email,name\nann@x.org,#Ann\n #,x\n", [][]string{{"ann@x.org", "#Ann"}, {" #", "x"}}},
		"after an open quote":     {"email,name\nann@x.org,\"A\n# b\nbob@x.org,Bob\n", [][]string{rejected, bob}},
		"lines that end in CR":    {"# x\remail,name\rann@x.org,Ann\r# y\rbob@x.org,Bob\r", [][]string{ann, bob}},
		"after a byte order mark": {bom + "# x\nemail,name\nann@x.org,Ann\n", [][]string{ann}},
		"after sep=":              {"sep=;\n# x\nemail;name\nann@x.org;Ann\n", [][]string{ann}},
	}, "email", "name")
	checkFiles(t, "x.tsv", file.Source{Comment: "Total"}, map[string]fileCase{
		"a word in TSV":       {"email\tname\nann@x.org\tAnn\nTotal\t1\n", [][]string{ann}},
		"an escaped line end": {"email\tname\nann@x.org\tA\\\nTotal\n", [][]string{{"ann@x.org", "A\nTotal"}}},
	}, "email", "name")
	checkFiles(t, "x.csv", file.Source{Comment: "--", SkipLines: 1, Columns: []string{"email", "name"}}, map[string]fileCase{
		"with other arguments": {"title\n-- x\nann@x.org,Ann\n--\n-,b\n", [][]string{ann, {"-", "b"}}},
	}, "email", "name")
	checkFiles(t, "x.csv", file.Source{}, map[string]fileCase{
		"not set": {"email,name\n#,x\n", [][]string{{"#", "x"}}},
	}, "email", "name")
}

func TestLinesBeforeTheHeaderRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source         file.Source
		file, content  string
		argument, want string
	}{
		"fewer names":       {file.Source{Columns: []string{"email"}}, "x.csv", "a@x.org,1\n", "columns", "in columns (1) differs from the number of cells in the first row of"},
		"more names":        {file.Source{Columns: []string{"email", "a", "b"}}, "x.csv", "a@x.org,1\n", "columns", "x.csv\" (2)."},
		"a header":          {file.Source{Columns: []string{"email", "a"}}, "x.csv", "email, a\na@x.org,1\n", "columns", "Leave columns out"},
		"all is skipped":    {file.Source{SkipLines: 9}, "x.csv", "email\na@x.org\n", "path", "is empty"},
		"columns, NDJSON":   {file.Source{Columns: []string{"email"}}, "x.json", "{}", "columns", "Only CSV and TSV"},
		"skipped, Parquet":  {file.Source{SkipLines: 1}, "x.parquet", "PAR1", "skip_lines", "Only CSV and TSV"},
		"comments, NDJSON":  {file.Source{Comment: "#"}, "x.ndjson.gz", "{}", "comment", "Only CSV and TSV have lines that are comments"},
		"comments, Parquet": {file.Source{Comment: "#"}, "x.parquet", "PAR1", "comment", "Only CSV and TSV have lines that are comments"},
		"only comments":     {file.Source{Comment: "#"}, "x.csv", "# email\n#", "path", "is empty"},
		"encoded Parquet":   {file.Source{Encoding: "utf-16"}, "x.parquet", "PAR1", "encoding", "Only text has an encoding"},
	} {
		tc.source.Path = writeAs(t, tc.file, tc.content)
		_, err := readFile(t, tc.source, "email")
		t.Log(name)
		refusedFor(t, err, tc.argument, tc.want)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	want := [][]string{{"ann@x.org", "Ann"}}
	for name, header := range map[string]string{
		"unmapped, twice":   "email,Phone,name,Phone",
		"two marks":         bom + bom + "email,\u200bPhone,name\u200e,x",
		"spaces":            "\u00a0email ,x,\u2060 name,x",
		"blank, twice":      "email,,name,",
		"an at sign":        "email,handle (include @),name,x",
		"OData":             "email,@odata.etag,name,_owner_value@OData.Community.Display.V1.FormattedValue",
		"time of a log":     "email,@timestamp,name,x",
		"an address of one": "email,Sent by ann@x.org,name,x",
	} {
		if got, err := readFile(t, file.Source{Path: writeAs(t, "x.csv", header+"\nann@x.org,1,Ann,2\n")}, "email", "name"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, tc := range map[string]struct{ content, argument, want string }{
		"mapped, twice":          {"email,name, email\n", "path", `has the column "email" twice, at 1 and 3. Rename one of them`},
		"no header":              {"Ann,ann@x.org\n", "path", "Line 1 of"},
		"no header, after lines": {"\n\nAnn,Ann <ann@x.org>\n", "path", "Line 3 of"},
		"semicolons":             {"email;name\nann@x.org;Ann\n", "delimiter", `are separated by ";", not by ",". Set delimiter = ";".`},
		"semicolons in quotes":   {"\"email\";\"name, all\";\"name\"\n", "delimiter", `Set delimiter = ";".`},
		"tabs":                   {"email\tname\n", "delimiter", `Set delimiter = "\t".`},
		"bars":                   {"x|email|name\n", "delimiter", `Set delimiter = "|".`},
		"below a title":          {"Our report\n\n\"of today\"\nname,x,\"email\"\n", "skip_lines", `are in line 4, below other lines. Set skip_lines = 3.`},
		"below, and semicolons":  {"Our report, of today\nname;x;email\n", "skip_lines", `Set skip_lines = 1 and delimiter = ";".`},
		"below comments":         {"# by x, of y\n#\nemail,name\n", "comment", `are in line 3, below other lines. Set comment = "#".`},
		"below one comment":      {"# by x\ntitle\nemail,name\n", "skip_lines", `Set skip_lines = 2.`},
	} {
		_, err := readFile(t, file.Source{Path: writeAs(t, "x.csv", tc.content)}, "email", "name")
		t.Log(name)
		refusedFor(t, err, tc.argument, tc.want)
	}
	for name, tc := range map[string]struct{ content, argument, want string }{
		"commas in TSV": {"email,name\n", "delimiter", `Set format = "csv" and delimiter = ",".`},
		"quotes in TSV": {"\"email\"\t\"name\"\n", "path", `set format = "csv" and delimiter = "\t", which reads quotes.`},
	} {
		_, err := readFile(t, file.Source{Path: writeAs(t, "x.tsv", tc.content)}, "email", "name")
		t.Log(name)
		refusedFor(t, err, tc.argument, tc.want)
	}
	_, err := readFile(t, file.Source{Path: writeAs(t, "x.csv", "email,bob@x.org,@id\n")}, "email", "name")
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) || err.Error() != `no column "name"; the columns are "email", "@id"` {
		t.Errorf("error %v", err)
	}
}

func TestNullValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, content string
		nulls         []string
		want          []string
	}{
		"CSV":                {"x.csv", "a,b,c\nNULL,\\N,x\n", nil, []string{"NULL", `\N`, "x"}},
		"CSV, set":           {"x.csv", "a,b,c\nNULL,\"#N/A\",null\n", []string{"NULL", "#N/A"}, []string{"", "", "null"}},
		"TSV":                {"x.tsv", "a\tb\tc\nNULL\t\\N\tx\n", nil, []string{"", "", "x"}},
		"TSV, none":          {"x.tsv", "a\tb\tc\nNULL\t\\N\tx\n", []string{}, []string{"NULL", `\N`, "x"}},
		"TSV, set":           {"x.tsv", "a\tb\tc\nNULL\t\\N\t-\n", []string{"-"}, []string{"NULL", `\N`, ""}},
		"NDJSON, none":       {"x.json", `{"a":"NULL","b":null,"c":-1}`, nil, []string{`"NULL"`, "", "-1"}},
		"NDJSON, set":        {"x.json", `{"a":"NULL","b":"<none>","c":-1}`, []string{"NULL", "<none>", "-1"}, []string{"", "", ""}},
		"NDJSON, not finite": {"x.json", `{"a":NaN,"b":-Infinity,"c":[1, NaN, "NaN\"", {"x": Infinity}]}`, nil, []string{"", "", `[1, null, "NaN\"", {"x": null}]`}},
	} {
		got, err := readFile(t, file.Source{Path: writeAs(t, tc.file, tc.content), NullValues: tc.nulls}, "a", "b", "c")
		if err != nil || !reflect.DeepEqual(got, [][]string{tc.want}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	type row struct {
		A string  `parquet:"a"`
		B int64   `parquet:"b"`
		C *string `parquet:"c,optional"`
	}
	path := writeAs(t, "x.parquet", filetest.Parquet(t, []row{{"NULL", -1, nil}, {"x", 2, nil}}))
	if got, err := readFile(t, file.Source{Path: path, NullValues: []string{"NULL", "-1"}}, "a", "b", "c"); err != nil || !reflect.DeepEqual(got, [][]string{{"", "", ""}, {"x", "2", ""}}) {
		t.Errorf("Parquet: %q, %v", got, err)
	}
	for _, bad := range []string{`{"a":Nan}`, `{"a":Inf}`, `{"a":+Infinity}`, `{"a":-NaN}`, `{"a":NaNs}`, `{NaN:1}`} {
		if _, err := readFile(t, file.Source{Path: writeAs(t, "x.json", bad)}, "a"); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// files writes files in folders and returns where.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNewestFolder(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for name, tc := range map[string]struct {
		folders []string // the last of which is the newest
		pattern string
	}{
		"dates":              {[]string{"2026-09-30", "2026-10-01", "2026-11-27"}, "*/*.csv"},
		"folders of dates":   {[]string{"2025/12/31/0600", "2026/9/30/0600", "2026/11/2/1800", "2026/11/27/0600", "2026/11/27/1800"}, "**/*.csv"},
		"Spark":              {[]string{"t/dt=2026-11-9", "t/dt=2026-11-27"}, "t/*/*.csv"},
		"numbers":            {[]string{"run-9", "run-10", "run-100"}, "run-*/*.csv"},
		"leading zeros":      {[]string{"v007", "v8", "v09"}, "*/*.csv"},
		"long numbers":       {[]string{"20261127060000000000001", "20261127060000000000002"}, "*/*.csv"},
		"one in the other":   {[]string{"2026", "2026/11"}, "**/*.csv"},
		"folders after them": {[]string{"2026-11-26/eu", "2026-11-27/eu"}, "*/eu/*.csv"},
	} {
		contents := map[string]string{}
		for _, folder := range tc.folders {
			contents[folder+"/a.csv"], contents[folder+"/b.csv"] = "a\n"+folder+"\n", "a\n"+folder+"\n"
		}
		dir := files(t, contents)
		last := tc.folders[len(tc.folders)-1]
		source := file.Source{Path: dir + "/" + tc.pattern, Newest: &yes}
		rows, err := source.Open(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAllOf(rows)
		if err != nil || !reflect.DeepEqual(got, slicesOf(2, []string{last})) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if notices := rows.(segment.Noticer).Notices(); len(notices) != 1 || !strings.Contains(notices[0], last+`";`) {
			t.Errorf("%s: notices %q", name, notices)
		} else if one := strings.Contains(notices[0], "1 other is not read."); one != (len(tc.folders) == 2) {
			t.Errorf("%s: notices %q", name, notices)
		}
		source.Newest = &no
		if got, err := readFile(t, source, "a"); err != nil || len(got) != 2*len(tc.folders) {
			t.Errorf("%s: all are %q, %v", name, got, err)
		}
	}
}

// Dated folders that are read together hold people who have left since.
func TestDatedFoldersAreNoticed(t *testing.T) {
	t.Parallel()
	no := false
	for name, tc := range map[string]struct {
		folders []string
		newest  *bool
		noticed bool
	}{
		"dates":             {[]string{"2026-10-01", "2026-11-27"}, nil, true},
		"folders of dates":  {[]string{"2026/10/01", "2026/11/27"}, nil, true},
		"dates in names":    {[]string{"dt=20261001", "dt=20261127"}, nil, true},
		"meant":             {[]string{"2026-10-01", "2026-11-27"}, &no, false},
		"one":               {[]string{"2026-11-27"}, nil, false},
		"other names":       {[]string{"gold", "silver"}, nil, false},
		"numbers":           {[]string{"part-1", "part-2"}, nil, false},
		"one without dates": {[]string{"2026-10-01", "gold"}, nil, false},
	} {
		contents := map[string]string{}
		for _, folder := range tc.folders {
			contents[folder+"/a.csv"] = "a\n1\n"
		}
		rows, err := file.Source{Path: files(t, contents) + "/**/*.csv", Newest: tc.newest}.Open(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		if notices := rows.(segment.Noticer).Notices(); (len(notices) > 0) != tc.noticed {
			t.Errorf("%s: notices %q", name, notices)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestQuotesInTSVAreNoticed(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]int{
		"a\tb\n\"x, y\"\t1\n": 1, "a\tb\nx\t\"1\"\n": 0, "a\tb\n\"\t1\n": 0, "a\tb\n\"x\t1\n": 0, "a\tb\nx\"y\"\t1\n": 0,
	} {
		rows, err := file.Source{Path: writeAs(t, "x.tsv", content)}.Open(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readAllOf(rows); err != nil {
			t.Error(err)
		}
		if notices := rows.(segment.Noticer).Notices(); len(notices) != want {
			t.Errorf("%q: notices %q", content, notices)
		}
	}
}

// Folders such as tier=gold hold columns that the files do not have.
func TestColumnsInFolders(t *testing.T) {
	t.Parallel()
	type row struct {
		A string `parquet:"a"`
	}
	for extension, tc := range map[string]struct{ one, two, quote string }{
		"csv":     {"a\n1\n", "a\n2\n", ""},
		"tsv":     {"a\n1\n", "a\n2\n", ""},
		"ndjson":  {`{"a":1}`, `{"a":2}`, `"`},
		"parquet": {filetest.Parquet(t, []row{{"1"}}), filetest.Parquet(t, []row{{"2"}}), ""},
	} {
		dir := files(t, map[string]string{"Loyalty%20tier=gold/city=S%C3%A3o%20Paulo/x." + extension: tc.one, "Loyalty%20tier=silver/city=__HIVE_DEFAULT_PARTITION__/x." + extension: tc.two})
		got, err := readFile(t, file.Source{Path: dir + "/**/*." + extension}, "Loyalty tier", "a", "city")
		want := [][]string{{tc.quote + "gold" + tc.quote, "1", tc.quote + "São Paulo" + tc.quote}, {tc.quote + "silver" + tc.quote, "2", ""}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v", extension, got, err)
		}
		_, err = readFile(t, file.Source{Path: dir + "/**/*." + extension}, "Loyalty tier", "level")
		var missing *segment.MissingColumnsError
		if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"level"}) {
			t.Errorf("%s: %v", extension, err)
		}
	}
	dir := files(t, map[string]string{"tier=gold/x.csv": "tier,a\nown,1\n", "tier=gold/x.json": `{"tier":"own"}` + "\n" + `{"tier":null}` + "\n{}"})
	if got, err := readFile(t, file.Source{Path: dir + "/tier=gold/x.csv"}, "tier"); err != nil || !reflect.DeepEqual(got, [][]string{{"own"}}) {
		t.Errorf("a column of the file: %q, %v", got, err)
	}
	if got, err := readFile(t, file.Source{Path: dir + "/tier=gold/x.json"}, "tier"); err != nil || !reflect.DeepEqual(got, [][]string{{`"own"`}, {""}, {`"gold"`}}) {
		t.Errorf("a key of the file: %q, %v", got, err)
	}
}

// What stands for no value in files does not in the folders that they are in.
func TestColumnsInFoldersAndNullValues(t *testing.T) {
	t.Parallel()
	dir := files(t, map[string]string{"tier=gold/x.csv": "a,b\n,1\n", "tier=gold/x.json": `{"a":"","b":1}`})
	for name, want := range map[string][]string{"x.csv": {"gold", "", "1"}, "x.json": {`"gold"`, "", "1"}} {
		source := file.Source{Path: dir + "/tier=gold/" + name, NullValues: []string{"", "gold"}}
		if got, err := readFile(t, source, "tier", "a", "b"); err != nil || !reflect.DeepEqual(got, [][]string{want}) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// A file without anything among others has no rows.
func TestEmptyFilesAmongOthers(t *testing.T) {
	t.Parallel()
	type row struct {
		A string `parquet:"a"`
	}
	full := filetest.Parquet(t, []row{{"1"}})
	for name, tc := range map[string]struct {
		extension string
		contents  []string
	}{
		"CSV, first":      {"csv", []string{"", "a\n1\n", "a\n", "a\n1\n"}},
		"CSV, in between": {"csv", []string{"a\n1\n", "", "\n\r\n", bom, "a\n1\n"}},
		"CSV, last":       {"csv", []string{"a\n1\n", "a\n1\n", ""}},
		"gzip":            {"csv.gz", []string{filetest.Gzip(t, "a\n1\n"), filetest.Gzip(t, ""), filetest.Gzip(t, "a\n1\n")}},
		"Parquet":         {"parquet", []string{"", full, "", full, ""}},
		"NDJSON":          {"json", []string{"", `{"a":1}`, "", `{"a":1}`}},
		"TSV":             {"tsv", []string{"", "a\tb\n1\t2\n", "", "b\ta\n2\t1\n"}},
	} {
		contents := map[string]string{}
		for i, content := range tc.contents {
			contents["part-"+string(rune('0'+i))+"."+tc.extension] = content
		}
		source := file.Source{Path: files(t, contents) + "/part-*"}
		if got, err := readFile(t, source, "a"); err != nil || !reflect.DeepEqual(got, slicesOf(2, []string{"1"})) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	dir := files(t, map[string]string{"1.csv": "", "2.csv": "a,b\n1,2\n", "3.csv": "a\n1\n"})
	_, err := readFile(t, file.Source{Path: dir + "/*.csv"}, "a")
	refusedFor(t, err, "path", `3.csv" differ from those of`, `2.csv": it lacks "b"`)
}

func readAllOf(rows segment.Rows) ([][]string, error) {
	got, err := segmenttest.ReadAll(rows)
	return got, errors.Join(err, rows.Close())
}
