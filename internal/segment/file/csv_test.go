package file_test

import (
	"errors"
	"fmt"
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
		"empty fields":                  {"a,b\n,\n\"\",x\n", 0, ab, [][]string{{"", ""}, {"", "x"}}},
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
		"rows are not UTF-8":            {"a,b\nJos\xe9,2\n", 0, ab, [][]string{{"Jos\xe9", "2"}}},
		"ragged rows": {
			"a,b\n1\n1,2\n1,2,3\n,\n \n1,2\n", 0, ab,
			[][]string{{segmenttest.Unreadable}, {"1", "2"}, {segmenttest.Unreadable}, {"", ""}, {segmenttest.Unreadable}, {"1", "2"}},
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
		"empty":                  {"", "is empty. The first line must hold the column names."},
		"byte order mark only":   {bom, "is empty. The first line must hold the column names."},
		"blank lines only":       {"\n\r\n\n", "is empty. The first line must hold the column names."},
		"duplicate":              {"a,b,a\n", `has the column "a" twice, at 1 and 3. Rename one of them.`},
		"duplicate once trimmed": {"a, a \n", `has the column "a" twice, at 1 and 2. Rename one of them.`},
		"names nothing":          {",, \n1,2,3\n", "names no column. The first line must hold the column names."},
		"not UTF-8":              {"a,Stra\xdfe\n", "The name of column 2 of"},
		"bare quote":             {"a,b\"c\n", "line 1, column 4, there is a misplaced quote."},
		"unterminated quote":     {"a,\"b\n1,2\n", "the row that begins in line 1 has a quoted field that ends wrongly in line 2"},
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

func TestCSVRowErrorNamesTheWidth(t *testing.T) {
	t.Parallel()
	_, err := mustOpen(t, "a,b,c\n1,2\n", 0, "a").Next(nil)
	var bad *segment.RowError
	if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), "the row ") || !strings.Contains(err.Error(), "3") {
		t.Errorf("error %v", err)
	}
}

// Rows before a mistake are read; those after it cannot be trusted.
func TestCSVSyntaxErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content string
		rows    int
		want    string
	}{
		"bare quote":              {"a,b\n1,2\nx\"y,2\n3,4\n", 1, "line 3, column 2, there is a misplaced quote. A field with a quote in it must be quoted"},
		"text after a quote":      {"a,b\n1,2\n1,2\n\"x\"y,2\n", 2, "line 4, column 3, there is a misplaced quote."},
		"after a quoted line end": {"a,b\n\"x\ny\"z,2\n", 0, "the row that begins in line 2 has a quoted field that ends wrongly in line 3, column 2. A quote in a quoted field is written twice"},
		"unterminated":            {"a,b\n1,2\n\"x,2\n3,4\n5,6\n", 1, "the row that begins in line 3 has a quoted field that ends wrongly in line 5"},
		"unterminated last line":  {"a,b\n1,2\n3,\"x", 1, "line 3, column"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := segmenttest.ReadAll(mustOpen(t, tc.content, 0, "a", "b"))
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
			if len(got) != tc.rows {
				t.Errorf("%d rows before it, want %d", len(got), tc.rows)
			}
		})
	}
}

func TestCSVRefusesOtherFormats(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ content, want string }{
		"gzip, cut off":       {"\x1f\x8b\x08\x00rest", "ends in the middle of its gzip data. It was cut off; copy or export it again."},
		"not gzip":            {"\x1f\x8b\x07\x00restrestrest", "The gzip data of the file"},
		"not zstd":            {"\x28\xb5\x2f\xfdrestrestrestrest", "The zstd data of the file"},
		"xlsx":                {"PK\x03\x04\x14\x00", "is not CSV but a zip archive or an Excel workbook."},
		"Parquet":             {"PAR1\x15\x04", "is not CSV but Parquet. Set format = \"parquet\""},
		"PDF":                 {"%PDF-1.7\n", "is not CSV but PDF."},
		"UTF-16, little":      {"\xff\xfea\x00,\x00b\x00", "is UTF-16. Save the file as UTF-8."},
		"UTF-16, big":         {"\xfe\xff\x00a\x00,\x00b", "is UTF-16. Save the file as UTF-8."},
		"UTF-16 without mark": {"a\x00,\x00b\x00\n\x00", "is not text but binary data."},
		"NUL":                 {"a,b\n1,\x00\n", "is not text but binary data."},
		"magic in two bytes":  {"\x1f\x8b", "ends in the middle of its gzip data."},
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

// The values are personal data and must not be in an error.
func TestCSVErrorsQuoteNoValue(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	for _, content := range []string{
		"a,b\n" + secret + "\n", "a,b\n" + secret + "\"x,2\n", "a,b\n\"" + secret + "\n", "a,b\n" + secret + ",2," + secret + "\n",
		"a,b\n\"" + secret + "\"" + secret + ",1\n",
	} {
		got, err := segmenttest.ReadAll(mustOpen(t, content, 0, "a", "b"))
		if text := fmt.Sprint(got, err); strings.Contains(text, secret) || err == nil && len(got) != 1 {
			t.Errorf("%q gives %s", content, text)
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

// Cells must not keep a large record in memory of which they are a small part.
func TestCSVReleasesLargeRecords(t *testing.T) {
	t.Parallel()
	const usual = 201
	ends, all := []string{"a", "c"}, []string{"a", "b", "c"}
	for name, tc := range map[string]struct {
		between int // bytes of b
		columns []string
		parts   bool
	}{
		"usual":               {usual, ends, true},
		"not yet large":       {4001, ends, true},
		"large":               {4201, ends, false},
		"huge":                {90_001, ends, false},
		"huge, all is mapped": {90_001, all, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, last := strings.Repeat("f", 16), strings.Repeat("l", 16)
			row := func(between int) string {
				return first + ",\"" + strings.Repeat("b", between) + "\"," + last + "\n"
			}
			content := "a,b,c\n" + row(tc.between) + row(usual) + "ragged\n\n" + row(tc.between)
			got, err := segmenttest.ReadAll(mustOpen(t, content, 0, tc.columns...))
			if err != nil || len(got) != 4 {
				t.Fatalf("%d rows, %v", len(got), err)
			}
			for i, between := range map[int]int{0: tc.between, 1: usual, 3: tc.between} {
				cells := got[i]
				a, c := cells[0], cells[len(cells)-1]
				if a != first || c != last || tc.columns[1] == "b" && cells[1] != strings.Repeat("b", between) {
					t.Errorf("row %d: wrong values", i)
				}
				// Copies of 16 bytes are an even number of bytes apart, parts an odd one.
				parts := addressOf(c)-addressOf(a) == uintptr(len(a)+between)
				if want := tc.parts || i == 1; parts != want {
					t.Errorf("row %d: the cells are parts of the record: %t, want %t", i, parts, want)
				}
			}
		})
	}
}

func addressOf(text string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(text))) }

// An error leaves the values of the rows before it as they were.
func TestCSVAppendsRows(t *testing.T) {
	t.Parallel()
	rows := mustOpen(t, "a,b\n1,2\nragged\n3,4\n", 0, "b", "a")
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
