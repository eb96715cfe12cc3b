package klaviyo

import "regexp"

// The patterns of what must not reach a log or an error.
var (
	emailPattern = regexp.MustCompile(`[^\s"<>()\[\],:;\\]+@[^\s"'<>()\[\]{},:;=/\\]+`)
	keyPattern   = regexp.MustCompile(`pk_[A-Za-z0-9_]+`)
)

// SecretPatterns match email addresses and private API keys, for log filters.
func SecretPatterns() []*regexp.Regexp {
	return []*regexp.Regexp{emailPattern, keyPattern}
}

// Redact masks email addresses and private API keys in a text that comes from
// outside.
func Redact(s string) string {
	s = emailPattern.ReplaceAllString(s, "***")
	return keyPattern.ReplaceAllString(s, "pk_***")
}
