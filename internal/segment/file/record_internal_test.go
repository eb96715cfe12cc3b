package file

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// A record without quotes is split where bytes.Split splits it. The texts are full of
// bytes that differ from the delimiter by one bit.
func TestSplitPlain(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = ",,-.\t\x01\x00\xac\xffa"[random.IntN(10)]
		}
		r := record{text: text}
		r.splitPlain(',')
		want := bytes.Split(text, []byte{','})
		for i := range want {
			if len(r.cells) != len(want) || !bytes.Equal(r.cell(i), want[i]) {
				t.Fatalf("%q is split at %v, want %q", text, r.cells, want)
			}
		}
	}
}
