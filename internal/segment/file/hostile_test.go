package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file/filetest"
)

// allocated returns how many MiB are allocated in a call, by whatever goroutine.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) >> 20
}

// hostile is a file that is small, or has little in it, and takes much to read.
type hostile struct {
	name    string
	content []byte
	column  string // empty: "a"
	rows    int
	want    string // of the error; empty: it is read
	memory  uint64 // MiB that reading it may allocate in all; what is freed counts
}

// check reads the file.
func (h hostile) check(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), h.name)
	if err := os.WriteFile(path, h.content, 0o600); err != nil {
		t.Fatal(err)
	}
	column := h.column
	if column == "" {
		column = "a"
	}
	n := 0
	var err error
	memory := allocated(func() {
		var rows segment.Rows
		if rows, err = (file.Source{Path: path}).Open(t.Context(), []string{column}); err == nil {
			n, err = count(rows)
			must(t, rows.Close())
		}
	})
	switch {
	case n != h.rows:
		t.Errorf("%d rows, want %d", n, h.rows)
	case h.want == "":
		must(t, err)
	case err == nil || !strings.Contains(err.Error(), h.want):
		t.Errorf("error %.1000v, want %q", err, h.want)
	case len(err.Error()) > 2000+len(path):
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	if memory > h.memory {
		t.Errorf("%d MiB were allocated for %d KiB, want at most %d", memory, len(h.content)>>10, h.memory)
	}
}

// gzipOf and zstdOf compress a text that is repeated, block by block.
func gzipOf(t *testing.T, begin, block string, blocks int) []byte {
	t.Helper()
	return packed(t, begin, block, blocks, func(text string) []byte { return []byte(filetest.Gzip(t, text)) })
}

func zstdOf(t *testing.T, begin, block string, blocks int) []byte {
	t.Helper()
	return packed(t, begin, block, blocks, func(text string) []byte { return []byte(filetest.Zstd(t, text)) })
}

func packed(t *testing.T, begin, block string, blocks int, pack func(string) []byte) []byte {
	t.Helper()
	return append(pack(begin), bytes.Repeat(pack(block), blocks)...)
}

