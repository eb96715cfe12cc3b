package export

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
	var set hashSet
	type seen struct{ table, slot uint64 }
	want := map[seen]profile.Hash{}
	for range 100_000 {
		h := profile.Hash{Hi: r.Uint64() >> ((64 - tableBits) * r.Uint64N(2)), Lo: r.Uint64N(1<<12) << (52 * r.Uint64N(2))}
		if r.IntN(1000) == 0 {
			h = profile.Hash{}
		}
		key := seen{h.Hi >> (64 - tableBits), max(h.Lo, 1)}
		_, known := want[key]
		if got := set.has(h); got != known {
			t.Fatalf("has(%v) is %v", h, got)
		}
		if got := set.add(h); got == known {
			t.Fatalf("add(%v) is %v", h, got)
		}
		want[key] = h
	}
	for _, h := range want {
		if !set.has(h) {
			t.Fatalf("%v was lost", h)
		}
	}
}

// What a set holds survives that room is made for it, little or much.
func TestHashSetReserve(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	var set hashSet
	var hashes []profile.Hash
	for _, room := range []int64{0, 10, 1, 50_000, 2_000_000} {
		set.reserve(room)
		for range 20_000 {
			h := profile.Hash{Hi: r.Uint64(), Lo: r.Uint64()}
			if !set.add(h) {
				t.Fatalf("with room for %d, %v is there already", room, h)
			}
			hashes = append(hashes, h)
		}
		for _, h := range hashes {
			if !set.has(h) || set.add(h) {
				t.Fatalf("with room for %d, %v is lost", room, h)
			}
		}
	}
	room := len(set.tables[0].slots)
	set.empty()
	for _, h := range hashes {
		if set.has(h) {
			t.Fatalf("%v is in an empty set", h)
		}
	}
	set.reserve(1_000_000)
	if set.size != 0 || len(set.tables[0].slots) != room || !set.add(hashes[0]) {
		t.Errorf("an empty set of %d has room for %d, had %d", set.size, len(set.tables[0].slots), room)
	}
}

// A counter makes room for a segment at once, if its first chunk tells how many
// rows there are.
func TestCounterMakesRoom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first       int64
		fraction    float64
		atLeast, to int
	}{
		"first chunk":       {1, 0.005, 20_000, 60_000},
		"a later one":       {101, 0.005, 0, 0},
		"of unknown length": {1, 0, 0, 0},
		"the whole segment": {1, 1, 0, 0},
	} {
		var c counter
		c.expect(&chunk{first: tc.first, rows: 100, fraction: tc.fraction})
		room := 0
		for _, table := range c.seen.tables {
			room += len(table.slots) * 3 / 4
		}
		if room < tc.atLeast || room > tc.to {
			t.Errorf("%s: room for %d", name, room)
		}
	}
}
