package file_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

var fuzzed = []string{"email", "doc"}

// FuzzCSV reads arbitrary bytes: they are rows of the columns, the same each
// time, or there is an error that may be shown. What encoding/csv can read is read as
// it does.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("email,doc\na@example.com,{}\nA@example.com\nragged,,\n"))
	f.Add([]byte("email,doc\n\"c@example.com\",\"a \"\"b\"\"\nc\"\n"))
	f.Add([]byte("email,doc,x\na@example.com,\"B\" c,\"d\nb@example.com, \"e\" ,\"f\"\n,,\n"))
	f.Add([]byte("sep=;\remail;doc\r\"a@example.com\";\"x\r\r\ny\"\r\r\n;\r"))
	f.Fuzz(func(t *testing.T, content []byte) {
		rows, err := fuzzedRows(t, file.Source{Path: writeAs(t, "x.csv", string(content))})
		if err == nil {
			compareWithLibrary(t, content, rows)
		}
	})
}

// FuzzText is FuzzCSV for the other text formats and the arguments of files.
func FuzzText(f *testing.F) {
	add := func(content string, arguments ...uint8) {
		arguments = append(arguments, make([]uint8, 5)...)
		f.Add([]byte(content), arguments[0], arguments[1], arguments[2], arguments[3], arguments[4])
	}
	add("email\tdoc\na\t\\N\nb\tx\\\ty\\\nz\\\\\nc\tC:\\\n")
	add(`{"email":"a","doc":[NaN,"\u0000",-Infinity]}`+"\r"+`{"doc":{"x":Infinity}}`, 1)
	add("e\x00m\x00a\x00i\x00l\x00,\x00d\x00o\x00c\x00\n\x00a\x00,\x00b\x00", 2, 2)
	add("title\nemail,doc\na,\xe9\n", 2, 6, 1)
	add("a,\"b\n\nc,d,,\n", 3)
	add("sep=|\nemail;doc\na;1.234,5\nb;-\n", 2, 0, 0, 1)
	add("email\u00a7doc\na\u00a7b\n", 2, 0, 0, 4)
	add("email,x\nAnn <a@b.c>,1\n", 2, 0, 0, 0, 1)
	add("email\nx\ny\tz\n", 0, 0, 0, 0, 2)
	add(`{"email":"a"}`+"\n"+`{"email":"b","doc":1}`, 1, 0, 0, 0, 3)
	add("#\nemail,doc\na,\"b\n#\n\"\n#c,d\n# \"\r", 2)
	f.Fuzz(func(t *testing.T, content []byte, kind, encoding, skip, delimiter, folder uint8) {
		source := file.Source{SkipLines: int(skip % 3), NullValues: []string{"-", "NULL"}}
		switch kind % 4 {
		case 0:
			source.Format = file.TSV
			source.NullValues = nil
		case 1:
			source.Format, source.SkipLines = file.NDJSON, 0
		case 2:
			if skip%2 == 0 {
				source.Comment = "#"
			}
			source.Delimiter = []rune{0, ';', '\t', '|', '\u00a7'}[delimiter%5]
		case 3:
			source.Columns = slices.Clone(fuzzed)
		}
		if encoding > 0 {
			source.Encoding = file.Encodings()[int(encoding)%len(file.Encodings())]
		}
		source.Path = writeAs(t, []string{"x.csv", "doc=%5B1%5D/x.csv", "doc=__HIVE_DEFAULT_PARTITION__/x.csv", "email=a%zz/x=1/x.csv"}[folder%4], string(content))
		_, _ = fuzzedRows(t, source)
	})
}

// FuzzParquet reads arbitrary bytes as Parquet.
func FuzzParquet(f *testing.F) {
	type row struct {
		Email *string           `parquet:"email,optional,dict"`
		Doc   []map[string]int8 `parquet:"doc,list"`
	}
	type typed struct {
		Email float64 `parquet:"email"`
		Doc   int64   `parquet:"doc,timestamp(microsecond)"`
	}
	for _, options := range [][]parquet.WriterOption{
		{parquet.Compression(&parquet.Uncompressed)},
		{parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1)},
		{parquet.Compression(&parquet.Lz4Raw)},
		{parquet.Compression(&parquet.Lz4Raw), parquet.DataPageVersion(1), parquet.MaxRowsPerRowGroup(2)},
	} {
		address := "a@example.com"
		f.Add([]byte(filetest.Parquet(f, []row{{&address, []map[string]int8{{"x": 1}, {}}}, {nil, nil}, {&address, nil}}, options...)))
		f.Add([]byte(filetest.Parquet(f, []typed{{1, 1}, {math.NaN(), math.MaxInt64}}, options...)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = fuzzedRows(t, file.Source{Path: writeAs(t, "x.parquet", string(content)), Format: file.Parquet, NullValues: []string{"1", "a"}})
	})
}

