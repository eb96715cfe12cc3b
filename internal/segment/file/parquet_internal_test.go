package file

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
)

// Batches of long values are bounded in bytes, and batches of short ones are as
// large as allowed.
func TestParquetBatchesAreBounded(t *testing.T) {
	t.Parallel()
	race.SkipLarge(t)
	type row struct {
		Text string `parquet:"text"`
	}
	const count = 2000
	for name, tc := range map[string]struct {
		first, rest int // lengths of the first rows and of the others
		hasLong     bool
	}{"short": {10, 10, false}, "long": {90_000, 90_000, true}, "long after short": {10, 90_000, true}} {
		path := filepath.Join(t.TempDir(), "rows.parquet")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := parquet.NewGenericWriter[row](file, parquet.Compression(&parquet.Snappy))
		length := func(row int) int {
			if row < 700 {
				return tc.first
			}
			return tc.rest
		}
		text := strings.Repeat("x", 90_000)
		for i := range count {
			if _, err := w.Write([]row{{text[:length(i)]}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		opened, err := Source{Path: path}.Open(t.Context(), []string{"text"})
		if err != nil {
			t.Fatal(err)
		}
		rows, ok := opened.(*concatRows).current.(*parquetRows)
		if !ok {
			t.Fatalf("rows are %T", opened)
		}
		read, largest, size := 0, 0, 0
		for {
			cells, err := rows.Next(nil)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(cells[0]) != length(read) {
				t.Fatalf("%s: row %d has %d bytes, %v", name, read+1, len(cells[0]), err)
			}
			read++
			largest, size = max(largest, rows.batch), max(size, rows.batchBytes())
		}
		if limit := maxBatchBytes + batchStep*tc.rest; read != count || size > limit || !tc.hasLong && largest != maxBatchRows {
			t.Errorf("%s: %d rows, up to %d and %d bytes at once", name, read, largest, size)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
}