// Files that decompress to a gigabyte or more are read as a stream.
func TestHostileCompressedFiles(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	race.SkipHeap(t)
	x, blank, rows := strings.Repeat("x", 4<<20), strings.Repeat("\n", 4<<20), strings.Repeat("1\n", 1<<10)
	const tooLong = "the row that begins in line 2 is longer than 16 MiB"
	named := append([]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff"), strings.Repeat("x", 8<<20)...)
	for _, h := range []hostile{ //nolint:paralleltest // measures the heap
		{name: "record.csv.gz", content: gzipOf(t, "a\n", x, 256), want: tooLong, memory: 160},
		{name: "record.csv.zst", content: zstdOf(t, "a\n", x, 256), want: tooLong, memory: 160},
		{name: "record.json.gz", content: gzipOf(t, `{"a":"`, x, 256), want: "Line 1 of ", memory: 120},
		{name: "quoted.csv.gz", content: gzipOf(t, "a\n\"", x, 256), want: tooLong, memory: 160},
		{name: "header.csv.gz", content: gzipOf(t, "a", x, 256), want: "the row that begins in line 1 is longer than 16 MiB", memory: 160},
		{name: "blank.csv.gz", content: gzipOf(t, "a\n", blank, 4), memory: 16},
		{name: "blank.csv.zst", content: zstdOf(t, "a\n", blank, 4), memory: 16},
		{name: "blank.json.gz", content: gzipOf(t, "", blank, 4), memory: 16},
		{name: "members.csv.gz", content: gzipOf(t, "a\n1\n", "", 100_000), rows: 1, memory: 16},
		{name: "frames.csv.zst", content: zstdOf(t, "a\n1\n", "", 100_000), rows: 1, memory: 32},
		{name: "rows.csv.gz", content: gzipOf(t, "a\n", rows, 256), rows: 256 << 10, memory: 32},
		{name: "twice.csv.gz", content: []byte(filetest.Gzip(t, string(gzipOf(t, "a\n", x, 256)))), want: "Compress it just once", memory: 16},
		{name: "name.csv.gz", content: named, want: "The gzip data of the file", memory: 16},
		{name: "window.csv.zst", content: []byte(filetest.Zstd(t, "a\n"+strings.Repeat(x, 10), zstd.WithWindowSize(64<<20))), want: "takes more than 32 MiB of memory", memory: 16},
	} {
		t.Run(h.name, h.check)
	}
}

// A million columns are read, and an error about them lists only some.
func TestHostileColumns(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	race.SkipHeap(t)
	const columns = 1_000_000
	var csv, json strings.Builder
	json.WriteString(`{"b":1`)
	for i := range columns {
		fmt.Fprintf(&csv, "c%d,", i)
		if i < columns/2 { // a line has at most 16 MiB
			fmt.Fprintf(&json, `,"c%d":%d`, i, i)
		}
	}
	header, object := csv.String()+"a\n", json.String()+"}\n"
	row := strings.Repeat(",", columns) + "1\n"
	for _, h := range []hostile{ //nolint:paralleltest // measures the heap
		{name: "million.csv", content: []byte(header + row + row), rows: 2, memory: 400},
		{name: "million.tsv", content: []byte(strings.ReplaceAll(header+row+row, ",", "\t")), rows: 2, memory: 400},
		{name: "ragged.csv", content: []byte("a\n1\n" + row + "2\n"), rows: 3, memory: 200},
		{name: "missing.csv", content: []byte(header + row), column: "x", want: "and 999941 more", memory: 500},
		{name: "million.json", content: []byte(object), column: "c499999", rows: 1, memory: 64},
		{name: "missing.json", content: []byte(object), rows: 1, want: `no column "a"`, memory: 64},
	} {
		t.Run(h.name, h.check)
	}
}

// JSON of any depth is an error of its line, not a stack that overflows.
func TestHostileJSON(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"lists": strings.Repeat("[", 1<<20), "objects": strings.Repeat(`{"b":`, 1<<20), "both": strings.Repeat(`[{"b":`, 1<<19),
	} {
		rows, err := file.Source{Path: writeAs(t, "x.json", "{\"a\":1}\n{\"a\":"+line+"\n")}.Open(t.Context(), []string{"a"})
		must(t, err)
		n, err := count(rows)
		if n != 1 || err == nil || !strings.Contains(err.Error(), "JSON line 2 of ") || !strings.Contains(err.Error(), "the nesting is too deep") {
			t.Errorf("%s: %d rows, error %v", name, n, err)
		}
		must(t, rows.Close())
	}
}

// A link that leads to itself is an error, and so is one among the files of a pattern.
func TestHostileLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for link, to := range map[string]string{"self.csv": "self.csv", "one.csv": "two.csv", "two.csv": "one.csv", "folder": "folder"} {
		if err := os.Symlink(to, in(link)); err != nil {
			t.Skip(err) // Windows allows it to some users only
		}
	}
	const opening, leading = "cannot be opened: ", "which the pattern "
	for path, want := range map[string]string{"self.csv": opening, "one.csv": opening, "*.csv": opening, "folder/x.csv": opening, "**": leading, "**/s*.csv": leading, "*/x.csv": leading} {
		_, err := file.Source{Path: in(path)}.Open(t.Context(), []string{"a"})
		var e *segment.Error
		if !errors.As(err, &e) || !strings.Contains(e.Problem, want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}

// Names of files and columns are shown without control characters.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	const wipe = "\x1b[2J\u202e"
	for name, content := range map[string]string{wipe + ".csv": "b\n1\n", "x.csv": "b" + wipe + "\n1\n", "x.json": `{"b` + wipe + `":1}`, "y.csv": "\"" + wipe, "z.csv": "", "w.json": wipe} {
		rows, err := file.Source{Path: writeAs(t, name, content)}.Open(t.Context(), []string{"a"})
		if err == nil {
			for err == nil {
				_, err = rows.Next(nil)
			}
			must(t, rows.Close())
		}
		if err == nil || errors.Is(err, io.EOF) || strings.ContainsAny(err.Error(), "\x1b\u202e") {
			t.Errorf("%q: error %q", name, err)
		}
	}
}
