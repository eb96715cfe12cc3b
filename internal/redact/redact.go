// Package redact makes text fit to be shown and logged: it masks personal data
// and API keys, and escapes what a terminal would obey.
package redact

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	emailPattern = regexp.MustCompile(`[^\s"<>()\[\],:;\\]+(?:@|%40)[^\s"'<>()\[\]{},:;=/\\]+`)
	phonePattern = regexp.MustCompile(`(?:\+|%2B)[1-9](?:[ ().-]?[0-9]){6,14}`) // E.164, spaced or not
	keyPattern   = regexp.MustCompile(`pk_[A-Za-z0-9_]+`)
)

// Text masks secrets and escapes controls: for whatever comes from outside.
func Text(s string) string { return Controls(Secrets(s)) }

// Secrets masks email addresses, phone numbers and private API keys.
func Secrets(s string) string {
	s = emailPattern.ReplaceAllString(s, "***")
	s = phonePattern.ReplaceAllString(s, "***")
	return keyPattern.ReplaceAllString(s, "pk_***")
}

// Controls escapes the characters that a terminal would obey instead of show,
// such as ESC and the marks that turn the direction of text, as Go writes them
// in a string: \x1b. Line ends and tabs stay.
func Controls(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !isControl(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func isControl(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}
