package file_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
)

type place struct {
	City    *string `parquet:"city,optional"`
	ZipCode int32   `parquet:"zip"`
}

type typedRow struct {
	Text     string             `parquet:"text"`
	Enum     string             `parquet:"enum,enum"`
	Bytes    []byte             `parquet:"bytes"`
	JSON     string             `parquet:"json,json"`
	Bool     bool               `parquet:"bool"`
	Int8     int8               `parquet:"int8"`
	Int      int64              `parquet:"int"`
	Uint32   uint32             `parquet:"uint32"`
	Uint     uint64             `parquet:"uint"`
	Float    float32            `parquet:"float"`
	Double   float64            `parquet:"double"`
	Decimal4 int32              `parquet:"decimal4,decimal(2:9)"`
	Decimal8 int64              `parquet:"decimal8,decimal(3:18)"`
	Date     int32              `parquet:"date,date"`
	Milli    int64              `parquet:"milli,timestamp(millisecond)"`
	Micro    int64              `parquet:"micro,timestamp(microsecond)"`
	Nano     int64              `parquet:"nano,timestamp(nanosecond)"`
	Local    int64              `parquet:"local,timestamp(millisecond:local)"`
	Time     int32              `parquet:"time,time(millisecond)"`
	Int96    deprecated.Int96   `parquet:"int96"`
	UUID     uuid.UUID          `parquet:"uuid,uuid"`
	Optional *int64             `parquet:"optional,optional"`
	Tags     []string           `parquet:"tags,list"`
	Numbers  []int64            `parquet:"numbers"`
	Address  *place             `parquet:"address,optional"`
	Places   []place            `parquet:"places,list"`
	Scores   map[string]float64 `parquet:"scores"`
	Dotted   string             `parquet:"address.city"`
}

func sampleRows() []typedRow {
	at := time.Date(2026, 11, 24, 6, 0, 0, 123456789, time.UTC)
	optional, city := int64(7), "Bern"
	return []typedRow{{
		Text: "plain \"text\"", Enum: "gold", Bytes: []byte("é"), JSON: `{"a":[1]}`, Bool: true, Int8: -8, Int: math.MinInt64, Uint32: math.MaxUint32,
		Uint: math.MaxUint64, Float: 0.1, Double: 1e300, Decimal4: -5, Decimal8: 1234567, Date: 20781,
		Milli: at.UnixMilli(), Micro: at.UnixMicro(), Nano: at.UnixNano(), Local: at.UnixMilli(), Time: 3_600_001,
		Int96: deprecated.Int96{0, 0, 2440588 + 1}, UUID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"), Optional: &optional,
		Tags: []string{"a", "b\""}, Numbers: []int64{1, 2}, Address: &place{&city, 3000}, Places: []place{{&city, 1}, {nil, 2}},
		Scores: map[string]float64{"x": 1.5}, Dotted: "literally",
	}, {Double: math.NaN()}}
}

func TestParquetTypes(t *testing.T) {
	t.Parallel()
	content := filetest.Parquet(t, sampleRows())
	for column, want := range map[string]struct {
		json   bool
		values []string
	}{
		"text": {false, []string{`plain "text"`, ""}}, "enum": {false, []string{"gold", ""}}, "bytes": {false, []string{"é", ""}},
		"json": {true, []string{`{"a":[1]}`, ""}}, "bool": {true, []string{"true", "false"}}, "int8": {true, []string{"-8", "0"}},
		"int": {true, []string{"-9223372036854775808", "0"}}, "uint32": {true, []string{"4294967295", "0"}},
		"uint": {true, []string{"18446744073709551615", "0"}}, "float": {true, []string{"0.1", "0"}}, "double": {true, []string{"1e+300", ""}},
		"decimal4": {true, []string{"-0.05", "0.00"}}, "decimal8": {true, []string{"1234.567", "0.000"}}, "date": {false, []string{"2026-11-24", "1970-01-01"}},
		"milli":    {false, []string{"2026-11-24T06:00:00.123Z", "1970-01-01T00:00:00Z"}},
		"micro":    {false, []string{"2026-11-24T06:00:00.123456Z", "1970-01-01T00:00:00Z"}},
		"nano":     {false, []string{"2026-11-24T06:00:00.123456789Z", "1970-01-01T00:00:00Z"}},
		"local":    {false, []string{"2026-11-24T06:00:00.123", "1970-01-01T00:00:00"}},
		"time":     {false, []string{"01:00:00.001", "00:00:00"}},
		"int96":    {false, []string{"1970-01-02T00:00:00Z", "-4713-11-24T00:00:00Z"}},
		"uuid":     {false, []string{"00112233-4455-6677-8899-aabbccddeeff", "00000000-0000-0000-0000-000000000000"}},
		"optional": {true, []string{"7", ""}}, "tags": {true, []string{`["a","b\""]`, "[]"}}, "numbers": {true, []string{"[1,2]", "[]"}},
		"address": {true, []string{`{"city":"Bern","zip":3000}`, ""}}, "address.zip": {true, []string{"3000", ""}}, "address.city": {false, []string{"literally", ""}},
		"places": {true, []string{`[{"city":"Bern","zip":1},{"city":null,"zip":2}]`, "[]"}}, "scores": {true, []string{`{"x":1.5}`, "{}"}},
	} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			rows, err := openAs(t, "x.parquet", content, column)
			if err != nil {
				t.Fatal(err)
			}
			got, err := segmenttest.ReadAll(rows)
			if err != nil || !reflect.DeepEqual(got, [][]string{want.values[:1], want.values[1:]}) || rows.JSON()[0] != want.json {
				t.Errorf("%q (%v), %v, want %q", got, rows.JSON(), err, want.values)
			}
		})
	}
}

