package export

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
)

// What remains is as long as the same took so far, and never shorter than the
// limits allow.
func TestProgressEstimatesWhatRemains(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		expected, accepted, settled int64
		elapsed, want               time.Duration
	}{
		"nothing accepted":       {1_000_000, 0, 0, time.Second, 9 * time.Second},
		"all accepted":           {100, 100, 0, 8 * time.Second, 8 * time.Second},
		"half of all is done":    {100, 50, 50, 8 * time.Second, 8 * time.Second},
		"all done":               {100, 100, 100, 8 * time.Second, 0},
		"faster than the limits": {1_000_000, 500_000, 500_000, time.Second, 4 * time.Second},
		"more than expected":     {100, 200, 100, 3 * time.Second, time.Second},
		"nothing expected":       {0, 0, 0, time.Second, 0},
	} {
		p := newProgress(tc.elapsed, 0, tc.expected, bulk.Progress{Accepted: tc.accepted, Settled: tc.settled})
		if p.Remaining.Round(time.Millisecond) != tc.want || p.Elapsed != tc.elapsed || p.Expected != max(tc.expected, tc.accepted) {
			t.Errorf("%s: %+v, want %v", name, p, tc.want)
		}
	}
}

// Reports do not wait for the listener, which gets the newest of those that it
// missed, and the last one before the end.
func TestReportAsideKeepsTheNewest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := make(chan struct{})
		var got []int64
		report, end := reportAside(func(p Progress) {
			got = append(got, p.Rows)
			<-busy
		})
		report(Progress{Rows: 1})
		synctest.Wait()
		for rows := range int64(5) {
			report(Progress{Rows: 2 + rows})
		}
		close(busy)
		end()
		if want := []int64{1, 6}; !slices.Equal(got, want) {
			t.Errorf("the listener got %d, want %d", got, want)
		}
	})
}

// A listener that is stuck holds the end up for no longer than agreed, and is
// not called again when it comes back.
func TestReportAsideGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		calls := 0
		report, end := reportAside(func(Progress) {
			calls++
			<-stuck
		})
		report(Progress{})
		synctest.Wait()
		report(Progress{})
		began := time.Now() // the clock of the bubble
		end()
		if waited := time.Since(began); waited != lastReportWait {
			t.Errorf("the end waited for %v, want %v", waited, lastReportWait)
		}
		close(stuck)
		synctest.Wait()
		if calls != 1 {
			t.Errorf("the listener was called %d times", calls)
		}
	})
}
