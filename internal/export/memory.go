package export

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// garbageRoom is how many bytes of garbage are made from one collection to the
// next. Go's default is as many as are in use, but what grows with a segment are
// hashes without pointers, which cost the collector nothing to look at: that
// there are more of them is no reason to collect later.
const garbageRoom = 24 << 20

// adjustEvery is how soon it is noticed that more is in use, or less.
const adjustEvery = 20 * time.Millisecond

// leastPercent and mostPercent bound what is asked of Go. With more it would let
// the least heap that it collects at all, of 4 MiB at 100 per cent, grow beyond
// the room; with less, a process of half a gigabyte would do little but collect.
const (
	leastPercent = 5
	mostPercent  = 100 * garbageRoom / (4 << 20)
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

// TuneMemory makes the process collect garbage as suits runs and surveys while
// there are any, unless the environment variable GOGC says when to.
func TuneMemory() {
	collecting.Lock()
	defer collecting.Unlock()
	collecting.tuned = os.Getenv("GOGC") == ""
}

// limitGarbage has garbage collected as suits runs and surveys, if the process is
// tuned, until the function that it returns is called.
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
	stop() // may wait for who waits for the lock
}

// adjust makes the percentage what it has to be after the last collection, unless
// it differs little.
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

// percentFor is what the room is of so many bytes.
func percentFor(bytes uint64) int {
	return int(min(max(100*garbageRoom/max(bytes, 1), leastPercent), mostPercent))
}
