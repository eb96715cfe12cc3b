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
			if !plainWord(uint64(half(s[i-8:])) | uint64(half(s[i-4:]))<<32) {
				return false
			}
		}
		return plainWord(uint64(half(s[n-8:])) | uint64(half(s[n-4:]))<<32)
	case n >= 4:
		return plainWord(uint64(half(s)) | uint64(half(s[n-4:]))<<32)
	case n > 0:
		const spaces = 0x2020202020 << 24
		return plainWord(uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16 | spaces)
	default:
		return true
	}
}

// half is the first four bytes of s as a number.
func half(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// plainWord is isPlain for eight bytes at once. A byte minus 0x20 borrows below
// a space; one that is xored with a character is less than 1 where it is that
// character; and plus 1 overflows into the sign at 0x7f.
func plainWord(w uint64) bool {
	const ones, signs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^('"'*ones), w^('\\'*ones)
	return (w|(w-' '*ones)|(quote-ones)|(backslash-ones)|(w+ones))&signs == 0
}

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
			if b >= ' ' && b != '"' && b != '\\' {
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
