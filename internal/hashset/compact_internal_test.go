package hashset

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
)

func randomHashes(n int) []profile.Hash {
	r := rand.New(rand.NewPCG(7, 3))
	all := make([]profile.Hash, n)
	for i := range all {
		all[i] = profile.Hash{Hi: r.Uint64(), Lo: r.Uint64()}
	}
	return all
}

// A compact set tells a million hashes apart, also those of which only the table
// or only the slot differs, and the zero hash.
func TestCompact(t *testing.T) {
	t.Parallel()
	var set Compact
	if set.Has(profile.Hash{}) {
		t.Error("the empty set has a hash")
	}
	hashes := append(randomHashes(1_000_000), profile.Hash{}, profile.Hash{Hi: 1 << 48}, profile.Hash{Lo: 1})
	for i, h := range hashes {
		if set.Has(h) || !set.Add(h) || set.Add(h) || set.Len() != i+1 {
			t.Fatalf("hash %d of %d cannot be added once", i, set.Len())
		}
	}
	for _, h := range hashes {
		if !set.Has(h) {
			t.Fatalf("%v was lost", h)
		}
	}
}

// A compact set takes less than 8 bytes for each of a million hashes.
func TestCompactMemory(t *testing.T) { //nolint:paralleltest // measures the heap
	race.SkipHeap(t)
	hashes := randomHashes(1_000_000)
	before := heapInUse()
	var set Compact
	for _, h := range hashes {
		set.Add(h)
	}
	perHash := float64(heapInUse()-before) / float64(len(hashes))
	runtime.KeepAlive(hashes)
	if t.Logf("%.1f bytes a hash", perHash); perHash > 8 || set.Len() != len(hashes) {
		t.Errorf("%.1f bytes for each of %d hashes", perHash, set.Len())
	}
}

// heapInUse is how many bytes are live.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
