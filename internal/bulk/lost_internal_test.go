package bulk

import (
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// lostAt is a batch that was sent and answered at seconds of a minute, by a
// clock that is an hour ahead.
func lostAt(sent, answered int) *lostBatch {
	return newLostBatch(second(sent), &klaviyo.AcceptedError{Began: second(sent).Add(time.Hour), Ended: second(answered).Add(time.Hour)})
}

func second(n int) time.Time { return time.Date(2026, 8, 1, 12, 0, n, 0, time.UTC) }

// Batches that are lost one after the other are looked for together, so that
// there are as many jobs as batches.
func TestLostJobsAreCountedTogether(t *testing.T) {
	t.Parallel()
	l := newLostJobs()
	first, after, other := lostAt(0, 3), lostAt(10, 12), lostAt(5, 6)
	l.lose(100, first)
	l.lose(100, after)
	l.lose(7, other)
	all := l.all(100)
	for n, want := range map[int]bool{-3: false, -2: true, 0: true, 8: true, 14: true, 15: false} {
		if got := all.mayBe(second(n).Add(time.Hour)); got != want {
			t.Errorf("a job of second %d: %v", n, got)
		}
	}
	if first.mayBe(second(10).Add(time.Hour)) || !first.mayBe(second(5).Add(time.Hour)) || all.mayBe(time.Time{}) {
		t.Error("a job of another time is that of the first batch")
	}
	for jobs, want := range map[int]bool{0: false, 1: false, 2: true, 3: false} {
		if got := l.areOurs(jobs, 100, all); got != want {
			t.Errorf("%d jobs: %v", jobs, got)
		}
	}
	l.settle(100, first, true, second(4))
	if all := l.all(100); !l.areOurs(1, 100, all) || all.mayBe(second(5).Add(time.Hour)) {
		t.Error("a batch that was found is still looked for")
	}
}

// A batch whose job was not found is sent again. Its first job may turn up, and
// is not that of another that was sent meanwhile.
func TestLostJobsMayTurnUpLate(t *testing.T) {
	t.Parallel()
	l := newLostJobs()
	gone, meanwhile, later := lostAt(0, 3), lostAt(2, 5), lostAt(8, 9)
	l.lose(100, gone)
	l.settle(100, gone, false, second(3))
	l.lose(100, meanwhile)
	if l.areOurs(1, 100, l.all(100)) {
		t.Error("the job of a batch that was sent meanwhile is taken")
	}
	l.settle(100, meanwhile, true, second(6))
	l.lose(100, later)
	if !l.areOurs(1, 100, l.all(100)) {
		t.Error("the job of a batch that was sent later is not taken")
	}
}
