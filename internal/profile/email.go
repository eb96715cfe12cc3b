package profile

// Lengths of an address and its parts in bytes (RFC 5321, section 4.5.3.1, and
// RFC 3696, erratum 1690).
const (
	maxEmail  = 254
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// appendEmail appends an email address as a JSON string, lower-cased, since
// Klaviyo matches addresses whatever their case and keeps them in lower case.
// It reports false, having appended nothing, for what is not an address: a
// dot-atom (RFC 5322, section 3.2.3), @, and a host name of two labels or
// more. Quoted local parts, address literals and letters beyond ASCII are
// legal in mail but not taken by marketing services.
func appendEmail(dst []byte, s string) ([]byte, bool) {
	if len(s) > maxEmail {
		return dst, false
	}
	start := len(dst)
	dst = append(dst, '"')
	at := -1
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '@':
			if at >= 0 {
				return dst[:start], false
			}
			at = i
		}
		dst = append(dst, c)
	}
	address := dst[start+1:]
	if at < 0 || !validLocal(address[:at]) || !validDomain(address[at+1:]) {
		return dst[:start], false
	}
	return append(dst, '"'), true
}

// validLocal reports whether b is a dot-atom of a fitting length.
func validLocal(b []byte) bool {
	if len(b) == 0 || len(b) > maxLocal {
		return false
	}
	last := byte('.')
	for _, c := range b {
		if c == '.' && last == '.' || c != '.' && !atext[c] {
			return false
		}
		last = c
	}
	return last != '.'
}

// validDomain reports whether b is a host name with at least two labels whose
// last is no number.
func validDomain(b []byte) bool {
	if len(b) > maxDomain {
		return false
	}
	labels, start := 0, 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] != '.' {
			if !isLetter(b[i]) && !isDigit(b[i]) && b[i] != '-' {
				return false
			}
			continue
		}
		label := b[start:i]
		if len(label) == 0 || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		labels++
		if i == len(b) && (len(label) < 2 || !isLetter(label[0])) {
			return false
		}
		start = i + 1
	}
	return labels >= 2
}

// atext marks the characters of an atom, in lower case.
var atext = func() (set [256]bool) {
	for c := range 128 {
		set[c] = isLetter(byte(c)) || isDigit(byte(c))
	}
	for _, c := range []byte("!#$%&'*+-/=?^_`{|}~") {
		set[c] = true
	}
	return set
}()

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
