package hashset

import (
	"runtime"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
)

// What was added more than once is found, and nothing else, however many there are,
// also the zero hash and hashes of which only the table or only the entry is the same.
func TestRepeats(t *testing.T) {
	t.Parallel()
	edges := []profile.Hash{{}, {Hi: 1 << 48}, {Lo: 1}, {Hi: 1<<64 - 1, Lo: 1<<64 - 1}, {Hi: 0xffff << 48}}
	for _, n := range []int{0, 1, 2, 1000, 300_000} {
		var r Repeats
		all := append(randomHashes(n), edges...)
		repeated := 0
		for i, h := range all {
			times := 1
			if i%7 == 0 {
				times, repeated = 2+i%3, repeated+1
			}
			for range times {
				r.Add(h)
			}
		}
		found := r.Find()
		if found.Len() != repeated {
			t.Errorf("of %d hashes %d were added more than once, %d found", len(all), repeated, found.Len())
		}
		for i, h := range all {
			if found.Has(h) != (i%7 == 0) {
				t.Fatalf("hash %d of %d: found %t", i, len(all), found.Has(h))
			}
		}
	}
	var none Repeats
	if found := none.Find(); found.Len() != 0 {
		t.Errorf("%d found in nothing", found.Len())
	}
}

// A million hashes take less than 6 bytes each.
func TestRepeatsMemory(t *testing.T) { //nolint:paralleltest // measures the heap
	race.SkipHeap(t)
	hashes := randomHashes(1_000_000)
	before := heapInUse()
	var r Repeats
	for _, h := range hashes {
		r.Add(h)
	}
	perHash := float64(heapInUse()-before) / float64(len(hashes))
	runtime.KeepAlive(hashes)
	if t.Logf("%.1f bytes a hash", perHash); perHash > 6 {
		t.Errorf("%.1f bytes for each of %d hashes", perHash, len(hashes))
	}
	runtime.KeepAlive(&r)
}

// BenchmarkRepeats is the cost of finding a shared identifier, per row of a million.
func BenchmarkRepeats(b *testing.B) {
	hashes := randomHashes(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		var r Repeats
		for _, h := range hashes {
			r.Add(h)
		}
		if found := r.Find(); found.Len() != 0 {
			b.Fatal(found.Len())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(hashes)), "ns/row")
}
