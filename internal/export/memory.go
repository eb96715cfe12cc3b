package export

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// gcHeadroom is how many bytes are allocated between two garbage collections. Go's
// default is as many as are live. But what grows with a segment are hashes without
// pointers, which the collector need not scan, so a larger set is no reason to
// collect later. BenchmarkGarbage: with five million hashes the heap stays below
// 89 MiB instead of 127 MiB.
const gcHeadroom = 24 << 20

// adjustEvery is how often the percentage is adapted to the live heap.
const adjustEvery = 20 * time.Millisecond

// minPercent and maxPercent bound the percentage. Go scales its minimum heap, 4 MiB
// at 100 percent, with the percentage, so above maxPercent that alone would exceed
// the headroom. Below minPercent a process of half a gigabyte would do little but
// collect.
const (
	minPercent = 5
	maxPercent = 100 * gcHeadroom / (4 << 20)
)

// collecting is how the garbage of the process is collected. Percentages are
// those of debug.SetGCPercent.
var collecting struct {
	sync.Mutex
	tuned   bool
	users   int    // runs and surveys under way
	before  int    // the percentage while there are none
	percent int    // the percentage that was asked for last
	stop    func() // ends the adjusting
}

// TuneMemory limits the garbage of the process during runs and surveys, unless the
// environment variable GOGC is set.
func TuneMemory() {
	collecting.Lock()
	defer collecting.Unlock()
	collecting.tuned = os.Getenv("GOGC") == ""
}

// limitGarbage limits garbage, if the process is tuned, until the function that it
// returns is called.
func limitGarbage() (end func()) {
	c := &collecting
	c.Lock()
	defer c.Unlock()
	if !c.tuned {
		return func() {}
	}
	if c.users++; c.users == 1 {
		c.percent = percentFor(inUse())
		c.before = debug.SetGCPercent(c.percent)
		c.stop = every(adjustEvery, func() { adjust() })
	}
	return endLimit
}

func endLimit() {
	c := &collecting
	c.Lock()
	stop := func() {}
	if c.users--; c.users == 0 {
		debug.SetGCPercent(c.before)
		stop = c.stop
	}
	c.Unlock()
	stop() // without the lock: it waits for adjust, which takes the lock
}

// adjust adapts the percentage to the last collection, unless it would change
// little.
func adjust() {
	c := &collecting
	c.Lock()
	defer c.Unlock()
	percent := percentFor(inUse())
	if c.users > 0 && 10*max(percent-c.percent, c.percent-percent) > c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
}

// inUse is how many bytes the last collection left, 0 before the first one.
func inUse() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// percentFor is the percentage that gives the headroom on a live heap of so many
// bytes.
func percentFor(bytes uint64) int {
	return int(min(max(100*gcHeadroom/max(bytes, 1), minPercent), maxPercent))
}
