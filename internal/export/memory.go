package export

import (
	"os"
	"runtime/debug"
	"sync"
)

// gcPercent is half of Go's default. Most of what a run holds is buffers and
// hashes without pointers, which cost the collector nothing to look at; while
// the garbage of reading is spread over less memory, of which more is in the
// processor's caches. A run of a million rows takes a quarter less memory and
// no more time. A survey holds few buffers: with the default it takes less time
// and some more memory.
const gcPercent = 50

// collecting is how the garbage of the process is collected.
var collecting struct {
	sync.Mutex
	tuned  bool
	runs   int // under way
	before int // the percentage between runs
}

// TuneMemory makes the process collect garbage in good time while there are
// runs, unless the environment variable GOGC says when to.
func TuneMemory() {
	collecting.Lock()
	defer collecting.Unlock()
	collecting.tuned = os.Getenv("GOGC") == ""
}

// collectInTime has garbage collected in good time, if the process is tuned,
// until the function that it returns is called.
func collectInTime() (end func()) {
	c := &collecting
	c.Lock()
	defer c.Unlock()
	if !c.tuned {
		return func() {}
	}
	if c.runs++; c.runs == 1 {
		c.before = debug.SetGCPercent(gcPercent)
	}
	return func() {
		c.Lock()
		defer c.Unlock()
		if c.runs--; c.runs == 0 {
			debug.SetGCPercent(c.before)
		}
	}
}