// Decimals of any size are kept to the last digit.
func TestParquetLongDecimals(t *testing.T) {
	t.Parallel()
	type row struct {
		D [16]byte `parquet:"d,decimal(4:38)"`
	}
	var minus, plus row
	n, _ := new(big.Int).SetString("12345678901234567890123", 10)
	n.FillBytes(plus.D[:])
	new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), n).FillBytes(minus.D[:])
	got := mustReadAs(t, "x.parquet", filetest.Parquet(t, []row{plus, minus}), "d")
	if want := [][]string{{"1234567890123456789.0123"}, {"-1234567890123456789.0123"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// DuckDB writes a null array of a fixed size as as many nulls as the array would
// have; they are one value, also within other lists.
func TestParquetNullsOfArrays(t *testing.T) {
	t.Parallel()
	numbers := parquet.Optional(parquet.List(parquet.Leaf(parquet.Int64Type)))
	schema := parquet.NewSchema("row", parquet.Group{"array": numbers, "nested": parquet.Optional(parquet.List(numbers))})
	one := func(column, repetition, definition int) parquet.Value {
		return parquet.Int64Value(1).Level(repetition, definition, column)
	}
	null := func(column, repetition, definition int) parquet.Value {
		return parquet.NullValue().Level(repetition, definition, column)
	}
	var b strings.Builder
	w := parquet.NewGenericWriter[any](&b, schema)
	_, err := w.WriteRows([]parquet.Row{
		{one(0, 0, 2), one(0, 1, 2), one(1, 0, 4), one(1, 2, 4), null(1, 1, 2), null(1, 2, 2)},
		{null(0, 0, 0), null(0, 1, 0), null(1, 0, 0), null(1, 1, 0)},
		{one(0, 0, 2), null(1, 0, 2), null(1, 2, 2), one(1, 1, 4)},
		{null(0, 0, 0), null(0, 1, 0), null(1, 0, 0), null(1, 1, 0)},
	})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"[1,1]", "[[1,1],null]"}, {"", ""}, {"[1]", "[null,[1]]"}, {"", ""}}
	if got := mustReadAs(t, "x.parquet", b.String(), "array", "nested"); !reflect.DeepEqual(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

type plainRow struct {
	Email string   `parquet:"email,dict"`
	Name  *string  `parquet:"name,optional"`
	Age   int64    `parquet:"age"`
	Tags  []string `parquet:"tags,list"`
	Note  string   `parquet:"note"`
}

func plainRows(n int) ([]plainRow, [][]string) {
	rows, want := make([]plainRow, n), make([][]string, n)
	for i := range rows {
		name := fmt.Sprintf("name %d", i)
		rows[i] = plainRow{Email: fmt.Sprintf("p%d@example.com", i%700), Age: int64(i), Note: strings.Repeat("n", 50)}
		want[i] = []string{rows[i].Email, "", fmt.Sprint(i), "[]"}
		if i%3 > 0 {
			rows[i].Name, want[i][1] = &name, name
			rows[i].Tags, want[i][3] = []string{"a", name}[:i%3], []string{`["a"]`, `["a","` + name + `"]`}[i%3-1]
		}
	}
	return rows, want
}

var plainColumns = []string{"email", "name", "age", "tags"}

// Columns stay in step across pages and row groups of any size, with every
// compression and version of pages.
func TestParquetKeepsColumnsInStep(t *testing.T) {
	t.Parallel()
	rows, want := plainRows(5000)
	for name, options := range map[string][]parquet.WriterOption{
		"plain":               nil,
		"snappy, small pages": {parquet.Compression(&parquet.Snappy), parquet.PageBufferSize(1000)},
		"gzip, small groups":  {parquet.Compression(&parquet.Gzip), parquet.MaxRowsPerRowGroup(777)},
		"zstd, version 1":     {parquet.Compression(&parquet.Zstd), parquet.DataPageVersion(1), parquet.PageBufferSize(3000)},
		"brotli":              {parquet.Compression(&parquet.Brotli), parquet.MaxRowsPerRowGroup(1024)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := filetest.Parquet(t, rows, options...)
			if got := mustReadAs(t, "x.parquet", content, plainColumns...); !reflect.DeepEqual(got, want) {
				t.Errorf("%d rows are not those that were written", len(got))
			}
			opened, _ := openAs(t, "x.parquet", content, "tags", "age")
			wantCount(t, opened, len(rows))
		})
	}
}

// Only mapped columns are read: others may be damaged.
func TestParquetReadsOnlyMappedColumns(t *testing.T) {
	t.Parallel()
	rows, want := plainRows(300)
	content := filetest.Parquet(t, rows, parquet.Compression(&parquet.Uncompressed))
	note := strings.Repeat("n", 50)
	damaged := strings.ReplaceAll(content, note[:46], strings.Repeat("\xff", 46))
	if damaged == content {
		t.Fatal("nothing is damaged")
	}
	if got := mustReadAs(t, "x.parquet", damaged, "age"); len(got) != len(want) || got[299][0] != "299" {
		t.Errorf("%d rows", len(got))
	}
}

func TestParquetRefuses(t *testing.T) {
	t.Parallel()
	type interval struct {
		Bytes [12]byte `parquet:"bytes"`
	}
	rows, _ := plainRows(10)
	good := filetest.Parquet(t, rows)
	for name, tc := range map[string]struct{ content, column, want string }{
		"CSV":           {"a,b\n1,2\n", "a", "is not Parquet."},
		"empty":         {"", "a", "is empty."},
		"HTML":          {"<!DOCTYPE html><html><body>" + strings.Repeat("x", 600), "a", "is not Parquet but an HTML page. It is likely"},
		"zip":           {"PK\x03\x04" + strings.Repeat("x", 600), "a", "is not Parquet but a zip archive. Unpack it; Parquet"},
		"workbook":      {"PK\x03\x04\x14[Content_Types].xml" + strings.Repeat("x", 600), "a", "is not Parquet but an Excel workbook (.xlsx). Save it as CSV UTF-8"},
		"ORC":           {"ORC\x00\x01" + strings.Repeat("x", 600), "a", "is not Parquet but ORC. Export it as Parquet."},
		"magic only":    {"PAR1", "a", "is cut off"},
		"cut off":       {good[:len(good)-100], "email", "is cut off: its end is missing. Copy or export it again."},
		"footer's size": {good[:len(good)-8] + "\xff\xff\xff\x7fPAR1", "email", "is cut off"},
		"encrypted":     {"PARE" + good[4:], "email", "is encrypted"},
		"gzip":          {"\x1f\x8b\x08\x00rest", "email", "is Parquet inside of gzip"},
		"LZ4": {
			withFooter(t, good, func(f *format.FileMetaData) { f.RowGroups[0].Columns[0].MetaData.Codec = format.Lz4 }),
			"email", "is compressed with LZ4, which cannot be read. Export it with Snappy",
		},
		"unmappable": {filetest.Parquet(t, []interval{{}}), "bytes", `The column "bytes" of`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := openAs(t, "x.parquet", tc.content, tc.column)
			if e := filetest.PathError(t, err); !strings.Contains(e.Error(), tc.want) {
				t.Errorf("error %q, want %q", e, tc.want)
			}
		})
	}
}

