package export

import (
	"runtime/debug"
	"testing"
)

// Garbage is collected earlier from the first run under way to the last, and
// only if the environment does not say when.
func TestCollectInTime(t *testing.T) { //nolint:paralleltest // about the whole process
	defer func() { collecting.tuned = false }()
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	before := percent()
	for gogc, during := range map[string]int{"": gcPercent, "200": before} {
		t.Setenv("GOGC", gogc)
		TuneMemory()
		endOne, endOther := collectInTime(), collectInTime()
		both := percent()
		endOne()
		one := percent()
		endOther()
		if both != during || one != during || percent() != before {
			t.Errorf("GOGC=%q: %d with two runs, %d with one, then %d; before %d", gogc, both, one, percent(), before)
		}
	}
}
