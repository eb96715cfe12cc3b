package file_test

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

const bom = "\xef\xbb\xbf"

func TestCSV(t *testing.T) {
	t.Parallel()
	ab := []string{"a", "b"}
	for name, tc := range map[string]struct {
		content   string
		delimiter rune
		columns   []string
		rows      [][]string
	}{
		"plain":                         {"a,b\n1,2\n3,4\n", 0, ab, [][]string{{"1", "2"}, {"3", "4"}}},
		"no line end at the end":        {"a,b\n1,2", 0, ab, [][]string{{"1", "2"}}},
		"CRLF":                          {"a,b\r\n1,2\r\n3,4\r\n", 0, ab, [][]string{{"1", "2"}, {"3", "4"}}},
		"CRLF, none at the end":         {"a,b\r\n1,2", 0, ab, [][]string{{"1", "2"}}},
		"mixed line ends":               {"a,b\r\n1,2\n3,4\r\n", 0, ab, [][]string{{"1", "2"}, {"3", "4"}}},
		"quoted":                        {"\"a\",\"b\"\n\"1\",\"2\"\n", 0, ab, [][]string{{"1", "2"}}},
		"quoted delimiter":              {"a,b\n\"1,5\",2\n", 0, ab, [][]string{{"1,5", "2"}}},
		"quoted quote":                  {"a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", 0, ab, [][]string{{`say "hi"`, `"`}}},
		"quoted line ends":              {"a,b\n\"x\ny\",\"x\r\ny\"\n", 0, ab, [][]string{{"x\ny", "x\ny"}}},
		"quoted empty line":             {"a,b\n\"x\n\ny\",2\n", 0, ab, [][]string{{"x\n\ny", "2"}}},
		"quoted line end in the header": {"\"a\nb\",c\n1,2\n", 0, []string{"a\nb", "c"}, [][]string{{"1", "2"}}},
		"empty fields":                  {"a,b\n1,\n\"\",x\n", 0, ab, [][]string{{"1", ""}, {"", "x"}}},
		"white space is kept":           {"a,b\n 1 ,\t2\n", 0, ab, [][]string{{" 1 ", "\t2"}}},
		"blank lines":                   {"\n\na,b\n\n1,2\r\n\r\n\n3,4\n\n", 0, ab, [][]string{{"1", "2"}, {"3", "4"}}},
		"byte order mark":               {bom + "a,b\n1,2\n", 0, ab, [][]string{{"1", "2"}}},
		"byte order mark and quotes":    {bom + "\"a\",b\r\n1,2\r\n", 0, ab, [][]string{{"1", "2"}}},
		"semicolon":                     {"a;b\n1,5;\"2;5\"\n", ';', ab, [][]string{{"1,5", "2;5"}}},
		"tab":                           {"a\tb\n1\t\n", '\t', ab, [][]string{{"1", ""}}},
		"pipe":                          {"a|b\n1|2\n", '|', ab, [][]string{{"1", "2"}}},
		"delimiter beyond ASCII":        {"a¦b\n1¦2\n", '¦', ab, [][]string{{"1", "2"}}},
		"one column":                    {"a\n1\n\n2\n", 0, []string{"a"}, [][]string{{"1"}, {"2"}}},
		"header only":                   {"a,b\n", 0, ab, nil},
		"header only, no line end":      {"a,b", 0, ab, nil},
		"trimmed header":                {" a ,\tb\u00a0\n1,2\n", 0, ab, [][]string{{"1", "2"}}},
		"blank names":                   {"a,, \n1,2,3\n", 0, []string{"a"}, [][]string{{"1"}}},
		"not all columns":               {"a,b,c\n1,2,3\n", 0, []string{"b"}, [][]string{{"2"}}},
		"columns in another order":      {"a,b,c\n1,2,3\n", 0, []string{"c", "a"}, [][]string{{"3", "1"}}},
		"names that differ in case":     {"a,A\n1,2\n", 0, []string{"a", "A"}, [][]string{{"1", "2"}}},
		"not ASCII":                     {"名,città\n日本,è\n", 0, []string{"名", "città"}, [][]string{{"日本", "è"}}},
		"rows that are too long": {
			"a,b\n1,2\n1,2,3\n1,2,,\n1,2\n", 0, ab,
			[][]string{{"1", "2"}, {segmenttest.Unreadable}, {"1", "2"}, {"1", "2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := mustOpen(t, tc.content, tc.delimiter, tc.columns...)
			got, err := segmenttest.ReadAll(rows)
			if err != nil || !reflect.DeepEqual(got, tc.rows) {
				t.Errorf("rows %q (%v), want %q", got, err, tc.rows)
			}
			if _, err := rows.Next(nil); err != io.EOF { //nolint:errorlint // the contract is io.EOF itself
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

func TestCSVHeaderErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ content, want string }{
		"empty":                {"", "is empty. The first line must hold the column names."},
		"byte order mark only": {bom, "is empty. The first line must hold the column names."},
		"blank lines only":     {"\n\r\n\n", "is empty. The first line must hold the column names."},
		"names nothing":        {",, \n1,2,3\n", "names no column. The first line must hold the column names."},
		"unterminated quote":   {"a,\"b\n1,2\n", "in line 1, has a field that begins with a quote and is not closed. A quote that begins a field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, tc.content, 0)
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

// The first row of a file without a header, in which no column is mapped, is personal
// data, even if it has no address.
func TestCSVHeaderErrorsShowNoRow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content   string
		delimiter rune
		column    string
	}{
		"a phone number":        {"Ann|Smith||+34 (600) 111-222\nBob|Roy|b@example.com|\n", '|', "column 4"},
		"an id":                 {"4711|Ann|Smith|\n", '|', "column 1"},
		"a small id":            {"1,Ann,Smith\n", 0, "column 1"},
		"a date":                {"Ann,Smith,1980-05-01\n", 0, "column 3"},
		"another delimiter":     {"Ann;Smith;;+34600111222\n", 0, "column 1"},
		"quotes of another one": {"'x',\"Ann\"|\"+34600111222\"\n", 0, "column 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, tc.content, tc.delimiter, "Email")
			e := filetest.PathError(t, err)
			for _, want := range []string{"Line 1 of ", "is not a header but a row of data: there is a number in " + tc.column, "with the argument columns"} {
				if !strings.Contains(e.Error(), want) {
					t.Errorf("error %q, want %q", e, want)
				}
			}
			_, said, _ := strings.Cut(e.Problem+e.Remedy, "segment.csv") // numbers in the path before it are others
			for _, value := range []string{"Ann", "Smith", "600", "4711", "1980"} {
				if strings.Contains(said, value) {
					t.Errorf("error %q shows %q", e, value)
				}
			}
		})
	}
	for name, header := range map[string]string{
		"a header":            "E-mail,Name,Address 1,Region2",
		"years":               "Customer,2025,2026",
		"one column is there": "Name,1,+34600111222",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, header+"\nx,1,2\n", 0, "Name", "Email")
			var missing *segment.MissingColumnsError
			if !errors.As(err, &missing) || len(missing.Available) == 0 {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCSVRefusesOtherFormats(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ content, want string }{
		"gzip, cut off":      {"\x1f\x8b\x08\x00rest", "ends in the middle of its gzip data. It was cut off; copy or export it again."},
		"not gzip":           {"\x1f\x8b\x07\x00restrestrest", "The gzip data of the file"},
		"not zstd":           {"\x28\xb5\x2f\xfdrestrestrestrest", "The zstd data of the file"},
		"magic in two bytes": {"\x1f\x8b", "ends in the middle of its gzip data."},
		"zip":                {"PK\x03\x04\x14\x00\x00\x00people.csv", "is not CSV but a zip archive. Unpack it, or compress the file with gzip instead;"},
		"xlsx":               {"PK\x03\x04\x14\x00\x00\x00[Content_Types].xml", "is not CSV but an Excel workbook (.xlsx). Save it as CSV UTF-8"},
		"xls":                {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is not CSV but an Excel workbook (.xls). Save it as CSV UTF-8."},
		"bzip2":              {"BZh91AY&SY", "is not CSV but compressed with bzip2. Compress it with gzip or zstd instead."},
		"xz":                 {"\xfd7zXZ\x00", "is not CSV but compressed with xz."},
		"ORC":                {"ORC\x08\x03", "is not CSV but ORC. Export it as Parquet."},
		"Parquet":            {"PAR1\x15\x04", "is not CSV but Parquet. Set format = \"parquet\""},
		"PDF":                {"%PDF-1.7\n", "is not CSV but PDF. Export it as CSV."},
		"HTML":               {"\r\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is not CSV but an HTML page. It is likely a page for signing in"},
		"HTML table":         {"<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><table>", "is not CSV but an HTML page."},
		"HTML, only a table": {"<TABLE border=1><tr><td>a", "is not CSV but an HTML page."},
		"HTML, no frame":     {"\n<meta charset=utf-8>\n<div>", "is not CSV but an HTML page."},
		"HTML, a comment":    {"<!-- saved -->\n<HTML>", "is not CSV but an HTML page."},
		"XML of a bucket":    {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "is not CSV but XML. If a server sent it"},
		"NDJSON":             {"{\"a\": 1}\n", "is not CSV but JSON. Set format = \"ndjson\""},
		"JSON list":          {"[\n  {\"a\": 1}]", "is not CSV but JSON."},
		"NUL in the header":  {"a,b\x00\n1,2\n", "is not text but binary data."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, tc.content, 0)
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

// What only looks like one of them is CSV.
func TestCSVThatBeginsLikeOtherFormats(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"PK", "ORCID", "<b>", "{id}", "[0]", "7z", "sep"} {
		if got, err := segmenttest.ReadAll(mustOpen(t, header+",b\n1,2\n", 0, header)); err != nil || len(got) != 1 || got[0][0] != "1" {
			t.Errorf("%s: %q, %v", header, got, err)
		}
	}
}

// The values are personal data and must not be in an error.
func TestCSVErrorsQuoteNoValue(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	for _, content := range []string{
		"a,b\n\"" + secret + "\n", "a,b\n" + secret + ",2," + secret + "\n", "a,b\n" + secret + "\n", "a,b\n1,\"" + secret + "\nx\" y\n",
		"a,b\n" + secret + ",\xe9\n", "a,b\n" + secret + ",\x00\n", "a,b\n\"" + secret + "\"\"\"x,\"y\"z,\"\n",
	} {
		rows := mustOpen(t, content, 0, "a", "b")
		if row, err := rows.Next(nil); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q gives %q, %v", content, row, err)
		}
	}
}

func TestCSVTakesLongFields(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789,\"\"\n", 5<<20/14)
	rows := mustOpen(t, "a,b\n1,\""+long+"\"\n3,4\n", 0, "a", "b")
	got, err := segmenttest.ReadAll(rows)
	want := strings.ReplaceAll(long, `""`, `"`)
	if err != nil || len(got) != 2 || got[0][1] != want || got[1][1] != "4" {
		t.Fatalf("%d rows, %v", len(got), err)
	}
}

// The cells of a row must not keep what nobody mapped in memory.
func TestCSVReleasesRecords(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]string{
		"plain": strings.Repeat("b", 9000), "quoted": "\"" + strings.Repeat("b", 9000) + "\"", "quotes": "\"" + strings.Repeat("b\"\"", 9000) + "\"",
	} {
		got, err := segmenttest.ReadAll(mustOpen(t, "a,b,c\nfirst,"+between+",last\n", 0, "a", "c"))
		if err != nil || len(got) != 1 || got[0][0] != "first" || got[0][1] != "last" {
			t.Fatalf("%s: %d rows, %v", name, len(got), err)
		}
		if n := addressOf(got[0][1]) - addressOf(got[0][0]); n != uintptr(len("first")) {
			t.Errorf("%s: the cells are %d bytes apart", name, n)
		}
	}
}

// Cells of which only some are mapped are the same whether a row is copied at once or
// cell by cell, and what is wrong with the others is no matter.
func TestCSVMapsSomeCells(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]string{
		"little": "b", "nothing": "", "much": strings.Repeat("b", 9000), "quoted": `"b,b"`, "quotes": `"b""b"`,
		"not UTF-8": "\xe9", "NUL": "a\x00b", "blank": "  ",
	} {
		for _, columns := range [][]string{{"a", "c"}, {"c", "a"}} {
			got, err := segmenttest.ReadAll(mustOpen(t, "z,a,b,c,y\n\xff,1,"+between+",3,\xff\n,,"+between+",5\n", 0, columns...))
			want := [][]string{{"1", "3"}, {"", "5"}}
			if columns[0] == "c" {
				want = [][]string{{"3", "1"}, {"5", ""}}
			}
			if err != nil || len(got) != 2 || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
				t.Errorf("%s, %v: %q, %v; want %q", name, columns, got, err, want)
			}
		}
	}
}

func addressOf(text string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(text))) }

// An error leaves the values of the rows before it as they were.
func TestCSVAppendsRows(t *testing.T) {
	t.Parallel()
	rows := mustOpen(t, "a,b\n1,2\n1,2,3\n3,4\n", 0, "b", "a")
	all := []string{"kept"}
	var failed int
	for range 4 {
		var err error
		if all, err = rows.Next(all); err != nil {
			failed++
		}
	}
	if want := []string{"kept", "2", "1", "4", "3"}; !slices.Equal(all, want) || failed != 2 {
		t.Errorf("read %q with %d errors, want %q", all, failed, want)
	}
	if rows.JSON() != nil {
		t.Error("CSV says that it is JSON")
	}
}

func TestCSVNamesMissingColumns(t *testing.T) {
	t.Parallel()
	_, err := open(t, "email,here,town \n", 0, "EMail", "here", "town ", "Tier")
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"EMail", "town ", "Tier"}) {
		t.Fatalf("error %v", err)
	}
	if want := `no column "EMail", "town ", "Tier"; the columns are "email", "here", "town"`; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
