package profile

import "strings"

// maxExactDigits is how many digits of an integer a float64 surely holds.
const maxExactDigits = 15

// integer returns the integer that a number with a point or an exponent stands
// for, as programs write integers that they hold as floats: 4711.0, 9.87E9. A text
// that is not such a number stays as it is. It reports false for a number that has
// a fraction, or whose last digits are lost. number says that the text is a JSON
// number, rather than a text that may only look like one.
func integer(s string, number bool) (string, bool) {
	sign := ""
	digits := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, digits = s[:1], s[1:]
	}
	whole, rest := cutDigits(digits)
	if whole == "" || rest == "" {
		return s, true
	}
	if zeros, ok := strings.CutPrefix(rest, ","); ok && (zeros == "0" || zeros == "00") { // a decimal comma
		return sign + whole, true
	}
	fraction := ""
	point := rest[0] == '.'
	if point {
		if fraction, rest = cutDigits(rest[1:]); fraction == "" && rest != "" {
			return s, true
		}
	}
	if rest == "" {
		return sign + whole, strings.Trim(fraction, "0") == ""
	}
	exponent, ok := exponentOf(rest, number || point)
	if !ok {
		return s, true
	}
	by := textNotation
	switch {
	case number:
		by = exactNotation
	case len(rest) >= len("E+11") && rest[1] == '+':
		by = spreadsheetNotation
	}
	return shift(sign, whole, fraction, exponent, by)
}

// withoutFraction takes the fraction off a postal code of digits, which programs
// write as a float where some of the column are missing: 8001.0. Any other text
// stays as it is.
func withoutFraction(s string) string {
	whole, rest := cutDigits(s)
	if whole == "" || len(rest) < len(".0") || rest[0] != '.' && rest[0] != ',' || strings.Trim(rest[1:], "0") != "" {
		return s
	}
	return whole
}

// notation is who may have written a number with an exponent: not all write all of
// its digits.
type notation uint8

const (
	exactNotation       notation = iota // a JSON number
	textNotation                        // SAS writes 4.9151123E12, a FLOAT of MySQL 4.91511e12
	spreadsheetNotation                 // 1.23457E+11 is what a spreadsheet shows of a large number, and exports
)

// The digits of large numbers that programs write.
const (
	maxShown = 6  // by spreadsheets, at most
	minShown = 6  // by other programs that write too few, at least
	maxRound = 10 // of an integer that may end in many zeros
	maxZeros = 2  // at the end of any other integer
)

// lost reports whether zeros behind some digits may stand for others.
func (n notation) lost(digits, zeros int) bool {
	all := digits + zeros
	switch {
	case n == exactNotation:
		return false
	case n == spreadsheetNotation && digits <= maxShown && all > maxShown:
		return true
	default:
		return zeros > maxZeros && (digits >= minShown || all > maxRound)
	}
}

// exponentOf reads an exponent of at most two digits; one of more is 99. Without
// anyForm it must have a sign: 12E4 may as well be an identifier.
func exponentOf(s string, anyForm bool) (exponent int, ok bool) {
	if !isExponent(s) {
		return 0, false
	}
	s = s[1:]
	signed := s[0] == '+' || s[0] == '-'
	if !signed && !anyForm {
		return 0, false
	}
	negative := s[0] == '-'
	if signed {
		s = s[1:]
	}
	for i := range len(s) {
		exponent = min(10*exponent+int(s[i]-'0'), 99)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// shift moves the point of a number by its exponent.
func shift(sign, whole, fraction string, exponent int, by notation) (string, bool) {
	fraction = strings.TrimRight(fraction, "0")
	whole = strings.TrimLeft(whole, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0", true
	}
	zeros := exponent - len(fraction)
	if zeros < 0 { // 4.7110E1 and 47110E-1, too
		kept := len(digits) + zeros
		if kept < 1 || strings.Trim(digits[kept:], "0") != "" {
			return "", false
		}
		return sign + digits[:kept], kept <= maxExactDigits
	}
	if len(digits)+zeros > maxExactDigits || by.lost(len(digits), zeros) {
		return "", false
	}
	return sign + digits + strings.Repeat("0", zeros), true
}