// 32-bit integers in deltas are refused where the library may return wrong values.
func TestParquetDeltas(t *testing.T) {
	t.Parallel()
	type row struct {
		Signed   int32  `parquet:"signed,delta"`
		Unsigned uint32 `parquet:"unsigned,delta"`
		Plain    uint32 `parquet:"plain"`
	}
	for column, tc := range map[string]struct {
		rows    []row
		refused bool
	}{
		"signed":   {[]row{{Signed: -1}, {Signed: math.MaxInt32}}, true},
		"unsigned": {[]row{{Unsigned: 5}, {Unsigned: 1 << 31}}, true},
		"plain":    {[]row{{Signed: math.MinInt32}, {Signed: math.MaxInt32, Plain: math.MaxUint32}}, false},
	} {
		_, err := openAs(t, "x.parquet", filetest.Parquet(t, tc.rows), column)
		if refused := err != nil && strings.Contains(filetest.PathError(t, err).Error(), `"`+column+`", has 32-bit integers in the encoding DELTA_BINARY_PACKED`); refused != tc.refused {
			t.Errorf("%s: %v", column, err)
		}
	}
	near := filetest.Parquet(t, []row{{0, math.MaxInt32, 0}, {math.MaxInt32, 0, 0}})
	if got := mustReadAs(t, "x.parquet", near, "signed", "unsigned"); !reflect.DeepEqual(got, [][]string{{"0", "2147483647"}, {"2147483647", "0"}}) {
		t.Errorf("rows %q", got)
	}
}

