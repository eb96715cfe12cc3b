package profile

import "strings"

// decimal returns the text of a number with a decimal point. Where texts have a
// decimal comma, points, spaces and apostrophes group the digits before it by
// three; a text of another form stays as it is and with its comma or point is no
// number.
func (f *field) decimal(s string, number bool) string {
	if !f.comma || number {
		return s
	}
	whole, fraction, found := strings.Cut(s, ",")
	whole, ok := ungrouped(whole)
	switch {
	case !ok:
		return "," // not a number
	case found:
		return whole + "." + fraction
	default:
		return whole
	}
}

// ungrouped takes the marks between groups of three digits out of an integer. It
// reports false for a point in another place, and behind a leading zero, where it is
// a decimal point: 0.125.
func ungrouped(s string) (string, bool) {
	s = strings.NewReplacer("\u00a0", ".", "\u202f", ".", " ", ".", "'", ".", "\u2019", ".").Replace(s)
	first, rest, found := strings.Cut(s, ".")
	if !found {
		return s, true
	}
	sign := strings.TrimRight(first, "0123456789")
	if n := len(first) - len(sign); n < 1 || n > 3 || first[len(sign)] == '0' {
		return "", false
	}
	for group := range strings.SplitSeq(rest, ".") {
		if digits, after := cutDigits(group); len(digits) != 3 || after != "" {
			return "", false
		}
		first += group
	}
	return first, true
}
