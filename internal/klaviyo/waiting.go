package klaviyo

import (
	"context"
	"sync/atomic"
	"time"
)

// Waiting is how long requests have waited for Klaviyo's rate limits.
type Waiting struct{ total atomic.Int64 }

// Total is the sum over all requests.
func (w *Waiting) Total() time.Duration { return time.Duration(w.total.Load()) }

type waitingKey struct{}

// WithWaiting returns a context that measures how long the requests made with it wait
// for Klaviyo's rate limits: before they are sent, and after an answer 429.
func WithWaiting(ctx context.Context) (context.Context, *Waiting) {
	w := &Waiting{}
	return context.WithValue(ctx, waitingKey{}, w), w
}

// addWaiting adds a wait to what the context measures, if it does.
func addWaiting(ctx context.Context, d time.Duration) {
	if w, ok := ctx.Value(waitingKey{}).(*Waiting); ok {
		w.total.Add(int64(d))
	}
}
