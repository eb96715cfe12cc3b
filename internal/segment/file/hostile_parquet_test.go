package file_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

// withFirstPage changes the header and the data of the first page of a file that
// has one column.
func withFirstPage(t *testing.T, content string, change func(h *format.PageHeader, data []byte) []byte) []byte {
	t.Helper()
	opened, err := parquet.OpenFile(strings.NewReader(content), int64(len(content)))
	must(t, err)
	chunk := &opened.Metadata().RowGroups[0].Columns[0].MetaData
	start := chunk.DataPageOffset
	if chunk.DictionaryPageOffset != 0 {
		start = chunk.DictionaryPageOffset
	}
	reader := new(thrift.CompactProtocol).NewReaderFromBytes([]byte(content[start:]))
	header := new(format.PageHeader)
	must(t, thrift.NewDecoder(reader).Decode(header))
	first := start + int64(reader.BytesRead())
	end := first + int64(header.CompressedPageSize)
	data := change(header, []byte(content[first:end]))
	text, err := thrift.Marshal(new(thrift.CompactProtocol), header)
	must(t, err)
	page := slices.Concat(text, data)
	rest := content[end : start+chunk.TotalCompressedSize] // pages after it
	chunk.TotalCompressedSize = int64(len(page) + len(rest))
	if chunk.DictionaryPageOffset != 0 {
		chunk.DataPageOffset = start + int64(len(page))
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), opened.Metadata())
	must(t, err)
	return []byte(content[:start] + string(page) + rest + string(binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))) + "PAR1")
}

// withFooterText replaces the footer of a file.
func withFooterText(content string, footer []byte) []byte {
	return append(append([]byte(content), binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))...), "PAR1"...)
}

// text is a row of one column.
type text struct {
	A string `parquet:"a,plain"`
}

// Pages that claim to be large, or decompress to more than they claim, take no more
// memory than a page may have.
func TestHostileParquetPages(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	race.SkipHeap(t)
	const damaged = "is damaged: it cannot be read beyond row 0"
	type dict struct {
		A string `parquet:"a,dict"`
	}
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &parquet.Lz4Raw}
	for _, codec := range codecs { //nolint:paralleltest // measures the heap
		for _, version := range []int{1, 2} {
			plain := filetest.Parquet(t, []text{{"1"}}, parquet.Compression(codec), parquet.DataPageVersion(version))
			encoded := filetest.Parquet(t, []dict{{"1"}, {"1"}}, parquet.Compression(codec), parquet.DataPageVersion(version))
			bomb := make([]byte, 16<<20)
			packed, err := codec.Encode(nil, bomb)
			must(t, err)
			packed = bytes.Clone(packed)
			if codec == &parquet.Gzip || codec == &parquet.Zstd {
				packed = bytes.Repeat(packed, 32)
			}
			for _, h := range []hostile{
				{name: "a size of 2 GiB", content: withFirstPage(t, plain, func(h *format.PageHeader, data []byte) []byte {
					h.UncompressedPageSize = math.MaxInt32
					return data
				}), want: "A page of the column \"a\" of the Parquet file ", memory: 4},
				{name: "a size of 2 GiB in the file", content: withFirstPage(t, plain, func(h *format.PageHeader, data []byte) []byte {
					h.CompressedPageSize = math.MaxInt32
					return data
				}), want: damaged, memory: 4},
				{name: "2 billion values", content: withFirstPage(t, plain, func(h *format.PageHeader, data []byte) []byte {
					h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues = math.MaxInt32, math.MaxInt32
					return data
				}), want: "has 2147483647 values, and at most 67108864 can be read", memory: 4},
				{name: "a dictionary of 2 billion values", content: withFirstPage(t, encoded, func(h *format.PageHeader, data []byte) []byte {
					h.DictionaryPageHeader.V.NumValues = math.MaxInt32
					return data
				}), want: "has 2147483647 values", memory: 4},
				{name: "more than it claims", content: withFirstPage(t, plain, func(h *format.PageHeader, _ []byte) []byte {
					h.UncompressedPageSize, h.CompressedPageSize, h.CRC = 100, int32(len(packed)), 0
					return packed
				}), want: damaged, memory: 4},
				{name: "a dictionary of more than it claims", content: withFirstPage(t, encoded, func(h *format.PageHeader, _ []byte) []byte {
					h.UncompressedPageSize, h.CompressedPageSize, h.CRC = 100, int32(len(packed)), 0
					return packed
				}), want: damaged, memory: 4},
				{name: "long statistics", content: withFirstPage(t, plain, func(h *format.PageHeader, data []byte) []byte {
					h.DataPageHeader.V.Statistics.MaxValue = bomb
					h.DataPageHeaderV2.V.Statistics.MaxValue = bomb
					return data
				}), rows: 1, memory: 200},
			} {
				if codec == &parquet.Uncompressed {
					if h.memory += uint64(len(packed) >> 19); h.name == "a size of 2 GiB" { // which no compression believes
						h.want, h.rows = "", 1
					}
				}
				if strings.HasSuffix(h.name, "than it claims") {
					if h.memory = 16; codec == &parquet.Uncompressed {
						continue // nothing is decompressed
					}
				}
				name := codec.String() + " " + string('0'+rune(version)) + " " + h.name
				h.name = "x.parquet"
				t.Run(name, h.check)
			}
		}
	}
}

