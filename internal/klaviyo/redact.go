package klaviyo

import "regexp"

// The patterns of what must not reach a log or an error.
var (
	emailPattern = regexp.MustCompile(`[^\s"<>()\[\],:;\\]+(?:@|%40)[^\s"'<>()\[\]{},:;=/\\]+`)
	phonePattern = regexp.MustCompile(`(?:\+|%2B)[1-9](?:[ ().-]?[0-9]){6,14}`) // E.164, spaced or not
	keyPattern   = regexp.MustCompile(`pk_[A-Za-z0-9_]+`)
)

// SecretPatterns match email addresses, phone numbers and private API keys, for
// log filters.
func SecretPatterns() []*regexp.Regexp {
	return []*regexp.Regexp{emailPattern, phonePattern, keyPattern}
}

// Redact masks email addresses, phone numbers and private API keys in a text
// that comes from outside.
func Redact(s string) string {
	s = emailPattern.ReplaceAllString(s, "***")
	s = phonePattern.ReplaceAllString(s, "***")
	return keyPattern.ReplaceAllString(s, "pk_***")
}
