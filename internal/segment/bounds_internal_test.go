package segment

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// countdown is a context that ends once it has been looked at so many times.
type countdown struct {
	context.Context
	looks atomic.Int64
}

func (c *countdown) Err() error {
	if c.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A single row of Parquet may have any number of values, of which few take much
// room in the file.
func TestParquetStopsInTheMiddleOfARow(t *testing.T) {
	t.Parallel()
	type row struct {
		A []bool `parquet:"a"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	_, err := w.Write([]row{{make([]bool, 2_000_000)}})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	const looks = 1000 // reading the file takes a hundred, the values four thousand
	ctx := &countdown{Context: t.Context()}
	ctx.looks.Store(looks)
	if err := readToTheEnd(ctx, File{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v with %d looks to go", err, ctx.looks.Load())
	}
}

// counted is a file of which the bytes that are read are counted.
type counted struct {
	*os.File
	bytes *atomic.Int64
}

func (c counted) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.File.ReadAt(p, offset)
	c.bytes.Add(int64(n))
	return n, err
}

// What is too long is refused before it has been read.
func TestLongRecordIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	for name, beginning := range map[string]string{"x.csv": "a\n1\n", "y.csv": "a\n1\n\"", "z.json": "{\"a\":1}\n{\"a\":\""} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(beginning+strings.Repeat("x", 8<<10)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 256<<20); err != nil { // takes no room on a disk
			t.Fatal(err)
		}
		var read atomic.Int64
		calls := osCalls
		calls.open = func(path string) (diskHandle, error) {
			file, err := os.Open(path)
			return counted{file, &read}, err
		}
		err := readToTheEnd(t.Context(), File{Path: path, place: disk{calls}})
		if err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
			t.Errorf("%s: error %v", name, err)
		}
		if n := read.Load(); n > maxRecord+4*diskBlock {
			t.Errorf("%s: %d bytes were read", name, n)
		}
	}
}
