package redact_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"The address ada@example.com is invalid for pk_abc123.": "The address *** is invalid for pk_***.",
		"filter=ada%40example.com":                              "***",
		"+34 600 111 222 is not a mobile number":                "*** is not a mobile number",
		"10,000 profiles in 2 jobs since 2026-07-15T10:00:00Z":  "10,000 profiles in 2 jobs since 2026-07-15T10:00:00Z",
	} {
		if got := redact.Secrets(text); got != want {
			t.Errorf("Secrets(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"first line\n\tsecond line":      "first line\n\tsecond line",
		"\x1b[2J\x1b]0;title\x07cleared": `\x1b[2J\x1b]0;title\acleared`,
		"over\rwritten\x00\x7f\u0085":    `over\rwritten\x00\x7f\u0085`,
		"right\u202eto left\u2066":       `right\u202eto left\u2066`,
		"Zoë, 東京, 👋":                     "Zoë, 東京, 👋",
	} {
		if got := redact.Controls(text); got != want {
			t.Errorf("Controls(%q) = %q, want %q", text, got, want)
		}
	}
}
