package ratelimit

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limit is how many requests an account may send to an endpoint, counted in
// two fixed windows at once.
type Limit struct {
	Burst  int // a second
	Steady int // a minute
}

// MinDuration is the least time between the first and the last of so many requests.
func (l Limit) MinDuration(requests int64) time.Duration {
	if requests < 1 {
		return 0
	}
	minutes, rest := (requests-1)/int64(l.Steady), (requests-1)%int64(l.Steady)
	return time.Duration(minutes)*time.Minute + time.Duration(rest/int64(l.Burst))*time.Second
}

// The headers of an answer about the steady window.
const (
	headerLimit     = "RateLimit-Limit"
	HeaderRemaining = "RateLimit-Remaining"
	headerReset     = "RateLimit-Reset"
)

// tellsLimits reports whether an answer comes from a server that keeps limits.
func tellsLimits(header http.Header) bool {
	return header.Get(headerLimit) != "" || header.Get(HeaderRemaining) != "" || header.Get(headerReset) != ""
}

// parseRemaining reads how many requests are left in the steady window and
// when it ends. ok is false unless both make sense for a window of a minute.
func parseRemaining(header http.Header) (remaining int, reset time.Duration, ok bool) {
	remaining, err := strconv.Atoi(strings.TrimSpace(header.Get(HeaderRemaining)))
	if err != nil || remaining < 0 {
		return 0, 0, false
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(header.Get(headerReset)))
	if err != nil || seconds < 0 || seconds > 60 {
		return 0, 0, false
	}
	return remaining, time.Duration(seconds) * time.Second, true
}
