package klaviyo

import (
	"context"
	"sync"
	"time"
)

// Waiting is how long requests have waited for Klaviyo's rate limits.
type Waiting struct {
	mu    sync.Mutex
	spans []waitingSpan // disjoint, in order
}

type waitingSpan struct{ from, to time.Time }

// Total is the time in which at least one request waited.
func (w *Waiting) Total() (total time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.spans {
		total += s.to.Sub(s.from)
	}
	return total
}

// add adds a wait of d that has ended now.
func (w *Waiting) add(now time.Time, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	added := waitingSpan{now.Add(-d), now}
	n := len(w.spans)
	for ; n > 0 && !w.spans[n-1].to.Before(added.from); n-- { // requests that waited at the same time
		if last := w.spans[n-1]; last.from.Before(added.from) {
			added.from = last.from
		}
		if last := w.spans[n-1]; last.to.After(added.to) {
			added.to = last.to
		}
	}
	w.spans = append(w.spans[:n], added)
}

type waitingKey struct{}

// WithWaiting returns a context that measures how long the requests made with it wait
// for Klaviyo's rate limits: before they are sent, and after an answer 429.
func WithWaiting(ctx context.Context) (context.Context, *Waiting) {
	w := &Waiting{}
	return context.WithValue(ctx, waitingKey{}, w), w
}

// addWaiting adds a wait that has ended now to what the context measures, if it does.
func addWaiting(ctx context.Context, now time.Time, d time.Duration) {
	if w, ok := ctx.Value(waitingKey{}).(*Waiting); ok && d > 0 {
		w.add(now, d)
	}
}
