package segment

import "strings"

// nulEscape is a NUL character in a string of JSON.
const nulEscape = `\u0000`

// MayHaveNUL reports whether a text, or several values in one, may have a NUL
// character. It is quick, so that [HasNUL] need only look at few values.
func MayHaveNUL(text string, json bool) bool {
	return strings.IndexByte(text, 0) >= 0 || json && strings.Contains(text, nulEscape)
}

// HasNUL reports whether a value has a NUL character, which is an escape in JSON. No
// name or city has one: something went wrong when the value was written.
func HasNUL(value string, json bool) bool {
	if strings.IndexByte(value, 0) >= 0 {
		return true
	}
	for json {
		before, after, found := strings.Cut(value, nulEscape)
		if !found {
			break
		}
		// After an odd number of backslashes, the one of the escape is escaped itself.
		if n := len(before) - len(strings.TrimRight(before, `\`)); n%2 == 0 {
			return true
		}
		value = after
	}
	return false
}

// NULError is the error of a row with a NUL character in one of its values.
func NULError() *RowError {
	return &RowError{Code: CodeUnreadableValue, Problem: "has a NUL byte in a mapped column"}
}
