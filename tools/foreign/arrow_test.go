package foreign

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// writeArrow writes a record to a Parquet file, in row groups of a length.
func writeArrow(t *testing.T, path string, record arrow.RecordBatch, groupLength int64, options ...parquet.WriterProperty) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	table := array.NewTableFromRecords(record.Schema(), []arrow.RecordBatch{record})
	defer table.Release()
	if err := pqarrow.WriteTable(table, out, groupLength, parquet.NewWriterProperties(options...), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema())); err != nil {
		t.Fatal(err)
	}
}

// recordOf reads rows of JSON as Arrow does.
func recordOf(t *testing.T, schema *arrow.Schema, rows string) arrow.RecordBatch {
	t.Helper()
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// arrowTypes are columns by their values as JSON.
var arrowTypes = []struct {
	kind  arrow.DataType
	value string
	want  column
}{
	{arrow.BinaryTypes.String, `"Zoë \"x\""`, column{false, `Zoë "x"`}},
	{arrow.BinaryTypes.LargeString, `"Zoë"`, column{false, "Zoë"}},
	{arrow.BinaryTypes.LargeBinary, `"YWJj"`, column{false, "abc"}},
	{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `"gold"`, column{false, "gold"}},
	{arrow.FixedWidthTypes.Boolean, `true`, column{true, "true"}},
	{arrow.PrimitiveTypes.Int8, `-128`, column{true, "-128"}},
	{arrow.PrimitiveTypes.Int16, `-32768`, column{true, "-32768"}},
	{arrow.PrimitiveTypes.Int32, `-2147483648`, column{true, "-2147483648"}},
	{arrow.PrimitiveTypes.Int64, `-9223372036854775807`, column{true, "-9223372036854775807"}},
	{arrow.PrimitiveTypes.Uint8, `255`, column{true, "255"}},
	{arrow.PrimitiveTypes.Uint16, `65535`, column{true, "65535"}},
	{arrow.PrimitiveTypes.Uint32, `4294967295`, column{true, "4294967295"}},
	{arrow.PrimitiveTypes.Uint64, `18446744073709551615`, column{true, "18446744073709551615"}},
	{arrow.PrimitiveTypes.Float32, `0.1`, column{true, "0.1"}},
	{arrow.PrimitiveTypes.Float64, `4711.0`, column{true, "4711"}},
	{&arrow.Decimal128Type{Precision: 14, Scale: 2}, `"-4711.50"`, column{true, "-4711.50"}},
	{&arrow.Decimal128Type{Precision: 38, Scale: 4}, `"1234567890123456789.0123"`, column{true, "1234567890123456789.0123"}},
	{&arrow.Decimal256Type{Precision: 50, Scale: 1}, `"12345678901234567890123456789012345678901.5"`, column{true, "12345678901234567890123456789012345678901.5"}},
	{arrow.FixedWidthTypes.Date32, `"2026-02-28"`, column{false, "2026-02-28"}},
	{arrow.FixedWidthTypes.Date64, `"2026-02-28"`, column{false, "2026-02-28"}},
	{&arrow.TimestampType{Unit: arrow.Second}, `"2026-02-28 01:02:03"`, column{false, "2026-02-28T01:02:03"}},
	{&arrow.TimestampType{Unit: arrow.Millisecond}, `"2026-02-28 01:02:03.123"`, column{false, "2026-02-28T01:02:03.123"}},
	{&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, `"2026-02-28 01:02:03.123456Z"`, column{false, "2026-02-28T01:02:03.123456Z"}},
	{&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"}, `"2026-02-28T01:02:03+01:00"`, column{false, "2026-02-28T00:02:03Z"}},
	{&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "America/New_York"}, `"2026-02-28T01:02:03.123456789-05:00"`, column{false, "2026-02-28T06:02:03.123456789Z"}},
	{arrow.FixedWidthTypes.Time32ms, `"01:02:03.5"`, column{false, "01:02:03.5"}},
	{arrow.FixedWidthTypes.Time64us, `"01:02:03.123456"`, column{false, "01:02:03.123456"}},
	{arrow.FixedWidthTypes.Time64ns, `"01:02:03.123456789"`, column{false, "01:02:03.123456789"}},
	{arrow.ListOf(arrow.BinaryTypes.String), `["a", null, "b\""]`, column{true, `["a",null,"b\""]`}},
	{arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int32), `[]`, column{true, `[]`}},
	{arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Float64)), `[[1.5], [], null]`, column{true, `[[1.5],[],null]`}},
	{
		arrow.StructOf(arrow.Field{Name: "city", Type: arrow.BinaryTypes.LargeString, Nullable: true}, arrow.Field{Name: "zip", Type: arrow.PrimitiveTypes.Uint16, Nullable: true}),
		`{"city": "Bern", "zip": null}`,
		column{true, `{"city":"Bern","zip":null}`},
	},
	{
		arrow.ListOf(arrow.StructOf(arrow.Field{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true})),
		`[{"tags": ["x"]}, {"tags": null}, null]`,
		column{true, `[{"tags":["x"]},{"tags":null},null]`},
	},
	{arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), `[{"key": "a", "value": 1}, {"key": "b\"", "value": null}]`, column{true, `{"a":1,"b\"":null}`}},
}

