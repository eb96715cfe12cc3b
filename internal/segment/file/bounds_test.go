package file_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// countdown is a context that ends once Err was called often enough.
type countdown struct {
	context.Context
	checks atomic.Int64
}

func (c *countdown) Err() error {
	if c.checks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A single row of Parquet may have any number of values, even in a small file.
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
	const checks = 1000 // reading the file takes a hundred, the values four thousand
	ctx := &countdown{Context: t.Context()}
	ctx.checks.Store(checks)
	if err := readToTheEnd(ctx, file.Source{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v with %d checks to go", err, ctx.checks.Load())
	}
}

// readToTheEnd reads all rows and closes them.
func readToTheEnd(ctx context.Context, source file.Source) error {
	rows, err := source.Open(ctx, []string{"a"})
	if err != nil {
		return err
	}
	for err == nil {
		_, err = rows.Next(nil)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}
