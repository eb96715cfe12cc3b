// Package race says whether a program is built with the race detector. Only tests
// import it.
package race

import "testing"

// Seeds returns how many of n random trials a test makes: a quarter under the race
// detector, which makes each of them about ten times slower and finds races in few.
func Seeds(n uint64) uint64 {
	if Enabled {
		return (n + 3) / 4
	}
	return n
}

// SkipHeap skips a test that measures the heap under the race detector, which makes
// such tests ten times slower, takes memory itself, and finds no race in what one
// goroutine does.
func SkipHeap(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("the heap is not measured under the race detector")
	}
}

// SkipLarge skips a test of tens of thousands of profiles, or of a hundred megabytes,
// under the race detector, which makes it about ten times slower, where a smaller test
// runs the same goroutines.
func SkipLarge(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("so much data takes long under the race detector")
	}
}