// arrowVersions are the versions of pages, with and without dictionaries.
var arrowVersions = map[string][]parquet.WriterProperty{
	"format 2.6":    {parquet.WithVersion(parquet.V2_6)}, // the first one had no nanoseconds
	"format 2":      {parquet.WithVersion(parquet.V2_LATEST)},
	"pages 2":       {parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Lz4Raw)},
	"no dictionary": {parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Lz4Raw)},
}

// Every type has its text, beside a row that is null.
func TestArrowTypes(t *testing.T) {
	t.Parallel()
	var fields []arrow.Field
	var values, nulls []string
	for i, tc := range arrowTypes {
		name := fmt.Sprintf("column %d", i)
		fields = append(fields, arrow.Field{Name: name, Type: tc.kind, Nullable: true})
		values, nulls = append(values, fmt.Sprintf("%q: %s", name, tc.value)), append(nulls, fmt.Sprintf("%q: null", name))
	}
	one, none := "{"+strings.Join(values, ", ")+"}", "{"+strings.Join(nulls, ", ")+"}"
	record := recordOf(t, arrow.NewSchema(fields, nil), "["+one+","+none+","+one+"]")
	for version, options := range arrowVersions {
		path := filepath.Join(t.TempDir(), "types.parquet")
		writeArrow(t, path, record, 100, options...)
		want := map[string]column{}
		for i, tc := range arrowTypes {
			want[fmt.Sprintf("column %d", i)] = tc.want
		}
		for _, problem := range compareColumns(t, path, want) {
			t.Errorf("%s: %s", version, problem)
		}
	}
	for i, tc := range arrowTypes {
		if t.Failed() {
			t.Logf("column %d: %s", i, tc.kind)
		}
	}
}

// What is no number and no date is no value, or left to the reader of dates.
func TestArrowSpecialValues(t *testing.T) {
	t.Parallel()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "float", Type: arrow.PrimitiveTypes.Float64},
		{Name: "nanoseconds", Type: &arrow.TimestampType{Unit: arrow.Nanosecond}},
		{Name: "date", Type: arrow.FixedWidthTypes.Date32},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Float64Builder).AppendValues([]float64{math.NaN(), math.Inf(1), 0.5}, nil)
	b.Field(1).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{math.MinInt64, 0, math.MaxInt64}, nil)
	b.Field(2).(*array.Date32Builder).AppendValues([]arrow.Date32{-719529, 0, 100_000}, nil)
	path := filepath.Join(t.TempDir(), "special.parquet")
	writeArrow(t, path, b.NewRecordBatch(), 100)
	rows, _ := read(t, file.Source{Path: path}, "float", "nanoseconds", "date")
	want := `[["" "1677-09-21T00:12:43.145224192" "-0001-12-31"] ["" "1970-01-01T00:00:00" "1970-01-01"] ["0.5" "2262-04-11T23:47:16.854775807" "2243-10-17"]]`
	if got := fmt.Sprintf("%q", rows); got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
}

// arrowRows is how many people arrowPeople has.
const arrowRows = 110_000

var arrowColumns = []string{"email", "tier", "number", "score", "tags", "name"}