// withFooter is a file with another footer.
func withFooter(t *testing.T, content string, change func(*format.FileMetaData)) string {
	t.Helper()
	opened, err := parquet.OpenFile(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	change(opened.Metadata())
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), opened.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	return content + string(binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))) + "PAR1"
}

func TestParquetNamesMissingColumns(t *testing.T) {
	t.Parallel()
	_, err := openAs(t, "x.parquet", filetest.Parquet(t, []struct {
		Email   string `parquet:"email"`
		Address place  `parquet:"address"`
	}{}), "EMail", "address.town", "address.city")
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"EMail", "address.town"}) ||
		!slices.Equal(missing.Available, []string{"address.city", "address.zip", "email"}) && !slices.Equal(missing.Available, []string{"email", "address.city", "address.zip"}) {
		t.Errorf("error %v", err)
	}
}

// Damage is an error or, without checksums, unnoticed. It is never a panic, and the
// error never quotes a value.
func TestParquetSurvivesDamage(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]compress.Codec{"snappy": &parquet.Snappy, "LZ4_RAW": &parquet.Lz4Raw} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			surviveDamage(t, codec)
		})
	}
}

func surviveDamage(t *testing.T, codec compress.Codec) {
	t.Helper()
	rows, _ := plainRows(200)
	content := filetest.Parquet(t, rows, parquet.Compression(codec), parquet.PageBufferSize(2000))
	errs := 0
	try := func(damaged []byte) {
		opened, err := openAs(t, "x.parquet", string(damaged), plainColumns...)
		if err == nil {
			_, err = segmenttest.ReadAll(opened)
			opened.Close()
		}
		if err != nil {
			errs++
		}
		if err != nil && strings.Contains(err.Error(), "example.com") {
			t.Errorf("error %v", err)
		}
	}
	step := max(len(content)/700, 1)
	for at := 0; at < len(content); at += step {
		for _, flip := range []byte{0xff, 0x01, 0x80} {
			damaged := []byte(content)
			damaged[at] ^= flip
			try(damaged)
		}
		if at%5 == 0 {
			try([]byte(content[:at]))
			try([]byte(content[:at] + content[min(at+7, len(content)):]))
		}
	}
	if errs == 0 {
		t.Error("no damage is noticed")
	}
}

// A file that has fewer rows than its footer says must fail, not shrink the segment.
func TestParquetThatEndsEarly(t *testing.T) {
	t.Parallel()
	rows, _ := plainRows(100)
	content := filetest.Parquet(t, rows)
	for _, column := range []string{"age", "tags"} {
		promising := withFooter(t, content, func(metadata *format.FileMetaData) {
			metadata.RowGroups[0].NumRows += 5
			for i := range metadata.RowGroups[0].Columns {
				metadata.RowGroups[0].Columns[i].MetaData.NumValues += 5
			}
		})
		got, err := openAs(t, "x.parquet", promising, column)
		if err != nil {
			t.Fatal(err)
		}
		_, err = segmenttest.ReadAll(got)
		if e := filetest.PathError(t, err); !strings.Contains(e.Error(), "is damaged: it cannot be read beyond row 0.") {
			t.Errorf("%s: error %q", column, e)
		}
	}
}

func TestParquetStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	written, _ := plainRows(5000)
	path := writeAs(t, "x.parquet", filetest.Parquet(t, written))
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := file.Source{Path: path}.Open(ctx, plainColumns)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next(nil)
	cancel()
	if got, err := segmenttest.ReadAll(rows); !errors.Is(err, context.Canceled) || len(got) > 1024 {
		t.Errorf("%d more rows, %v", len(got), err)
	}
}

func TestParquetNoRows(t *testing.T) {
	t.Parallel()
	if got := mustReadAs(t, "x.parquet", filetest.Parquet(t, []plainRow{}), plainColumns...); len(got) != 0 {
		t.Errorf("%d rows", len(got))
	}
}
