package httpx_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
)

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.8.8.8": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "10.0.0.1": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "example.com": false,
	} {
		if got := httpx.IsLoopback(host); got != want {
			t.Errorf("%q is %v, want %v", host, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "1.5": 0, "0": time.Millisecond, "1": time.Second, " 120 ": 2 * time.Minute,
		"9223372037": 24 * time.Hour, "99999999999999999999": 24 * time.Hour, // more than a duration holds
		"Mon, 23 Nov 2026 06:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 05:00:00 GMT": time.Millisecond, "Monday, 23-Nov-26 06:01:00 GMT": time.Minute,
	} {
		header := http.Header{}
		header.Set("Retry-After", value)
		if got := httpx.RetryAfter(header, now); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}