func arrowPeople() arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "email", Type: arrow.BinaryTypes.LargeString},
		{Name: "tier", Type: arrow.BinaryTypes.String},
		{Name: "number", Type: arrow.PrimitiveTypes.Int64},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64},
		{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil))
	tags := b.Field(4).(*array.ListBuilder)
	for i := range arrowRows {
		b.Field(0).(*array.LargeStringBuilder).Append(fmt.Sprintf("p%d@example.com", i))
		b.Field(1).(*array.StringBuilder).Append(tierOf(i))
		b.Field(2).(*array.Int64Builder).Append(numberOf(i))
		b.Field(3).(*array.Float64Builder).Append(float64(i) / 4)
		if i%5 == 0 {
			tags.AppendNull()
		} else if tags.Append(true); i%5 > 1 {
			tags.ValueBuilder().(*array.StringBuilder).Append(tierOf(i))
		}
		if i%7 == 0 {
			b.Field(5).AppendNull()
		} else {
			b.Field(5).(*array.StringBuilder).Append(fmt.Sprintf("name %d", numberOf(i)))
		}
	}
	return b.NewRecordBatch()
}

func tierOf(i int) string { return []string{"gold", "silver", "none"}[i%3] }

func numberOf(i int) int64 { return int64(i) * 1_000_003 % 100_000_007 }

// arrowPerson is a row of arrowPeople.
func arrowPerson(i int) []string {
	tags, name := "", ""
	switch {
	case i%5 > 1:
		tags = `["` + tierOf(i) + `"]`
	case i%5 == 1:
		tags = "[]"
	}
	if i%7 != 0 {
		name = fmt.Sprintf("name %d", numberOf(i))
	}
	return []string{fmt.Sprintf("p%d@example.com", i), tierOf(i), fmt.Sprint(numberOf(i)), strconv.FormatFloat(float64(i)/4, 'f', -1, 64), tags, name}
}

// Every compression and encoding, in several row groups.
func TestArrowCodecs(t *testing.T) {
	t.Parallel()
	const texts, numbers, floats, repeated = "email", "number", "score", "tier"
	encoded := func(text, number, float parquet.Encoding) []parquet.WriterProperty {
		return []parquet.WriterProperty{
			parquet.WithDictionaryDefault(false), parquet.WithEncodingFor(texts, text), parquet.WithEncodingFor("name", text),
			parquet.WithEncodingFor(numbers, number), parquet.WithEncodingFor(floats, float), parquet.WithDictionaryFor(repeated, true),
		}
	}
	people := arrowPeople()
	for name, options := range map[string][]parquet.WriterProperty{
		"uncompressed":          {},
		"snappy":                {parquet.WithCompression(compress.Codecs.Snappy)},
		"gzip":                  {parquet.WithCompression(compress.Codecs.Gzip)},
		"brotli":                {parquet.WithCompression(compress.Codecs.Brotli)},
		"zstd":                  {parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2)},
		"lz4_raw":               {parquet.WithCompression(compress.Codecs.Lz4Raw)},
		"lz4_raw, version 2":    {parquet.WithCompression(compress.Codecs.Lz4Raw), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDataPageSize(10_000)},
		"checksums":             {parquet.WithCompression(compress.Codecs.Lz4Raw), parquet.WithPageIndexEnabled(true), parquet.WithStats(true)},
		"delta":                 encoded(parquet.Encodings.DeltaByteArray, parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.Plain),
		"delta lengths":         append(encoded(parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.ByteStreamSplit), parquet.WithCompression(compress.Codecs.Lz4Raw)),
		"delta, version 2":      append(encoded(parquet.Encodings.DeltaByteArray, parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.ByteStreamSplit), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Lz4Raw)),
		"split of all numbers":  append(encoded(parquet.Encodings.Plain, parquet.Encodings.ByteStreamSplit, parquet.Encodings.ByteStreamSplit), parquet.WithCompression(compress.Codecs.Zstd)),
		"dictionary of a limit": {parquet.WithDictionaryPageSizeLimit(5_000), parquet.WithDataPageSize(20_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "people.parquet")
			writeArrow(t, path, people, 40_000, options...)
			wantRows(t, file.Source{Path: path}, arrowColumns, arrowRows, arrowPerson)
		})
	}
}

// A file without rows, and one without row groups, have their columns.
func TestArrowNoRows(t *testing.T) {
	t.Parallel()
	none := array.NewRecordBuilder(memory.DefaultAllocator, arrowPeople().Schema()).NewRecordBatch()
	path := filepath.Join(t.TempDir(), "none.parquet")
	writeArrow(t, path, none, 100, parquet.WithCompression(compress.Codecs.Lz4Raw))
	wantRows(t, file.Source{Path: path}, arrowColumns, 0, nil)
}
