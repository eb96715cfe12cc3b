package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// A packer fills one batch after the other, by number and by bytes, with what it
// is given, in its order; what it is given may change afterwards.
func TestPackerFillsBatches(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limits Limits
		want   []int // profiles in each batch
	}{
		"by number": {Limits{4, 1 << 20}, []int{4, 4, 2}},
		"by bytes":  {Limits{100, 3*len(`{"i":0}`) + 2}, []int{3, 3, 3, 1}},
		"one each":  {Limits{1, 1 << 20}, slices.Repeat([]int{1}, 10)},
	} {
		im := New(nil, Options{Limits: tc.limits})
		im.batches = make(chan *batch)
		end := make(chan error, 1)
		go func() {
			defer close(im.batches)
			p := &Packer{im: im}
			var scratch []byte
			for i := range 10 {
				scratch = fmt.Appendf(scratch[:0], `{"i":%d}`, i)
				if err := p.Add(t.Context(), tally.Row{Segment: "s", Number: int64(i + 1)}, ID{Email: uint64(i)}, scratch); err != nil {
					end <- err
					return
				}
			}
			end <- p.flush(t.Context())
		}()
		next, got := 0, []int{}
		for b := range im.batches {
			var objects []json.RawMessage
			if err := json.Unmarshal(slices.Concat([]byte("["), b.json, []byte("]")), &objects); err != nil || len(objects) != len(b.profiles) {
				t.Fatalf("%s: %d objects of %d profiles, %v", name, len(objects), len(b.profiles), err)
			}
			for i, p := range b.profiles {
				want := fmt.Appendf(nil, `{"i":%d}`, next)
				if next++; !bytes.Equal(objects[i], want) || !bytes.Equal(b.object(p), want) || b.row(p) != (tally.Row{Segment: "s", Number: int64(next)}) {
					t.Fatalf("%s: row %v has %s and %s, want %s", name, b.row(p), objects[i], b.object(p), want)
				}
			}
			got = append(got, len(objects))
			im.pool.put(b)
		}
		if err := <-end; err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: batches of %d, want %d, %v", name, got, tc.want, err)
		}
	}
}

// One batch is filled while all uploaders have theirs, and a batch that nobody
// has taken yet has not left: an error would name its rows nowhere.
func TestImportHasNoMoreBatchesThanItCanSend(t *testing.T) {
	t.Parallel()
	im := New(nil, Options{})
	for n := 1; len(im.pool.allowed) > 0; n++ {
		b, err := im.pool.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n > uploaders+1 {
			t.Fatalf("a batch number %d for %d uploaders", n, uploaders)
		}
		select {
		case im.batches <- b:
			t.Fatal("a batch leaves while there is no uploader")
		default:
		}
	}
}

// No more batches are under way than fit into memory: who wants one waits until
// one comes back.
func TestBatchPoolIsBounded(t *testing.T) {
	t.Parallel()
	p := newBatchPool(3, importLimits)
	var out []*batch
	for range 3 {
		b, err := p.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.get(ctx); err == nil {
		t.Error("a fourth of three batches is out")
	}
	p.put(out[1])
	if b, err := p.get(t.Context()); err != nil || b != out[1] {
		t.Errorf("the batch that came back is not lent out again: %v", err)
	}
}
