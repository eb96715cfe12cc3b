package export

import (
	"fmt"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func TestPollWait(t *testing.T) {
	t.Parallel()
	for _, since := range []time.Duration{0, time.Second, time.Hour, 1 << 62} { // nobody knows before all is sent
		if got := pollWait(false, since); got != sendingPoll {
			t.Errorf("%v while sending, want %v", got, sendingPoll)
		}
	}
	for since, want := range map[time.Duration]time.Duration{
		0: shortestPoll, time.Millisecond: shortestPoll, pollFraction * shortestPoll: shortestPoll,
		8 * time.Second: time.Second, pollFraction * longestPoll: longestPoll, 10 * time.Minute: longestPoll,
	} {
		if got := pollWait(true, since); got != want {
			t.Errorf("%v after %v, want %v", got, since, want)
		}
	}
	before := time.Duration(0)
	for since := time.Duration(0); since < 3*time.Minute; since += 100 * time.Millisecond {
		got := pollWait(true, since)
		if got < before {
			t.Errorf("%v after %v, and %v before", got, since, before)
		}
		before = got
	}
}

// What Klaviyo does not acknowledge has failed, whichever of its counts say so.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		completed, failed int64
		want              int
		known             bool
	}{
		"all imported":                 {5, 0, 0, true},
		"some failed":                  {3, 2, 2, true},
		"all failed":                   {0, 5, 5, true},
		"neither imported nor failed":  {3, 1, 2, true},
		"nothing happened":             {0, 0, 5, true},
		"imported as well as failed":   {4, 3, 3, true},
		"more imported than sent":      {7, 0, 0, true},
		"more failed than sent":        {0, 9, 5, true},
		"only the imported are known":  {4, -1, 1, false},
		"all of the imported is known": {5, -1, 0, false},
		"only the failed are known":    {-1, 2, 2, true},
		"only that none failed":        {-1, 0, 0, true},
		"nothing is known":             {-1, -1, 0, false},
	} {
		got, known := failures(klaviyo.ImportJob{CompletedCount: tc.completed, FailedCount: tc.failed}, 5)
		if known != tc.known || got != tc.want {
			t.Errorf("%s: %d, %v, want %d, %v", name, got, known, tc.want, tc.known)
		}
	}
	const most = 6 // profiles; the counts may be larger
	for n := range most * (most + 3) * (most + 3) {
		profiles, completed, failed := 1+n%most, int64(n/most%(most+3))-1, int64(n/most/(most+3))-1
		got, known := failures(klaviyo.ImportJob{CompletedCount: completed, FailedCount: failed}, profiles)
		what := fmt.Sprintf("%d of %d imported and %d failed: %d failures", completed, profiles, failed, got)
		if !known {
			if failed >= 0 {
				t.Errorf("%s, not known", what)
			}
			continue
		}
		if got < 0 || got > profiles || int64(got) < min(failed, int64(profiles)) {
			t.Error(what)
		}
		if completed >= 0 && int64(profiles-got) > completed {
			t.Errorf("%s: more are taken for imported", what)
		}
	}
}

func TestPagesFor(t *testing.T) {
	t.Parallel()
	for jobs, want := range map[int]int{1: 3, 100: 3, 101: 4, 5_000: 52} {
		if got := pagesFor(jobs); got != want {
			t.Errorf("%d pages for %d jobs, want %d", got, jobs, want)
		}
	}
}
