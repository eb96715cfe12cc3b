package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Terraform starts the provider several times a plan, and users download it for
// every platform, so a client that brings hundreds of packages is too heavy.
func TestProviderStaysLight(t *testing.T) {
	t.Parallel()
	const maxPackages = 780
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	for _, name := range packages {
		for prefix, reason := range map[string]string{
			"github.com/envoyproxy/":      "it comes with gRPC load balancing for Google's clients; use the HTTP API of the service",
			"github.com/cncf/xds":         "it comes with gRPC load balancing for Google's clients; use the HTTP API of the service",
			"github.com/apache/arrow":     "it adds 10 MB and more; use the JSON or CSV that the service also speaks",
			"cloud.google.com/go/storage": "it adds 21 MB; internal/segment/storage reads buckets over the JSON API",
			"gocloud.dev":                 "it links Google's gRPC client; internal/segment/storage has a client for each cloud",
		} {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("the provider links %s: %s.", name, reason)
			}
		}
	}
	if len(packages) > maxPackages {
		t.Errorf("the provider links %d packages, more than %d. See what is new with go list -deps . and choose a smaller library.", len(packages), maxPackages)
	}
}
