package file

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A compressed file that cannot be read further is not reported as damaged.
func TestDecompressionDistinguishesReadErrorsFromDamage(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write([]byte("a,b\n1,2\n")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for _, c := range compressions {
		if !bytes.HasPrefix(compressed.Bytes(), []byte(c.magic)) {
			continue
		}
		in := io.MultiReader(bytes.NewReader(compressed.Bytes()[:14]), iotest.ErrReader(errors.New("the disk is gone")))
		decompressor, err := c.reader(errorMarker{in})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(&decompressedReader{t.Context(), decompressor, c, "x.csv.gz"})
		if err == nil || strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "the disk is gone") {
			t.Errorf("the error is %v", err)
		}
		return
	}
	t.Fatal("gzip is not among the compressions")
}
