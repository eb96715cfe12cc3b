package klaviyo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

// warnAfter is after how long a request that is being repeated is no longer
// logged as a detail.
const warnAfter = 10 * time.Second

// repeats are the requests of a context that are being repeated.
type retries struct {
	mu  sync.Mutex
	all map[*callState]retrying
}

// repeat is a request that is being repeated.
type retrying struct {
	operation string
	err       error         // of the latest attempt
	since     time.Time     // the first failure
	limit     time.Duration // for how long it is repeated
	now       func() time.Time
}

type retriesKey struct{}

// WithRetries returns a context that keeps account of the requests made with it,
// for [Retrying].
func WithRetries(ctx context.Context) context.Context {
	return context.WithValue(ctx, retriesKey{}, &retries{all: map[*callState]retrying{}})
}

// retriesOf returns nil for a context without an account.
func retriesOf(ctx context.Context) *retries {
	r, _ := ctx.Value(retriesKey{}).(*retries)
	return r
}

func (r *retries) note(request *callState, now retrying) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[request] = now
}

func (r *retries) end(request *callState) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, request)
}

// Retrying says which request of a context made by [WithRetries] is being
// repeated for the longest time: "Klaviyo answers 503 to bulk_import_profiles;
// repeated for 40s so far, at most 5m". Empty for none.
func Retrying(ctx context.Context) string {
	r := retriesOf(ctx)
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var oldest retrying
	for _, one := range r.all {
		if oldest.err == nil || one.since.Before(oldest.since) {
			oldest = one
		}
	}
	switch text := oldest.String(); len(r.all) {
	case 0:
		return ""
	case 1:
		return text
	case 2:
		return text + " (and 1 more request)"
	default:
		return fmt.Sprintf("%s (and %d more requests)", text, len(r.all)-1)
	}
}

// log logs that the request will be repeated after a wait.
func (r retrying) log(ctx context.Context, attempts int, wait time.Duration) {
	failing := r.now().Sub(r.since)
	log := logging.Debug
	if failing >= warnAfter {
		log = logging.Warn
	}
	log(ctx, "Klaviyo request will be repeated", logging.Fields{
		"operation": r.operation, "attempt": attempts, "failing_ms": failing.Milliseconds(), "wait_ms": wait.Milliseconds(), "reason": r.err.Error(),
	})
}

func (r retrying) String() string {
	if r.err == nil {
		return ""
	}
	what := "Klaviyo does not answer " + r.operation
	if status := StatusOf(r.err); status != 0 {
		what = fmt.Sprintf("Klaviyo answers %d to %s", status, r.operation)
	} else if isUnusable(r.err) {
		what = "Klaviyo's answer to " + r.operation + " is not understood"
	} else if neverSent(r.err) {
		what = "Klaviyo cannot be reached for " + r.operation
	}
	return fmt.Sprintf("%s; repeated for %s so far, at most %s", what, inWords(r.now().Sub(r.since)), inWords(r.limit))
}
