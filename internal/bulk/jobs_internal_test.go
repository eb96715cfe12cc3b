package bulk

import (
	"testing"
	"time"
)

func TestPollInterval(t *testing.T) {
	t.Parallel()
	for since, want := range map[time.Duration]time.Duration{
		0: minPollInterval, time.Millisecond: minPollInterval, pollFraction * minPollInterval: minPollInterval,
		8 * time.Second: time.Second, pollFraction * maxPollInterval: maxPollInterval, 10 * time.Minute: maxPollInterval,
	} {
		if got := PollInterval(since); got != want {
			t.Errorf("%v after %v, want %v", got, since, want)
		}
	}
	before := time.Duration(0)
	for since := time.Duration(0); since < 3*time.Minute; since += 100 * time.Millisecond {
		got := PollInterval(since)
		if got < before {
			t.Errorf("%v after %v, and %v before", got, since, before)
		}
		before = got
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
