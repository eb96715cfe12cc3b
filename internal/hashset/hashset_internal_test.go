package hashset

import (
	"math/rand/v2"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// The set agrees with a map, also for hashes that fall into one table, into
// one slot, and for the zero hash, as far as it tells hashes apart.
func TestHashSetAgreesWithMap(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 9))
	var set Set
	type seen struct{ table, slot uint64 }
	want := map[seen]profile.Hash{}
	for range 100_000 {
		h := profile.Hash{Hi: r.Uint64() >> ((64 - tableBits) * r.Uint64N(2)), Lo: r.Uint64N(1<<12) << (52 * r.Uint64N(2))}
		if r.IntN(1000) == 0 {
			h = profile.Hash{}
		}
		key := seen{h.Hi >> (64 - tableBits), max(h.Lo, 1)}
		_, known := want[key]
		if got := set.Has(h); got != known {
			t.Fatalf("has(%v) is %v", h, got)
		}
		if got := set.Add(h); got == known {
			t.Fatalf("add(%v) is %v", h, got)
		}
		want[key] = h
	}
	for _, h := range want {
		if !set.Has(h) {
			t.Fatalf("%v was lost", h)
		}
	}
	all := 0
	for h := range set.All() {
		all++
		if _, known := want[seen{h.Hi >> (64 - tableBits), h.Lo}]; !known || !set.Has(h) {
			t.Fatalf("%v was never added", h)
		}
	}
	if all != len(want) {
		t.Errorf("%d of %d hashes", all, len(want))
	}
}

// A set that is cleared is empty, and takes the same hashes again.
func TestClear(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	var set Set
	hashes := make([]profile.Hash, 50_000)
	for i := range hashes {
		hashes[i] = profile.Hash{Hi: r.Uint64(), Lo: r.Uint64()}
		set.Add(hashes[i])
	}
	if set.Len() != len(hashes) {
		t.Fatalf("%d hashes of %d", set.Len(), len(hashes))
	}
	set.Clear()
	for _, h := range hashes {
		if set.Has(h) || set.Len() != 0 {
			t.Fatalf("%v is in an empty set of %d", h, set.Len())
		}
	}
	for _, h := range hashes {
		if !set.Add(h) || set.Add(h) {
			t.Fatalf("%v cannot be added once", h)
		}
	}
}

// BenchmarkAdd is the cost of finding duplicates, per row of a million, and of the
// same with Go's map.
func BenchmarkAdd(b *testing.B) {
	const rows = 1_000_000
	r := rand.New(rand.NewPCG(4, 2))
	hashes := make([]profile.Hash, rows)
	for i := range hashes {
		hashes[i] = profile.Hash{Hi: r.Uint64(), Lo: r.Uint64()}
	}
	for name, addAll := range map[string]func(){
		"set": func() {
			var set Set
			for _, h := range hashes {
				set.Add(h)
			}
		},
		"map": func() {
			set := map[profile.Hash]struct{}{}
			for _, h := range hashes {
				set[h] = struct{}{}
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				addAll()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
