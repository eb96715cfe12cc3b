package export

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// timeline is people by when they are dated, whom a server lists in no order of
// time.
type timeline struct {
	times []time.Time
	read  atomic.Int64 // people
}

func (l *timeline) during(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[profile.Hash], error] {
	return func(yield func(dated[profile.Hash], error) bool) {
		for i, at := range l.times {
			if at.Before(during.From) || !during.To.IsZero() && !at.Before(during.To) {
				continue
			}
			if l.read.Add(1); !yield(dated[profile.Hash]{who: profile.Hash{Lo: uint64(i)}}, ctx.Err()) {
				return
			}
		}
	}
}

// Everybody is read, however early they are dated, and nobody over and over
// again.
func TestWindowsHaveNoBeginning(t *testing.T) {
	t.Parallel()
	const total = 3000
	for name, at := range map[string]func(i int) time.Time{
		"over decades":         func(i int) time.Time { return time.Date(1960, 1, 1+7*i, 0, 0, 0, 0, time.UTC) },
		"of one early second":  func(int) time.Time { return time.Unix(0, 0) },
		"of the year 1":        func(i int) time.Time { return time.Time{}.Add(time.Duration(i+1) * time.Second) },
		"around the first cut": func(i int) time.Time { return firstYear.Add(time.Duration(i-total/2) * time.Millisecond) },
		"before and after": func(i int) time.Time {
			return firstYear.Add(time.Duration(i%2*2-1) * time.Duration(i) * 24 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &timeline{}
			for i := range total {
				l.times = append(l.times, at(i))
			}
			found := map[profile.Hash]bool{}
			w := windows[profile.Hash]{now: time.Now(), read: l.during, take: func(h profile.Hash) error { found[h] = true; return nil }, inARow: 100, minLength: 10 * time.Second}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			if err := w.all(ctx, klaviyo.TimeRange{}); err != nil {
				t.Fatal(err)
			}
			if len(found) != total {
				t.Errorf("%d of %d were found", len(found), total)
			}
			if n := l.read.Load(); n > 3*total {
				t.Errorf("%d were read, some again and again", n)
			}
		})
	}
}

// evenly is people who are dated at even distances, in the order of time. It
// notes how many goroutines there are while they are read.
type evenly struct {
	people int
	most   atomic.Int64 // goroutines
}

func (l *evenly) during(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[profile.Hash], error] {
	begin := time.Date(2014, 1, 1, 0, 0, 0, 0, time.UTC)
	step := 12 * 365 * 24 * time.Hour / time.Duration(l.people)
	return func(yield func(dated[profile.Hash], error) bool) {
		first := 0
		if during.From.After(begin) {
			first = int((during.From.Sub(begin) + step - 1) / step)
		}
		for i := first; i < l.people; i++ {
			at := begin.Add(time.Duration(i) * step)
			if !during.To.IsZero() && !at.Before(during.To) {
				return
			}
			if (i-first)%100 == 0 { // a page
				for now := int64(runtime.NumGoroutine()); ; {
					most := l.most.Load()
					if now <= most || l.most.CompareAndSwap(most, now) {
						break
					}
				}
				runtime.Gosched()
			}
			if !yield(dated[profile.Hash]{who: profile.Hash{Lo: uint64(i)}, at: at}, ctx.Err()) {
				return
			}
		}
	}
}

// However many windows there are, only so many goroutines read them.
func TestWindowsTakeAFixedNumberOfGoroutines(t *testing.T) { //nolint:paralleltest // it counts the goroutines of the process
	before := int64(runtime.NumGoroutine())
	for _, people := range []int{20_000, 200_000} {
		l := &evenly{people: people}
		found := make(map[uint64]bool, people)
		w := windows[profile.Hash]{now: time.Now(), read: l.during, take: func(h profile.Hash) error { found[h.Lo] = true; return nil }, inARow: membersInARow, minLength: minMemberWindow}
		if err := w.all(t.Context(), klaviyo.TimeRange{}); err != nil {
			t.Fatal(err)
		}
		if len(found) != people {
			t.Errorf("%d of %d were found", len(found), people)
		}
		const others = 5 // who hands the windows out, and what the runtime starts
		if most := l.most.Load() - before; most > windowReaders+others {
			t.Errorf("%d goroutines for %d people, want %d at most", most, people, windowReaders+others)
		}
	}
}

// A reader that fails ends all of it, and its error is the one that is returned.
func TestWindowsEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	l := &evenly{people: 20_000}
	broken := errors.New("broken")
	var reads atomic.Int32
	w := windows[profile.Hash]{now: time.Now(), take: func(profile.Hash) error { return nil }, inARow: 100, minLength: time.Second}
	w.read = func(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated[profile.Hash], error] {
		if reads.Add(1) < 40 {
			return l.during(ctx, during)
		}
		return func(yield func(dated[profile.Hash], error) bool) { yield(dated[profile.Hash]{}, broken) }
	}
	if err := w.all(t.Context(), klaviyo.TimeRange{}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
