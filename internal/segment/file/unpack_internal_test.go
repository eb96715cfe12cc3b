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

// A packed file that cannot be read further is not taken for a damaged one.
func TestUnpackTellsReadingFromDamage(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte("a,b\n1,2\n")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for _, c := range compressions {
		if !bytes.HasPrefix(packed.Bytes(), []byte(c.magic)) {
			continue
		}
		in := io.MultiReader(bytes.NewReader(packed.Bytes()[:14]), iotest.ErrReader(errors.New("the disk is gone")))
		unpacker, err := c.reader(marking{in})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(&unpacked{t.Context(), unpacker, c, "x.csv.gz"})
		if err == nil || strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "the disk is gone") {
			t.Errorf("the error is %v", err)
		}
		return
	}
	t.Fatal("gzip is not among the compressions")
}
