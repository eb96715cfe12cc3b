package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

type lz4Row struct {
	Random string   `parquet:"random,plain"`
	Plain  string   `parquet:"plain,plain"`
	Tier   string   `parquet:"tier,dict"`
	Number int64    `parquet:"number"`
	Tags   []string `parquet:"tags,list"`
}

func lz4Rows(n int) []lz4Row {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]lz4Row, n)
	for i := range rows {
		rows[i] = lz4Row{Random: fmt.Sprintf("%016x", random.Uint64()), Plain: fmt.Sprintf("p%d@example.com", i), Tier: fmt.Sprintf("tier %d", i%300), Number: random.Int64()}
		rows[i].Tags = []string{"a", rows[i].Random, "b"}[:i%4%3]
	}
	return rows
}

func writeLZ4(t *testing.T, rows []lz4Row, options ...parquet.WriterOption) string {
	t.Helper()
	var content bytes.Buffer
	if err := parquet.Write(&content, rows, append(options, parquet.Compression(&parquet.Lz4Raw))...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rows.parquet")
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Pages that are compressed well and badly, of both versions, with dictionaries
// and lists, in several row groups.
func TestParquetReadsLZ4(t *testing.T) {
	t.Parallel()
	written := lz4Rows(20_000)
	for name, options := range map[string][]parquet.WriterOption{
		"one group":   nil,
		"small pages": {parquet.PageBufferSize(1000), parquet.MaxRowsPerRowGroup(7_000)},
		"version 1":   {parquet.DataPageVersion(1), parquet.PageBufferSize(50_000), parquet.MaxRowsPerRowGroup(9_999)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := Source{Path: writeLZ4(t, written, options...)}.Open(t.Context(), []string{"tier", "random", "tags", "plain", "number"})
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for i, w := range written {
				tags := "[]"
				switch len(w.Tags) {
				case 1:
					tags = `["a"]`
				case 2:
					tags = `["a","` + w.Random + `"]`
				}
				want := []string{w.Tier, w.Random, tags, w.Plain, fmt.Sprint(w.Number)}
				if got, err := rows.Next(nil); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("row %d is %q, %v, want %q", i+1, got, err, want)
				}
			}
			if _, err := rows.Next(nil); !errors.Is(err, io.EOF) {
				t.Errorf("after the last row: %v", err)
			}
		})
	}
}

// A chunk reads the same again, in any steps, and keeps no buffer once its last byte
// was read: a file may have thousands of chunks.
func TestLZ4Chunk(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(writeLZ4(t, lz4Rows(5_000), parquet.PageBufferSize(2000)))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	view := &pageView{file: bytes.NewReader(content), size: int64(len(content))}
	view.replaceChunks(opened.Metadata())
	if len(view.chunks) != 5 {
		t.Fatalf("%d chunks", len(view.chunks))
	}
	for i, chunk := range view.chunks {
		section := io.NewSectionReader(view, view.size+int64(i)*virtualSize, virtualSize)
		all, err := io.ReadAll(section)
		if err != nil || len(all) == 0 {
			t.Fatalf("%d bytes, %v", len(all), err)
		}
		for _, from := range []int{0, len(all) / 2, len(all) - 1} {
			rest := make([]byte, len(all)-from)
			if _, err := section.ReadAt(rest, int64(from)); err != nil || !bytes.Equal(rest, all[from:]) {
				t.Fatalf("from %d, it reads otherwise: %v", from, err)
			}
			if chunk.in != nil || chunk.ready != nil {
				t.Errorf("chunk %d keeps its buffers", i)
			}
		}
	}
}

// Columns that are as deep as the library allows are read, as are row groups that have
// all columns.
func TestCheckShape(t *testing.T) {
	t.Parallel()
	group := func(children int32) format.SchemaElement {
		return format.SchemaElement{NumChildren: thrift.New(children)}
	}
	leaf := format.SchemaElement{Type: thrift.New(format.Int32)}
	deep := func(groups int) []format.SchemaElement {
		return append(slices.Repeat([]format.SchemaElement{group(1)}, groups), leaf)
	}
	tree := []format.SchemaElement{group(3), leaf, group(2), leaf, group(0), leaf}
	rows := func(columns ...int) (groups []format.RowGroup) {
		for _, n := range columns {
			groups = append(groups, format.RowGroup{Columns: make([]format.ColumnChunk, n)})
		}
		return groups
	}
	for name, tc := range map[string]struct {
		metadata format.FileMetaData
		want     error
	}{
		"as deep as may be":         {format.FileMetaData{Schema: deep(parquet.MaxColumnDepth)}, nil},
		"deeper":                    {format.FileMetaData{Schema: deep(parquet.MaxColumnDepth + 1)}, errTooManyElements},
		"wide below many groups":    {format.FileMetaData{Schema: append(append(deep(199)[:199:199], group(30_000)), slices.Repeat([]format.SchemaElement{leaf}, 30_000)...)}, errTooManyElements},
		"deep groups beside others": {format.FileMetaData{Schema: append(append([]format.SchemaElement{group(2)}, deep(254)...), deep(254)...)}, nil},
		"all columns":               {format.FileMetaData{Schema: tree, RowGroups: rows(3, 3)}, nil},
		"a column less":             {format.FileMetaData{Schema: tree, RowGroups: rows(3, 2)}, parquet.ErrCorrupted},
		"a column more":             {format.FileMetaData{Schema: tree, RowGroups: rows(4)}, parquet.ErrCorrupted},
		"nothing":                   {format.FileMetaData{}, nil},
	} {
		if err := checkShape(&tc.metadata, "x.parquet"); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// Data that does not decompress to the size that its header says is refused, by
// all codecs, and no more than that size is ever taken.
func TestDecompressPageRefuses(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("segment "), 1<<13)
	for codec, encoder := range map[format.CompressionCodec]compress.Codec{
		format.Snappy: &parquet.Snappy, format.Gzip: &parquet.Gzip, format.Brotli: &parquet.Brotli, format.Zstd: &parquet.Zstd, format.Lz4Raw: &parquet.Lz4Raw,
	} {
		packed, err := encoder.Encode(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		src := append([]byte("levels"), packed...)
		for name, tc := range map[string]struct {
			size   int // of what is decompressed, with the levels
			levels int64
			ok     bool
		}{
			"right": {len(text) + 6, 6, true}, "shorter": {len(text) + 5, 6, false}, "longer": {len(text) + 7, 6, false}, "a lot longer": {2*len(text) + 6, 6, false},
			"levels only": {6, 6, true}, "negative levels": {len(text) + 6, -6, false}, "more levels than data": {2 * len(text), int64(len(src)) + 1, false}, "levels longer than the page": {5, 6, false},
			"levels that are not there": {len(text) + 6, 0, false},
		} {
			beyond := bytes.Repeat([]byte{'.'}, tc.size+len(text))
			page := beyond[:tc.size]
			err := decompressPage(codec, page, src, tc.levels)
			if (err == nil) != tc.ok || tc.ok && string(page) != ("levels" + string(text))[:tc.size] {
				t.Errorf("%s, %s: %v", codec, name, err)
			}
			if strings.Trim(string(beyond[tc.size:]), ".") != "" {
				t.Errorf("%s, %s: it writes beyond the page", codec, name)
			}
		}
	}
}
