package export

import (
	"math/rand/v2"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// The set agrees with a map, also for hashes that fall into one table, into
// one slot, and for the zero hash.
func TestHashSetAgreesWithMap(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 9))
	var set hashSet
	want := map[profile.Hash]bool{}
	for range 100_000 {
		h := profile.Hash{Hi: r.Uint64() >> (56 * r.Uint64N(2)), Lo: r.Uint64N(1<<12) << (52 * r.Uint64N(2))}
		if r.IntN(1000) == 0 {
			h = profile.Hash{}
		}
		if got := set.has(h); got != want[h] {
			t.Fatalf("has(%v) is %v", h, got)
		}
		if got := set.add(h); got == want[h] {
			t.Fatalf("add(%v) is %v", h, got)
		}
		want[h] = true
	}
	for h := range want {
		if !set.has(h) {
			t.Fatalf("%v was lost", h)
		}
	}
}