// A footer takes no more memory than columns and row groups need.
func TestHostileParquetFooters(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	race.SkipHeap(t)
	plain := filetest.Parquet(t, []text{{"1"}})
	const damaged = "is damaged"
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07} // 2^31-1
	field := func(id, kind byte, rest ...[]byte) []byte {
		return append([]byte{id<<4 | kind}, bytes.Join(rest, nil)...)
	}
	list := func(count []byte, elements ...[]byte) []byte {
		return append(append([]byte{0xfc}, count...), bytes.Join(elements, nil)...)
	}
	many := binary.AppendUvarint(nil, 4<<20)
	for name, h := range map[string]hostile{ //nolint:paralleltest // measures the heap
		"a list of 2 billion columns": {content: withFooterText(plain, field(2, 9, list(huge))), want: damaged, memory: 4},
		"a text of 2 GiB":             {content: withFooterText(plain, field(6, 8, huge)), want: damaged, memory: 4},
		"a map of 2 billion":          {content: withFooterText(plain, field(15, 11, huge, []byte{0x88})), want: damaged, memory: 4},
		"millions of empty columns":   {content: withFooterText(plain, field(2, 9, list(many, make([]byte, 4<<20)))), want: "has too many columns and row groups to be read", memory: 12},
		"nested without end":          {content: withFooterText(plain, bytes.Repeat([]byte{0x1c}, 8<<20)), want: damaged, memory: 32},
		"nested lists without end":    {content: withFooterText(plain, field(1, 9, bytes.Repeat([]byte{0x19}, 8<<20))), want: damaged, memory: 32},
		"a number without end":        {content: withFooterText(plain, field(1, 5, bytes.Repeat([]byte{0xff}, 8<<20))), want: damaged, memory: 32},
		"nothing":                     {content: withFooterText(plain, nil), want: damaged, memory: 4},
	} {
		h.name = "x.parquet"
		t.Run(name, h.check)
	}
}

// nested is a footer with columns in a group of groups of a name, and with empty row
// groups.
func nested(t *testing.T, name string, depth, columns, rowGroups int) []byte {
	t.Helper()
	metadata := &format.FileMetaData{RowGroups: make([]format.RowGroup, rowGroups)}
	for level := range depth {
		children := 1
		if level == depth-1 {
			children = columns
		}
		metadata.Schema = append(metadata.Schema, format.SchemaElement{Name: name, NumChildren: thrift.New(int32(children))})
	}
	for range columns {
		metadata.Schema = append(metadata.Schema, format.SchemaElement{Name: "c", Type: thrift.New(format.Boolean)})
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), metadata)
	must(t, err)
	return footer
}

