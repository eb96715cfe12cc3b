package profile

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// isPlain reports whether a JSON string holds s as it is and s is ASCII, which
// nearly all values are. It looks at eight bytes at once, at some of them twice
// rather than at single ones.
func isPlain(s string) bool {
	n := len(s)
	switch {
	case n >= 8:
		for i := 8; i < n; i += 8 {
			if oddBytes(word(s[i-8:i])) != 0 {
				return false
			}
		}
		return oddBytes(word(s[n-8:])) == 0
	case n >= 4:
		return oddBytes(uint64(half(s))|uint64(half(s[n-4:]))<<32) == 0
	case n > 0:
		return oddBytes(few(s[0], s[n/2], s[n-1])) == 0
	default:
		return true
	}
}

// isText reports whether a JSON string holds s as it is, also beyond ASCII, and
// s has no white space at either end.
func isText(s string) bool {
	for i := range len(s) {
		if mustEscape(s[i]) {
			return false
		}
	}
	return utf8.ValidString(s) && len(trimSpace(s)) == len(s)
}

// mustEscape reports whether a JSON string must not hold a byte as it is.
func mustEscape(c byte) bool { return c < ' ' || c == '"' || c == '\\' }

// isUTF8 is utf8.ValidString, quicker for short plain texts.
func isUTF8(s string) bool { return isPlain(s) || utf8.ValidString(s) }

// appendString appends s as a JSON string. Bytes that are no UTF-8 become
// U+FFFD, so the result is valid JSON whatever s is.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if isPlain(s) {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			if !mustEscape(b) {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscaped(dst, b)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscaped appends a byte that a JSON string must not hold as it is.
func appendEscaped(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&0xF])
	}
}
