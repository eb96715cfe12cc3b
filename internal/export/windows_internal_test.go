package export

import (
	"context"
	"iter"
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

func (l *timeline) during(ctx context.Context, during klaviyo.TimeRange) iter.Seq2[dated, error] {
	return func(yield func(dated, error) bool) {
		for i, at := range l.times {
			if at.Before(during.From) || !during.To.IsZero() && !at.Before(during.To) {
				continue
			}
			if l.read.Add(1); !yield(dated{hash: profile.Hash{Lo: uint64(i)}}, ctx.Err()) {
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
			w := windows{read: l.during, take: func(h profile.Hash) { found[h] = true }, inARow: 100, shortest: 10 * time.Second}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := w.all(ctx); err != nil {
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
