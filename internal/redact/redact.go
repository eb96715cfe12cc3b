// Package redact makes text safe for messages and logs: it masks personal data and
// API keys, and escapes control characters.
package redact

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// at matches the @ of an email address, plain or escaped for URLs, JSON or HTML.
const at = `(?:@|＠|%40|\\u0040|&#64;|&#[xX]40;|&commat;)`

var (
	userinfoPattern = regexp.MustCompile(`://[^\s/?#]*@`)
	quotedPattern   = regexp.MustCompile(`\\?"[^"]{1,64}"` + at) // "ada lovelace"@example.com
	emailPattern    = regexp.MustCompile(`[^\s"<>()\[\],:;\\]+` + at + `[^\s"'<>()\[\]{},:;=/\\]+`)
	anyEmailPattern = regexp.MustCompile(`[^\s]+` + at + `[^\s]+`) // any other text around an @
	keyPattern      = regexp.MustCompile(`pk_[A-Za-z0-9_]+`)
)

// Text masks secrets and escapes control characters in text from outside.
func Text(s string) string { return Controls(Secrets(s)) }

// Secrets masks email addresses, phone numbers, private API keys, and user names
// and passwords in URLs.
func Secrets(s string) string {
	s = userinfoPattern.ReplaceAllString(s, "://***")
	s = quotedPattern.ReplaceAllString(s, "***@")
	s = emailPattern.ReplaceAllString(s, "***")
	s = anyEmailPattern.ReplaceAllString(s, "***")
	s = maskPhones(s)
	return keyPattern.ReplaceAllString(s, "pk_***")
}

var lineEnds = strings.NewReplacer("\r\n", "\n")

// Controls escapes characters that control a terminal, such as ESC and marks of
// text direction, as in a Go string: \x1b. It keeps line ends and tabs, and
// replaces invalid UTF-8.
func Controls(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range lineEnds.Replace(s) {
		if !isControl(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// Line does the same for text on a single line: it also escapes line ends, tabs
// and other white space than blanks.
func Line(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func isControl(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}
