package profile

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Lengths of an address and its parts in bytes (RFC 5321, section 4.5.3.1, and
// RFC 3696, erratum 1690).
const (
	maxEmail  = 254
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// appendEmail appends an email address as a JSON string in lower case, as Klaviyo
// keeps addresses. An address is a dot-atom (RFC 5322, section 3.2.3), @, and a
// host name of two labels or more; quoted local parts and address literals are
// legal in mail, but marketing services refuse them. For any other text
// appendEmail appends nothing and returns the reason.
//
// An internationalized domain is written in its ASCII form (RFC 5890), which
// mail servers treat as the same. A local part beyond ASCII has no such form.
func appendEmail(dst []byte, s string) ([]byte, Code) {
	start := len(dst)
	dst = append(dst, '"')
	dst = append(dst, s...)
	address := dst[start+1:]
	at := lowerLocal(address)
	if at < 0 || at == len(address) || address[at] != '@' {
		return dst[:start], emailCode(s)
	}
	if !lowerDomain(address[at+1:]) {
		return appendInternational(dst[:start], s)
	}
	if len(address) > maxEmail {
		return dst[:start], InvalidEmail
	}
	return append(dst, '"'), ""
}

// lowerLocal converts the dot-atom at the beginning of b to lower case and returns
// its length, -1 if there is no dot-atom or if it is too long.
func lowerLocal(b []byte) int {
	last := byte('.')
	for i, c := range b {
		lower := localBytes[c]
		if lower == 0 || lower == '.' && last == '.' {
			if i == 0 || i > maxLocal || last == '.' {
				return -1
			}
			return i
		}
		b[i], last = lower, lower
	}
	return -1
}

// lowerDomain converts a host name to lower case. It reports false for a text that
// is not a host name, has only one label, or ends in a number.
func lowerDomain(b []byte) bool {
	if len(b) > maxDomain {
		return false
	}
	dots, label := 0, 0 // label is where the current one begins
	for i, c := range b {
		lower := domainBytes[c]
		b[i] = lower
		if lower >= '0' {
			continue
		}
		// A label begins and ends with a letter or a digit; this is neither.
		if lower == 0 || i == label || lower == '.' && (b[i-1] == '-' || i-label > maxLabel) {
			return false
		}
		if lower == '.' {
			dots++
			label = i + 1
		}
	}
	top := b[label:]
	return dots > 0 && len(top) >= 2 && len(top) <= maxLabel && b[len(b)-1] != '-' && isLetter(top[0])
}

// The joiners that are part of names in some scripts (RFC 5892, appendix A).
const zwnj, zwj = 0x200C, 0x200D

// appendInternational appends an address whose domain is beyond ASCII.
func appendInternational(dst []byte, s string) ([]byte, Code) {
	local, domain, _ := strings.Cut(s, "@")
	if isPlain(domain) || !utf8.ValidString(domain) {
		return dst, emailCode(s)
	}
	if r, ok := invisibleIn(domain); ok && r != zwnj && r != zwj { // IDNA would leave it out
		return dst, InvalidEmail
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !isPlain(ascii) {
		return dst, InvalidEmail
	}
	return appendEmail(dst, local+"@"+ascii)
}

// emailCode returns why a text is rejected as an address.
func emailCode(s string) Code {
	if !utf8.ValidString(s) {
		return NotUTF8
	}
	local, _, _ := strings.Cut(s, "@")
	international := false
	for _, r := range local {
		switch {
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)):
			international = true
		case r >= utf8.RuneSelf || localBytes[r] == 0:
			return InvalidEmail
		}
	}
	if international {
		return InternationalEmail
	}
	return InvalidEmail
}

// localBytes maps the bytes of a dot-atom to lower case and all others to 0.
var localBytes = lowered("!#$%&'*+-/=?^_`{|}~.")

// domainBytes maps the bytes of a host name to lower case and all others to 0.
var domainBytes = lowered("-.")

func lowered(others string) (set [256]byte) {
	for c := byte(0); c < utf8.RuneSelf; c++ {
		switch {
		case isLetter(c), isDigit(c):
			set[c] = c
		case isLetter(c + 'a' - 'A'):
			set[c] = c + 'a' - 'A'
		}
	}
	for i := range len(others) {
		set[others[i]] = others[i]
	}
	return set
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
