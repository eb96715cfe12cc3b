package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
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
	view := &lz4File{file: bytes.NewReader(content), size: int64(len(content))}
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

// A size that the data cannot have is refused before memory for it is allocated.
func TestDecompressLZ4Refuses(t *testing.T) {
	t.Parallel()
	data := []byte{0x10, 'a'} // a literal
	if got, err := decompressLZ4(data, 0, 1); err != nil || string(got) != "a" {
		t.Fatalf("%q, %v", got, err)
	}
	for name, tc := range map[string]struct{ plain, size int64 }{
		"too large": {0, 1 << 62}, "shorter than the levels": {2, 1}, "negative": {0, -1}, "negative levels": {-1, 1},
		"more levels than data": {3, 3}, "longer": {0, 2}, "shorter": {0, 0},
	} {
		if got, err := decompressLZ4(data, tc.plain, tc.size); err == nil && len(got) > 0 || err != nil && !errors.Is(err, parquet.ErrCorrupted) {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
	}
}