// shownAddress is an address in an error.
var shownAddress = regexp.MustCompile(`\w@\w+\.\w`)

// fuzzedRows reads a file twice and checks what any reading must be.
func fuzzedRows(t *testing.T, source file.Source) ([][]string, error) {
	rows, err := readFuzzed(t, source)
	again, errAgain := readFuzzed(t, source)
	if !reflect.DeepEqual(rows, again) || !reflect.DeepEqual(err, errAgain) {
		t.Fatalf("%q and %v, then %q and %v", rows, err, again, errAgain)
	}
	for _, row := range rows {
		if len(row) != 2 && row[0] != segmenttest.Unreadable {
			t.Fatalf("row %q of two columns", row)
		}
		if text := strings.Join(row, ""); !utf8.ValidString(text) && source.Format != file.NDJSON && source.Format != file.Parquet || strings.Contains(text, "\x00") {
			t.Fatalf("row %q is no text", row)
		}
	}
	if err == nil {
		return rows, nil
	}
	if !errors.As(err, new(*segment.Error)) && !errors.As(err, new(*segment.MissingColumnsError)) {
		t.Fatalf("error %v (%T)", err, err)
	}
	if text := strings.ReplaceAll(strings.ToLower(err.Error()), "@odata.", ""); shownAddress.MatchString(strings.ReplaceAll(text, "@microsoft.", "")) {
		t.Fatalf("an address is shown: %v", err)
	}
	return rows, err
}

func readFuzzed(t *testing.T, source file.Source) ([][]string, error) {
	rows, err := source.Open(t.Context(), fuzzed)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

// compareWithLibrary compares rows with what encoding/csv reads, if it can read all of
// the text.
func compareWithLibrary(t *testing.T, content []byte, rows [][]string) {
	if bytes.ContainsAny(content, "\r\x1a") || bytes.HasPrefix(bytes.TrimLeft(content, "\n\""), []byte("sep=")) {
		return // which it reads otherwise
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte(bom))))
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil || len(records) == 0 {
		return
	}
	var at [2]int
	for i, name := range fuzzed {
		if at[i] = slices.IndexFunc(records[0], func(cell string) bool { return strings.Trim(strings.TrimSpace(cell), bom) == name }); at[i] < 0 {
			t.Fatalf("rows %q of the header %q", rows, records[0])
		}
	}
	n := 0
	for _, record := range records[1:] {
		if strings.TrimSpace(strings.Join(record, "")) == "" && !slices.ContainsFunc(record, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue
		}
		if n == len(rows) {
			t.Fatalf("%q is not read", record)
		}
		row := rows[n]
		if n++; row[0] == segmenttest.Unreadable {
			continue
		}
		record = append(record, make([]string, len(records[0]))...)
		if row[0] != record[at[0]] || row[1] != record[at[1]] {
			t.Fatalf("row %q of the record %q", row, record)
		}
	}
	if n != len(rows) {
		t.Fatalf("%d rows of %d records", len(rows), n)
	}
}

// FuzzLineEnds converts line ends in reads of any size, into buffers of any size, as in
// one of all.
func FuzzLineEnds(f *testing.F) {
	const mixed = "a\rb\r\nc\r\r\nd\r\r\re\n\r\n"
	for size := range uint8(7) {
		f.Add([]byte(mixed), size, uint8(0))
		f.Add([]byte(mixed), size, uint8(1))
		f.Add([]byte(mixed), uint8(6), size)
	}
	f.Fuzz(func(t *testing.T, content []byte, size, room uint8) {
		whole, err := io.ReadAll(file.LineEnds(bytes.NewReader(content)))
		if err != nil {
			t.Fatal(err)
		}
		parts, err := readInto(int(room%7)+1, file.LineEnds(&short{content, int(size%7) + 1}))
		if err != nil || !bytes.Equal(whole, parts) {
			t.Fatalf("%q is %q, in parts %q (%v)", content, whole, parts, err)
		}
		want := strings.TrimRight(regexp.MustCompile(`\r\r\n|\r\n|\r`).ReplaceAllString(string(content), "\n"), "\n")
		if got := strings.TrimRight(string(whole), "\n"); got != want {
			t.Fatalf("%q is %q, want %q", content, got, want)
		}
	})
}

// readInto reads all, into buffers of a size and smaller ones in turn.
func readInto(size int, in io.Reader) (all []byte, err error) {
	for buffer := make([]byte, size); err == nil; {
		for n := size; n > 0 && err == nil; n-- {
			var read int
			read, err = in.Read(buffer[:n])
			all = append(all, buffer[:read]...)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return all, err
}

// short reads a few bytes at a time.
type short struct {
	rest []byte
	size int
}

func (s *short) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(s.size, len(s.rest))])
	s.rest = s.rest[n:]
	return n, nil
}
