package klaviyo

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Waits between attempts when Klaviyo does not say how long: doubled from the
// first to the longest, with full jitter.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
)

// longestRetryAfter is the longest that is waited because Klaviyo says so. Its
// windows are a second and a minute; more is said by the daily limits, and an
// error now is better than an answer tomorrow.
const longestRetryAfter = 5 * time.Minute

// retryAfter says whether a request may be sent again after err, and after
// how long.
func (r request) retryAfter(err error, attempt int) (time.Duration, bool) {
	var apiError *APIError
	if errors.As(err, &apiError) {
		// 429 is an answer from before the request was carried out.
		again := apiError.Status == http.StatusTooManyRequests || apiError.Status >= 500 && !r.once
		again = again && apiError.RetryAfter <= longestRetryAfter
		if apiError.RetryAfter > 0 {
			return apiError.RetryAfter + jitter(firstWait/2), again
		}
		return backoff(attempt), again
	}
	var transportError *TransportError
	if !errors.As(err, &transportError) || errors.Is(err, errRedirect) || errors.Is(err, errTooLarge) {
		return 0, false
	}
	return backoff(attempt), !r.once || neverSent(err)
}

// neverSent reports whether a request failed before any of it left.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func backoff(attempt int) time.Duration {
	longest := firstWait << min(attempt, 10)
	return jitter(min(longest, longestWait))
}

func jitter(longest time.Duration) time.Duration {
	return rand.N(longest) + time.Millisecond
}

// parseRetryAfter reads a Retry-After header (RFC 9110, section 10.2.3): a
// number of seconds or a date. Without a readable one the result is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		// 0 means now, which is not the same as not saying when.
		const day = 24 * 60 * 60
		return max(time.Duration(min(seconds, day))*time.Second, time.Millisecond)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), time.Millisecond)
	}
	return 0
}
