package redact_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// What cannot hold a password is shown.
func TestURL(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"https://example.com/a.csv":                 "https://example.com/a.csv",
		"https://user:pw@example.com:8443/a.csv":    "https://example.com:8443/a.csv",
		"https://user:p@w@example.com/a.csv":        "https://example.com/a.csv",
		"https://example.com/a.csv?sig=1#x":         "https://example.com/a.csv?…",
		"https://example.com/a.csv?by=a@b.com":      "https://example.com/a.csv?…",
		"https://example.com/pkg@1.0/a.csv":         "https://example.com/…",
		"https://user:1/pw@example.com/a.csv":       "https://…",
		"https://example.com:8443/pkg@1.0/a.csv":    "https://…",
		"https://example.com/%zz":                   "https://…",
		"https:///a.csv":                            "https://…",
		"contoso.crm.dynamics.com":                  "contoso.crm.dynamics.com",
		"user:pw@contoso.crm.dynamics.com":          "…",
		"user:pw@https://contoso.crm.dynamics.com/": "…",
	} {
		if got := redact.URL(path); got != want {
			t.Errorf("%s is shown as %s, want %s", path, got, want)
		}
	}
}
