package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ledger knows where the rows of a run are.
type ledger struct {
	mu       sync.Mutex
	rows     int64                // read
	packed   Row                  // the last row that was put into a batch that left the packer
	all      bool                 // there are no more to come
	underway map[*batch]span      // sent, without an answer yet
	open     map[string]*manifest // by job: accepted, not known to be done
	accepted int64                // profiles in jobs
	settled  int64                // of those, in jobs that are done
	jobs     int64                // accepted
	finished int64                // of those, done
}

func newLedger() ledger {
	return ledger{underway: map[*batch]span{}, open: map[string]*manifest{}}
}

// read records how many rows have been read.
func (l *ledger) read(rows int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = rows
}

// pack records the last row of a batch that has left the packer.
func (l *ledger) pack(last Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packed = last
}

// packedAll records that there will be no further batch.
func (l *ledger) packedAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = true
}

// send records a request that is about to be made.
func (l *ledger) send(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underway[b] = b.span()
}

// answered takes back what send recorded: Klaviyo has refused the request, or
// has accepted it as a job.
func (l *ledger) answered(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underway, b)
}

// accept records a job.
func (l *ledger) accept(job string, m *manifest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[job] = m
	l.accepted += int64(m.profiles())
	l.jobs++
}

// finish takes a job off the open ones.
func (l *ledger) finish(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled += int64(l.open[job].profiles())
	delete(l.open, job)
	l.finished++
}

// waiting returns a copy of the open jobs.
func (l *ledger) waiting() map[string]*manifest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.open)
}

// String says what Klaviyo has of a run that ended early, and which rows it is
// not known to have.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	if l.finished > 0 {
		parts = append(parts, fmt.Sprintf("Klaviyo had finished %s with %s.", Count(l.finished, "import job"), Count(l.settled, "profile")))
	}
	if len(l.open) > 0 {
		var spans []span
		for _, m := range l.open {
			spans = append(spans, m.span())
		}
		parts = append(parts, fmt.Sprintf("Klaviyo had accepted but not finished %s with %s (%s), which it most likely will by itself: %s.",
			Count(int64(len(l.open)), "job"), Count(l.accepted-l.settled, "profile"), abridged(slices.Sorted(maps.Keys(l.open))), spansInWords(spans)))
	}
	if len(l.underway) > 0 {
		var profiles int64
		for b := range l.underway {
			profiles += int64(len(b.profiles))
		}
		parts = append(parts, fmt.Sprintf("%s were under way and may have arrived: %s.",
			Count(profiles, "profile"), spansInWords(slices.Collect(maps.Values(l.underway)))))
	}
	if parts == nil {
		return "Klaviyo had not accepted any profile yet."
	}
	if !l.all {
		parts = append(parts, fmt.Sprintf("What comes after row %s of segment %q was not sent.", Thousands(l.packed.Number), l.packed.Segment))
	}
	return strings.Join(parts, " ") + " Apply again: profiles that have arrived are not added twice, and those that have not are sent."
}

// abridged lists the first few of many names.
func abridged(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