// Columns and row groups take no more memory than the footer has of them. What the
// library took for these footers is the square of their size.
func TestHostileParquetShapes(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	race.SkipHeap(t)
	plain := filetest.Parquet(t, []text{{"1"}})
	const tooDeep = "has columns that are nested too deeply to be read"
	for name, h := range map[string]hostile{ //nolint:paralleltest // measures the heap
		"groups one inside the other": {content: withFooterText(plain, nested(t, "g", 3000, 1, 0)), want: tooDeep, memory: 4},
		"columns below many groups":   {content: withFooterText(plain, nested(t, "g", 200, 60_000, 0)), want: tooDeep, memory: 48},
		"columns below a long name":   {content: withFooterText(plain, nested(t, strings.Repeat("g", 100_000), 2, 2000, 0)), want: tooDeep, memory: 8},
		"row groups without columns":  {content: withFooterText(plain, nested(t, "g", 1, 3000, 3000)), want: "is damaged", memory: 8},
	} {
		h.name = "x.parquet"
		t.Run(name, h.check)
	}
}

// Values that are too long for a cell, or a dictionary that repeats long ones, are an
// error before the rows with them are in memory.
func TestHostileParquetValues(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	race.SkipHeap(t)
	type dict struct {
		A string `parquet:"a,dict"`
	}
	type list struct {
		A []bool `parquet:"a,list"`
	}
	type nulls struct {
		A []*bool `parquet:"a,list"`
	}
	const tooLong = `the column "a" has a value of more than 16 MiB, a decimal of more than 1024 bytes, or 32 rows of more than 64 MiB together. Values that long cannot be sent`
	long := strings.Repeat("x", 10<<20)
	repeated := make([]dict, 100)
	for i := range repeated {
		repeated[i].A = long
	}
	zstd := parquet.Compression(&parquet.Zstd)
	decimal := withFooter(t, filetest.Parquet(t, []text{{strings.Repeat("1", 100_000)}}), func(metadata *format.FileMetaData) {
		metadata.Schema[1].LogicalType.Value = &format.DecimalType{Scale: 2, Precision: 38}
	})
	for name, h := range map[string]hostile{ //nolint:paralleltest // measures the heap
		"as long as may be": {content: []byte(filetest.Parquet(t, []text{{strings.Repeat("x", 16<<20)}}, zstd)), rows: 1, memory: 1000},
		"longer":            {content: []byte(filetest.Parquet(t, []text{{strings.Repeat("x", 16<<20+1)}}, zstd)), want: tooLong, memory: 1000},
		"in a dictionary":   {content: []byte(filetest.Parquet(t, repeated, zstd)), want: tooLong, memory: 900},
		"in a list":         {content: []byte(filetest.Parquet(t, []list{{make([]bool, 14_000_000)}}, zstd)), want: tooLong, memory: 500},
		"nulls in a list":   {content: []byte(filetest.Parquet(t, []nulls{{make([]*bool, 14_000_000)}}, zstd)), want: tooLong, memory: 500},
		"a decimal":         {content: []byte(decimal), want: tooLong, memory: 8},
	} {
		h.name = "x.parquet"
		t.Run(name, h.check)
	}
}

// Row groups that are compressed in different ways are read.
func TestParquetReadsSeveralCodecs(t *testing.T) {
	t.Parallel()
	first := filetest.Parquet(t, []text{{"1"}, {"2"}}, parquet.Compression(&parquet.Snappy))
	second := filetest.Parquet(t, []text{{"3"}}, parquet.Compression(&parquet.Zstd))
	metadata := footerOf(t, first)
	for _, group := range footerOf(t, second).RowGroups {
		group.Columns[0].MetaData.DataPageOffset += int64(len(first))
		metadata.RowGroups = append(metadata.RowGroups, group)
	}
	metadata.NumRows = 3
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), metadata)
	must(t, err)
	if got := mustReadAs(t, "x.parquet", string(withFooterText(first+second, footer)), "a"); len(got) != 3 || got[0][0] != "1" || got[2][0] != "3" {
		t.Errorf("rows %q", got)
	}
}

func footerOf(t *testing.T, content string) *format.FileMetaData {
	t.Helper()
	opened, err := parquet.OpenFile(strings.NewReader(content), int64(len(content)))
	must(t, err)
	return opened.Metadata()
}
