package profile

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// isPlain reports whether s is ASCII without anything that JSON escapes, as
// nearly all values are (BenchmarkIsPlain: 3 ns a value instead of 20). It looks
// at eight bytes at a time, at some of them twice.
func isPlain(s string) bool {
	n := len(s)
	switch {
	case n >= 8:
		for i := 8; i < n; i += 8 {
			if maskNotPlain(load64(s[i-8:i])) != 0 {
				return false
			}
		}
		return maskNotPlain(load64(s[n-8:])) == 0
	case n >= 4:
		return maskNotPlain(uint64(load32(s))|uint64(load32(s[n-4:]))<<32) == 0
	case n > 0:
		return maskNotPlain(load3(s[0], s[n/2], s[n-1])) == 0
	default:
		return true
	}
}

// isText reports whether s is UTF-8 without anything that JSON escapes and
// without white space or invisible characters at either end.
func isText(s string) bool {
	for i := range len(s) {
		if mustEscape(s[i]) {
			return false
		}
	}
	return utf8.ValidString(s) && len(trim(s)) == len(s)
}

// mustEscape reports whether a byte must be escaped in a JSON string.
func mustEscape(c byte) bool { return c < ' ' || c == '"' || c == '\\' }

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
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

// appendEscaped appends a byte for which mustEscape is true.
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
