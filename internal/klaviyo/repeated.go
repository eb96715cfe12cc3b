package klaviyo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

// longRepeated is after how long a request that is being repeated is no longer
// logged as a detail.
const longRepeated = 10 * time.Second

// repeats are the requests of a context that are being repeated.
type repeats struct {
	mu  sync.Mutex
	all map[*progress]repeat
}

// repeat is a request that is being repeated.
type repeat struct {
	operation string
	err       error         // of the latest attempt
	since     time.Time     // the first failure
	limit     time.Duration // for how long it is repeated
	now       func() time.Time
}

type repeatsKey struct{}

// WithRepeats returns a context that keeps account of the requests made with it,
// for [Repeated].
func WithRepeats(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatsKey{}, &repeats{all: map[*progress]repeat{}})
}

// repeatsOf returns nil for a context without an account.
func repeatsOf(ctx context.Context) *repeats {
	r, _ := ctx.Value(repeatsKey{}).(*repeats)
	return r
}

func (r *repeats) note(request *progress, now repeat) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[request] = now
}

func (r *repeats) end(request *progress) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, request)
}

// Repeated says which request of a context made by [WithRepeats] is being
// repeated for the longest time: "Klaviyo answers 503 to bulk_import_profiles;
// repeated for 40s so far, at most 5m". Empty for none.
func Repeated(ctx context.Context) string {
	r := repeatsOf(ctx)
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var longest repeat
	for _, one := range r.all {
		if longest.err == nil || one.since.Before(longest.since) {
			longest = one
		}
	}
	switch text := longest.String(); len(r.all) {
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
func (r repeat) log(ctx context.Context, attempts int, wait time.Duration) {
	failing := r.now().Sub(r.since)
	log := logging.Debug
	if failing >= longRepeated {
		log = logging.Warn
	}
	log(ctx, "Klaviyo request will be repeated", logging.Fields{
		"operation": r.operation, "attempt": attempts, "failing_ms": failing.Milliseconds(), "wait_ms": wait.Milliseconds(), "reason": r.err.Error(),
	})
}

func (r repeat) String() string {
	if r.err == nil {
		return ""
	}
	what := "Klaviyo does not answer " + r.operation
	if status := StatusOf(r.err); status != 0 {
		what = fmt.Sprintf("Klaviyo answers %d to %s", status, r.operation)
	} else if isOdd(r.err) {
		what = "Klaviyo's answer to " + r.operation + " is not understood"
	} else if neverSent(r.err) {
		what = "Klaviyo cannot be reached for " + r.operation
	}
	return fmt.Sprintf("%s; repeated for %s so far, at most %s", what, inWords(r.now().Sub(r.since)), inWords(r.limit))
}
