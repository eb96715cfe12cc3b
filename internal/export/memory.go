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

// collecting is how the garbage of the process is collected.
var collecting struct {
	sync.Mutex
	tuned   bool
	users   int // runs and surveys under way
	before  int // the percentage when there are none, as for GOGC
	percent int // the percentage now
}

// TuneMemory makes the process collect garbage as suits runs and surveys while
// there are any, unless the environment variable GOGC says when to.
func TuneMemory() {
	collecting.Lock()
	defer collecting.Unlock()
	collecting.tuned = os.Getenv("GOGC") == ""
}

// collectInTime has garbage collected as suits runs and surveys, if the process
// is tuned, until the function that it returns is called.
func collectInTime() (end func()) {
	c := &collecting
	c.Lock()
	defer c.Unlock()
	if !c.tuned {
		return func() {}
	}
	if c.users++; c.users == 1 {
		c.percent = percentFor(inUse())
		c.before = debug.SetGCPercent(c.percent)
	}
	stop := watch(adjustEvery, func(time.Time) { adjust() })
	return func() {
		stop()
		c.Lock()
		defer c.Unlock()
		if c.users--; c.users == 0 {
			debug.SetGCPercent(c.before)
		}
	}
}

// adjust makes the percentage what it has to be after the last collection.
// Little differences are not worth stopping the process for, which that does.
func adjust() {
	c := &collecting
	c.Lock()
	defer c.Unlock()
	percent := percentFor(inUse())
	if 10*max(percent-c.percent, c.percent-percent) > c.percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
}

// inUse is how many bytes the last collection left.
func inUse() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// percentFor is how much may be added to so many bytes, within bounds that no
// usual process comes to.
func percentFor(bytes uint64) int {
	const least, most = 5, 1000
	return int(min(max(100*garbageRoom/max(bytes, 1), least), most))
}
