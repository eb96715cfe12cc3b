package bulk

import (
	"slices"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// clockTolerance is how far the clock that dates an answer of Klaviyo's and the
// one that dates its jobs may be apart.
const clockTolerance = 2 * time.Second

// lostJobs finds the jobs of imports that Klaviyo has accepted without saying
// which job they are.
type lostJobs struct {
	// sending is held for reading by imports under way, so that whoever holds it
	// for writing knows: a job of this run that is not among the known ones is
	// that of a lost batch. Waiting for it ends with the run, since imports do.
	sending sync.RWMutex

	mu    sync.Mutex
	known map[string]bool // jobs of this run, and those that are for other lists
	found map[string]bool // jobs that were taken for those of lost batches

	// By number of profiles: the batches without a job, and when a batch of as many
	// was sent last that may have a job that nobody knows.
	lost  map[int][]*lostBatch
	stray map[int]time.Time
}

// lostBatch is a batch without a job: when it was sent, and when the job must
// have been created, by Klaviyo's clock.
type lostBatch struct{ sent, from, to time.Time }

func newLostBatch(sent time.Time, accepted *klaviyo.AcceptedError) *lostBatch {
	return &lostBatch{sent: sent, from: accepted.Began.Add(-clockTolerance), to: accepted.Ended.Add(clockTolerance)}
}

// mayBe reports whether the job of the batch may have been created then.
func (b *lostBatch) mayBe(created time.Time) bool {
	return !created.Before(b.from) && !created.After(b.to)
}

func newLostJobs() *lostJobs {
	return &lostJobs{known: map[string]bool{}, found: map[string]bool{}, lost: map[int][]*lostBatch{}, stray: map[int]time.Time{}}
}

func (l *lostJobs) know(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[job] = true
}

func (l *lostJobs) isKnown(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[job]
}

func (l *lostJobs) take(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[job], l.found[job] = true, true
}

// wasFound reports whether a job was found rather than named by Klaviyo. Of two
// batches that were lost at once with as many profiles, nothing says which job
// is whose: positions in such a job mean nothing.
func (l *lostJobs) wasFound(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found[job]
}

// lose counts a batch among the lost ones.
func (l *lostJobs) lose(profiles int, b *lostBatch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[profiles] = append(l.lost[profiles], b)
}

// settle takes a batch off the lost ones. The job of one that was not found may
// still turn up.
func (l *lostJobs) settle(profiles int, b *lostBatch, found bool, answered time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[profiles] = slices.DeleteFunc(l.lost[profiles], func(other *lostBatch) bool { return other == b })
	if !found {
		l.stray[profiles] = latest(l.stray[profiles], answered)
	}
}

// mayStray records that a batch of so many profiles, sent until then, may have
// become a job that nobody knows.
func (l *lostJobs) mayStray(profiles int, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stray[profiles] = until
}

// all is what holds for all lost batches with so many profiles: when the first
// was sent, and when their jobs must have been created.
func (l *lostJobs) all(profiles int) lostBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := *l.lost[profiles][0]
	for _, b := range l.lost[profiles] {
		all.sent, all.from, all.to = earliest(all.sent, b.sent), earliest(all.from, b.from), latest(all.to, b.to)
	}
	return all
}

// areOurs reports whether so many jobs are those of the lost batches with as
// many profiles: one each, and none of a batch that was sent meanwhile and is
// not lost.
func (l *lostJobs) areOurs(jobs, profiles int, all lostBatch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return jobs == len(l.lost[profiles]) && l.stray[profiles].Before(all.sent.Add(-2*clockTolerance))
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
