package redact_test

import (
	"strings"
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

// Klaviyo quotes what was sent to it, in whatever form that was.
func TestSecretsMasksPhones(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"+34600111222", "+34 600 111 222", "+1 (415) 555-0100", "+1.415.555.0100", "%2B34600111222", "+290 1234",
		"34600111222", "0034 600 111 222", "600111222", "600 111 222", "600-111-222", "600.111.222", "06 12 34 56 78", "06.12.34.56.78",
		"(415) 555-0100", "415/555-0100", "415 555 0100", "1 (415) 555 - 0100", "1-415-555-0100", "4155550100x12", "4155550100 ext. 12", "600.111.222.333",
		"600\u00a0111\u00a0222", "600–111–222", "٦٠٠١١١٢٢٢", "6001-1122",
	} {
		for _, around := range [][2]string{{"", ""}, {"The number ", " is not valid."}, {"'", "'"}, {`{"phone_number":"`, `"}`}, {"phone=", "&x=1"}, {"tel:", ","}, {"2026-07-15 10:00:00 ", ""}, {"10,000 profiles, ", ";"}} {
			text := around[0] + number + around[1]
			got := redact.Secrets(text)
			if strings.Contains(got, "111") || strings.Contains(got, "555") || strings.Contains(got, "12 34") || strings.Contains(got, "12.34") ||
				strings.Contains(got, "1122") || strings.Contains(got, "١١١") || !strings.HasPrefix(got, around[0]) && around[0] != "tel:" {
				t.Errorf("%q is shown as %q", text, got)
			}
		}
	}
}

func TestSecretsKeepsOtherNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"10,000 profiles of 10,000,000, row 1,234,567", "1234567 rows", "status 503", "-12,345,678",
		"2026-07-15", "2026-07-15T10:00:00Z", "2026-07-15T10:00:00.123456+02:00", "2026-07-15 10:00:00", "2026-07-15T10:00:00+0000", "since 2026-07-15 10:00, until 2026-07-16.",
		"0b1c1de5-8c36-4a7c-9234-123456789012", "12345678-1234-4123-9123-123456789012", "01SMVWAT0RJ0B4155550100XYZ", "job 01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"4bf92f3577b34da6a3ce929d0e0e4736", "8c12345678901234-MAD", "a12345678", "12345678b", "id_12345678",
		"dial tcp 192.168.100.200:443: connection refused", "10.120.130.140/16", "read tcp 127.0.0.1:51234->192.168.100.200:443",
		"waited 1m30.5s", "took 12.345678901s",
	} {
		if got := redact.Secrets(text); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestSecretsMasksUnusualEmails(t *testing.T) {
	t.Parallel()
	for _, email := range []string{
		"ada@example.com", "ADA+news@Example.com", `"ada lovelace"@example.com`, `\"ada lovelace\"@example.com`, "ada(comment)@example.com",
		"ada@[192.168.0.1]", "ada＠example.com", "ada&#64;example.com", "ada&#x40;example.com", `ada\u0040example.com`, "ada%40example.com", "ada&commat;example.com",
		"<ada>@example.com", "ada@localhost", "ada@bücher.example", "o'ada@example.com", "ada@@example.com",
	} {
		for _, around := range [][2]string{{"", ""}, {"The address ", " is not valid."}, {"'", "'"}, {`{"email":"`, `"}`}} {
			text := around[0] + email + around[1]
			got := redact.Secrets(text)
			if strings.Contains(strings.ToLower(got), "ada") || strings.Contains(got, "example") || strings.Contains(got, "192") {
				t.Errorf("%q is shown as %q", text, got)
			}
		}
	}
}

func TestSecretsMasksUsersInURLs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`invalid proxy address "http://me:secret@proxy:8080"`, "https://secret@host/x", "https://me:sec@ret@host",
	} {
		if got := redact.Secrets(text); strings.Contains(got, "sec") || strings.Contains(got, "ret@") || strings.Contains(got, "me:") {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"two\r\nlines\tand \x1b[2J": `two\r\nlines\tand \x1b[2J`,
		"no\u00a0break, \u202e":     `no\u00a0break, \u202e`,
		"Zoë, 東京, 👋 \xff":           "Zoë, 東京, 👋 \uFFFD",
	} {
		if got := redact.Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"first line\n\tsecond line": "first line\n\tsecond line",
		"one\r\ntwo\r": `one
two\r`,
		"not\xff UTF-8\x9b2J":            "not\uFFFD UTF-8\uFFFD2J",
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
