package klaviyo

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limit is how many requests an account may send to an endpoint, counted in
// two fixed windows at once.
type limit struct {
	burst  int // a second
	steady int // a minute
}

// least is the least time between the first and the last of so many requests.
func (l limit) least(requests int64) time.Duration {
	if requests < 1 {
		return 0
	}
	minutes, rest := (requests-1)/int64(l.steady), (requests-1)%int64(l.steady)
	return time.Duration(minutes)*time.Minute + time.Duration(rest/int64(l.burst))*time.Second
}

// The headers of an answer that tell of the steady window.
const (
	headerLimit     = "RateLimit-Limit"
	headerRemaining = "RateLimit-Remaining"
	headerReset     = "RateLimit-Reset"
)

// tellsLimits reports whether an answer comes from a server that keeps limits.
func tellsLimits(header http.Header) bool {
	return header.Get(headerLimit) != "" || header.Get(headerRemaining) != "" || header.Get(headerReset) != ""
}

// parseRemaining reads how many requests are left in the steady window and
// when it ends. ok is false unless both make sense for a window of a minute.
func parseRemaining(header http.Header) (remaining int, reset time.Duration, ok bool) {
	remaining, err := strconv.Atoi(strings.TrimSpace(header.Get(headerRemaining)))
	if err != nil || remaining < 0 {
		return 0, 0, false
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(header.Get(headerReset)))
	if err != nil || seconds < 0 || seconds > 60 {
		return 0, 0, false
	}
	return remaining, time.Duration(seconds) * time.Second, true
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
