package loopback_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/loopback"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"": false, "example.com": false, "localhost.example.com": false, "10.0.0.1": false, "0.0.0.0": false, "::": false, "127.0.0.1.example.com": false,
	} {
		if got := loopback.Is(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}
