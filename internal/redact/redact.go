// Package redact makes text fit to be shown and logged: it masks personal data
// and API keys, and escapes what a terminal would obey.
package redact

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// at is the sign between the parts of an email address, as it is and as URLs,
// JSON and HTML escape it.
const at = `(?:@|＠|%40|\\u0040|&#64;|&#[xX]40;|&commat;)`

var (
	userinfoPattern = regexp.MustCompile(`://[^\s/?#]*@`)
	quotedPattern   = regexp.MustCompile(`\\?"[^"]{1,64}"` + at) // "ada lovelace"@example.com
	emailPattern    = regexp.MustCompile(`[^\s"<>()\[\],:;\\]+` + at + `[^\s"'<>()\[\]{},:;=/\\]+`)
	oddEmailPattern = regexp.MustCompile(`[^\s]+` + at + `[^\s]+`) // whatever else has something on both sides
	keyPattern      = regexp.MustCompile(`pk_[A-Za-z0-9_]+`)
)

// Text masks secrets and escapes controls: for whatever comes from outside.
func Text(s string) string { return Controls(Secrets(s)) }

// Secrets masks email addresses, phone numbers, private API keys, and user names
// and passwords in URLs.
func Secrets(s string) string {
	s = userinfoPattern.ReplaceAllString(s, "://***")
	s = quotedPattern.ReplaceAllString(s, "***@")
	s = emailPattern.ReplaceAllString(s, "***")
	s = oddEmailPattern.ReplaceAllString(s, "***")
	s = maskPhones(s)
	return keyPattern.ReplaceAllString(s, "pk_***")
}

var lineEnds = strings.NewReplacer("\r\n", "\n")

// Controls escapes the characters that a terminal would obey instead of show,
// such as ESC and the marks that turn the direction of text, as Go writes them
// in a string: \x1b. Line ends and tabs stay. What is not UTF-8 is replaced.
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

// Line is Controls for a text that has to stay on one line: line ends and tabs are
// escaped as well, and white space other than a blank.
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
