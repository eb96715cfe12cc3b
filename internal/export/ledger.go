package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ledger knows where the profiles of a run are that have left the packer.
type ledger struct {
	mu       sync.Mutex
	underway int64             // sent, without an answer yet
	open     map[string][]sent // by job: accepted, not known to be done
	finished int64             // jobs that are done
}

// send counts the profiles of a request that is about to be made.
func (l *ledger) send(profiles int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underway += int64(profiles)
}

// answered takes back what send counted: Klaviyo has refused the request, or
// has accepted it as a job.
func (l *ledger) answered(profiles int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underway -= int64(profiles)
}

// accept records a job.
func (l *ledger) accept(job string, profiles []sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[job] = profiles
}

// finish takes a job off the open ones.
func (l *ledger) finish(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, job)
	l.finished++
}

// waiting returns a copy of the open jobs.
func (l *ledger) waiting() map[string][]sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.open)
}

// String says what Klaviyo has of a run that ended early.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	if l.finished > 0 {
		parts = append(parts, fmt.Sprintf("Klaviyo had finished %s.", Count(l.finished, "import job")))
	}
	if len(l.open) > 0 {
		var profiles int64
		for _, p := range l.open {
			profiles += int64(len(p))
		}
		parts = append(parts, fmt.Sprintf("Klaviyo had accepted but not finished %s with %s (%s), which it most likely will by itself.",
			Count(int64(len(l.open)), "job"), Count(profiles, "profile"), abridged(slices.Sorted(maps.Keys(l.open)))))
	}
	if l.underway > 0 {
		parts = append(parts, fmt.Sprintf("%s were under way and may have arrived.", Count(l.underway, "profile")))
	}
	if parts == nil {
		return "Klaviyo had not accepted any profile yet."
	}
	return strings.Join(parts, " ") + " Apply again: profiles that have arrived are not added twice, and those that have not are sent."
}

// abridged lists the first few of many names.
func abridged(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", ..."
}
