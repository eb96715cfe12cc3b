package klaviyo

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
)

// Waits between attempts when Klaviyo does not say how long: doubled from the
// first to the longest, with full jitter.
const (
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// maxProxyAttempts is how often a request is sent that something in front of Klaviyo
// refuses. Some such refusals are transient; but the base URL may be wrong, and
// then an early error helps.
const maxProxyAttempts = 4

// retryAfter says whether a request may be sent again after err, and after
// how long: what Klaviyo asks for, and then some that grows.
func (r request) retryAfter(err error, attempt int) (time.Duration, bool) {
	var apiError *APIError
	if errors.As(err, &apiError) {
		retryable := apiError.RetryAfter <= ratelimit.MaxRetryAfter && r.isTransient(apiError, attempt)
		if apiError.RetryAfter == 0 {
			return backoff(attempt), retryable
		}
		if apiError.Status == http.StatusTooManyRequests {
			attempt = min(attempt, 3) // Klaviyo says when the window ends
		}
		return apiError.RetryAfter + backoff(attempt)/2, retryable
	}
	var transportError *TransportError
	switch {
	case !errors.As(err, &transportError), errors.Is(err, errRedirect), errors.Is(err, errTooLarge), r.final && isUnusable(err), isPermanent(err):
		return 0, false
	}
	return backoff(attempt), !r.once || neverSent(err)
}

// rateLimitAnswer is what the rate limiter learns from an answer.
func rateLimitAnswer(header http.Header, err error) ratelimit.Answer {
	wait, throttled := throttledFor(err)
	return ratelimit.Answer{Header: header, OK: header != nil && err == nil, Throttled: throttled, RetryAfter: wait}
}

// throttledFor reports whether a request was answered 429, and how long to
// wait, 0 when that was not said.
func throttledFor(err error) (wait time.Duration, throttled bool) {
	var apiError *APIError
	if !errors.As(err, &apiError) || apiError.Status != http.StatusTooManyRequests {
		return 0, false
	}
	return apiError.RetryAfter, true
}

// askedFor returns the Retry-After of an answer, 0 without one.
func askedFor(err error) time.Duration {
	var apiError *APIError
	if errors.As(err, &apiError) {
		return apiError.RetryAfter
	}
	return 0
}

// isTransient reports whether a request that was answered with an error may
// succeed if it is sent again.
func (r request) isTransient(e *APIError, attempt int) bool {
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		return true // answers from before the request was carried out
	case e.Status == http.StatusRequestTimeout, e.Status >= http.StatusInternalServerError:
		return !r.once
	case e.Status == http.StatusBadRequest, e.Status == http.StatusNotFound:
		return e.IsHTML() && !r.once && attempt+1 < maxProxyAttempts
	default:
		return false
	}
}

// mayBeDone reports whether an attempt that ended with an error may have been
// carried out.
func mayBeDone(err error) bool {
	var transportError *TransportError
	switch status := StatusOf(err); {
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return true
	case status != 0:
		return false
	default:
		return errors.As(err, &transportError) && !neverSent(err)
	}
}

// neverSent reports whether a request failed before any of it left for Klaviyo:
// without a connection, or without a proxy or TLS on it.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || errors.As(err, new(proxyRefusal)) ||
		errors.As(err, new(notConnected)) || isPermanent(err)
}

func backoff(attempt int) time.Duration {
	limit := minBackoff << min(attempt, 10)
	return jitter(min(limit, maxBackoff))
}

func jitter(limit time.Duration) time.Duration {
	return rand.N(limit) + time.Millisecond
}

// sentAt is when a server sent an answer, by its own clock if it tells.
func sentAt(header http.Header) time.Time {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		return date
	}
	return time.Now()
}
