package profile

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

// appendNumber keeps the digits, so that nothing is lost to rounding, and changes
// only what JSON does not allow: 007, +1, .5 and 5. are numbers to people but not
// to JSON. Decimal notation only: no hexadecimal, no infinities, no thousands
// separators.
func appendNumber(dst []byte, s string) ([]byte, bool) {
	start := len(dst)
	unsigned := strings.TrimPrefix(s, "+")
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		unsigned = rest
		dst = append(dst, '-')
	}
	whole, rest := cutDigits(unsigned)
	fraction := ""
	if after, ok := strings.CutPrefix(rest, "."); ok {
		fraction, rest = cutDigits(after)
	}
	if whole == "" && fraction == "" || rest != "" && !isExponent(rest) || overflows(whole, rest) {
		return dst[:start], false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	dst = append(dst, whole...)
	if fraction != "" {
		dst = append(dst, '.')
		dst = append(dst, fraction...)
	}
	return append(dst, rest...), true
}

// isDecimal reports whether s is a JSON number of digits and at most one point,
// as nearly all numbers are.
func isDecimal(s string) bool {
	last := len(s) - 1
	if last < 0 || last > 30 || s[last] == '.' || s[0] == '.' || s[0] == '0' && last > 0 && s[1] != '.' {
		return false
	}
	points := 0
	for i := range len(s) {
		points += int(decimalBytes[s[i]])
	}
	return points <= 1
}

// decimalBytes has 1 for a point, 0 for a digit, and 2, which is too many points,
// for any other byte.
var decimalBytes = func() (points [256]uint8) {
	for c := range points {
		points[c] = 2
	}
	points['.'] = 1
	for c := '0'; c <= '9'; c++ {
		points[c] = 0
	}
	return points
}()

// cutDigits splits s after its leading digits.
func cutDigits(s string) (digits, rest string) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func isExponent(s string) bool {
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	digits, rest := cutDigits(s)
	return digits != "" && rest == ""
}

// overflows reports whether a number is too large for a float64, which most
// readers of JSON use.
func overflows(whole, exponent string) bool {
	if exponent == "" && len(whole) < 300 {
		return false
	}
	_, err := strconv.ParseFloat("0"+whole+exponent, 64)
	return err != nil
}

func appendBoolean(dst []byte, s string) ([]byte, bool) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "1":
		return append(dst, "true"...), true
	case "false", "f", "no", "n", "0":
		return append(dst, "false"...), true
	default:
		return dst, false
	}
}

// appendJSON appends a JSON value without insignificant white space. null counts
// as empty, since Klaviyo does not document its effect. It reports false for a
// number that overflows. Half of a surrogate pair, which is not a character,
// becomes U+FFFD.
func appendJSON(dst []byte, s string) ([]byte, bool) {
	if s == "null" {
		return dst, true
	}
	start := len(dst)
	out := bytes.NewBuffer(dst)
	if err := json.Compact(out, []byte(s)); err != nil || !fitsFloats(s) {
		return dst, false
	}
	dst = out.Bytes()
	mendSurrogates(dst[start:])
	return dst, true
}

// fitsFloats reports whether all numbers of a JSON text fit a float64.
func fitsFloats(s string) bool {
	if len(s) < 300 && !strings.ContainsAny(s, "eE") {
		return true // too short to overflow
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil { // the end, since the text is valid
			return true
		}
		if n, ok := token.(json.Number); ok {
			if _, err := n.Float64(); err != nil {
				return false
			}
		}
	}
}

// mendSurrogates replaces escapes of half a surrogate pair in a JSON text.
func mendSurrogates(text []byte) {
	const length = len(`\ud800`)
	high := -1 // position of a first half that has just ended
	mend := func(at int) { copy(text[at+2:], "fffd") }
	for i := 0; i < len(text); i++ {
		half := surrogate(text[i:])
		if high >= 0 && half != secondHalf {
			mend(high)
		}
		if high < 0 && half == secondHalf {
			mend(i)
		}
		high = -1
		if half == firstHalf {
			high = i
		}
		switch {
		case half != noSurrogate:
			i += length - 1
		case text[i] == '\\':
			i++ // the escaped byte
		}
	}
}

type surrogateHalf uint8

const (
	noSurrogate surrogateHalf = iota
	firstHalf                 // \ud800 to \udbff
	secondHalf                // \udc00 to \udfff
)

// surrogate returns which surrogate's escape a JSON text begins with.
func surrogate(text []byte) surrogateHalf {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' || text[2]|0x20 != 'd' {
		return noSurrogate
	}
	switch c := text[3] | 0x20; {
	case text[3] == '8', text[3] == '9', c == 'a', c == 'b':
		return firstHalf
	case c >= 'c' && c <= 'f':
		return secondHalf
	default:
		return noSurrogate
	}
}

// appendLocale accepts BCP 47 tags, also with underscores, as is common in
// exports.
func appendLocale(dst []byte, s string) ([]byte, bool) {
	tag, err := language.Parse(s)
	if err != nil {
		return dst, false
	}
	return appendString(dst, tag.String()), true
}

// appendCoordinate accepts a latitude or longitude in degrees, from -limit to
// limit.
func appendCoordinate(dst []byte, s string, limit float64) ([]byte, bool) {
	start := len(dst)
	dst, ok := appendNumber(dst, s)
	if !ok {
		return dst, false
	}
	if degrees, err := strconv.ParseFloat(string(dst[start:]), 64); err != nil || math.Abs(degrees) > limit {
		return dst[:start], false
	}
	return dst, true
}
