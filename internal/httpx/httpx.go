// Package httpx has helpers for the HTTP clients of the provider.
package httpx

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// IsLoopback reports whether a host is this machine, so that plain http to it
// does not reach the network.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// RetryAfter returns the delay in a Retry-After header (RFC 9110, section 10.2.3):
// a number of seconds, at most a day, or a date. It returns 0 only if there is no
// valid header, and a millisecond for a delay of zero.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	seconds, err := strconv.ParseInt(value, 10, 64)
	if (err == nil || errors.Is(err, strconv.ErrRange)) && seconds >= 0 {
		const day = 24 * 60 * 60
		return max(time.Duration(min(seconds, day))*time.Second, time.Millisecond)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(date.Sub(now), time.Millisecond)
	}
	return 0
}
