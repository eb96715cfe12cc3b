package export

import (
	"context"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

const (
	windowCuts    = 4  // parts that a window is cut into
	windowReaders = 16 // windows that are read at once
)

// firstYear is when Klaviyo was founded. Earlier dates come from imported
// histories, which are few.
var firstYear = time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)

// windows reads people by a date that Klaviyo has of each. One cursor reads them one
// page after the other, which takes long when they are many. Then windows of time
// are read side by side, and a window that turns out to hold many is cut again.
type windows[T any] struct {
	read      func(context.Context, klaviyo.TimeRange) iter.Seq2[dated[T], error]
	take      func(T) error // is called by one reader at a time, for somebody perhaps more than once
	inARow    int           // read by one cursor before a window is cut
	minLength time.Duration // a window not worth cutting, a second or more

	now time.Time  // the open window is cut as if it ended a day later: clocks differ
	mu  sync.Mutex // guards take
}

// dated is a person who was read, with the date.
type dated[T any] struct {
	who T
	at  time.Time // zero unless they come in the order of time
}

// all reads everybody of a time range: while they are few with one cursor and no
// window.
func (w *windows[T]) all(ctx context.Context, during klaviyo.TimeRange) error {
	reached, more, err := w.some(ctx, during, w.inARow)
	if err != nil || !more {
		return err
	}
	return w.sideBySide(ctx, w.cut(during, reached))
}

// sideBySide reads windows, and the parts that they are cut into, with a fixed
// number of readers.
func (w *windows[T]) sideBySide(ctx context.Context, waiting []klaviyo.TimeRange) error {
	g, ctx := errgroup.WithContext(ctx)
	next, parts := make(chan klaviyo.TimeRange), make(chan []klaviyo.TimeRange)
	for range windowReaders {
		g.Go(func() error {
			for during := range next {
				cut, err := w.window(ctx, during)
				if err != nil {
					return err
				}
				select {
				case parts <- cut:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(next)
		return distribute(ctx, waiting, next, parts)
	})
	return g.Wait()
}

// distribute hands out windows until all are read, and takes back the parts that
// each was cut into. The newest goes first: what is left of one window is done
// before the next is cut, so only a few ever wait.
func distribute(ctx context.Context, waiting []klaviyo.TimeRange, next chan<- klaviyo.TimeRange, parts <-chan []klaviyo.TimeRange) error {
	for reading := 0; len(waiting)+reading > 0; {
		out, newest := next, len(waiting)-1
		var window klaviyo.TimeRange
		if newest < 0 {
			out = nil // nothing to hand out before a reader is done
		} else {
			window = waiting[newest]
		}
		select {
		case out <- window:
			waiting = waiting[:newest]
			reading++
		case cut := <-parts:
			waiting = append(waiting, cut...)
			reading--
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// length is how long a window is, as far as it is worth cutting: nothing before
// the first year is.
func (w *windows[T]) length(during klaviyo.TimeRange) time.Duration {
	if during.From.IsZero() {
		during.From = firstYear
	}
	if during.To.IsZero() {
		during.To = w.now.Add(24 * time.Hour)
	}
	return during.To.Sub(during.From)
}

// cut divides what is left of a window where a reader has reached a moment. The
// last part of a window without an end has none either, and the first one of a
// window without a beginning.
func (w *windows[T]) cut(window klaviyo.TimeRange, reached time.Time) (parts []klaviyo.TimeRange) {
	if !reached.IsZero() {
		// A second of its own, since it may hold thousands: they would be met
		// again in each part that begins with it.
		second := klaviyo.TimeRange{From: reached.Truncate(time.Second)}
		second.To = second.From.Add(time.Second)
		parts = append(parts, second)
		window.From = second.To
	}
	if window.From.IsZero() {
		parts = append(parts, klaviyo.TimeRange{To: firstYear})
		window.From = firstYear
	}
	step := w.length(window) / windowCuts
	for i := range windowCuts {
		part := klaviyo.TimeRange{From: window.From.Add(time.Duration(i) * step).Truncate(time.Second), To: window.To}
		if i+1 < windowCuts {
			part.To = window.From.Add(time.Duration(i+1) * step).Truncate(time.Second)
		}
		if part.To.IsZero() || part.From.Before(part.To) {
			parts = append(parts, part)
		}
	}
	return parts
}

// window reads a window. If there is more in it than one reader should do alone,
// it returns what is left of it in parts.
func (w *windows[T]) window(ctx context.Context, during klaviyo.TimeRange) (parts []klaviyo.TimeRange, err error) {
	limit := w.inARow
	if w.length(during) <= w.minLength {
		limit = 0
	}
	reached, more, err := w.some(ctx, during, limit)
	if err != nil || !more {
		return nil, err
	}
	return w.cut(during, reached), nil
}

// some takes the people of a window, at most limit unless that is 0. It
// reports whether there are more, and the moment up to which all were taken: zero
// if that is not known, because people came in no order of time.
func (w *windows[T]) some(ctx context.Context, during klaviyo.TimeRange, limit int) (reached time.Time, more bool, err error) {
	count, ordered := 0, true
	for p, err := range w.read(ctx, during) {
		if err != nil {
			return time.Time{}, false, err
		}
		ordered = ordered && !p.at.IsZero() && !p.at.Before(reached)
		reached = p.at
		if count++; limit > 0 && count > limit {
			if !ordered {
				reached = time.Time{}
			}
			return reached, true, nil
		}
		w.mu.Lock()
		err := w.take(p.who)
		w.mu.Unlock()
		if err != nil {
			return time.Time{}, false, err
		}
	}
	return time.Time{}, false, nil
}
