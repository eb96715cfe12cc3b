package segment

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// However long the values of a column are, few of them are in memory at once;
// and where they are short, the batches are as large as they may be.
func TestParquetBatchesAreBounded(t *testing.T) {
	t.Parallel()
	type row struct {
		Text string `parquet:"text"`
	}
	const count = 2000
	for length, heavy := range map[int]bool{10: false, 90_000: true} {
		path := filepath.Join(t.TempDir(), "rows.parquet")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := parquet.NewGenericWriter[row](file, parquet.Compression(&parquet.Snappy))
		text := strings.Repeat("x", length)
		for range count {
			if _, err := w.Write([]row{{text}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		opened, err := File{Path: path}.Open(t.Context(), []string{"text"})
		if err != nil {
			t.Fatal(err)
		}
		rows, ok := opened.(*chain).current.(*parquetRows)
		if !ok {
			t.Fatalf("rows are %T", opened)
		}
		read, largest, weight := 0, 0, 0
		for {
			cells, err := rows.Next(nil)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(cells[0]) != length {
				t.Fatalf("row %d has %d bytes, %v", read+1, len(cells[0]), err)
			}
			read++
			largest, weight = max(largest, rows.batch), max(weight, rows.weight())
		}
		if most := max(batchBytes, fewRows*length); read != count || weight > most || !heavy && largest != batchRows {
			t.Errorf("%d rows of %d bytes, up to %d and %d bytes at once", read, length, largest, weight)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
}
