package profile

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// appendValue appends a value of one of the property types. It reports false,
// having appended nothing, when the text is not of the type.
func appendValue(dst []byte, t Type, s string) ([]byte, bool) {
	switch t {
	case Number:
		return appendNumber(dst, s)
	case Boolean:
		return appendBoolean(dst, s)
	case Datetime:
		return appendDatetime(dst, s)
	case List:
		return appendList(dst, s)
	case JSON:
		return appendJSON(dst, s)
	default:
		return appendString(dst, s), true
	}
}

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

// appendDatetime writes a date as YYYY-MM-DD and a point in time as RFC 3339;
// one without a zone is in UTC.
func appendDatetime(dst []byte, s string) ([]byte, bool) {
	if year, month, day, ok := cutDate(s); ok {
		return appendDate(dst, year, month, day)
	}
	for _, layout := range layouts(s) {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			dst = append(dst, '"')
			dst = t.AppendFormat(dst, time.RFC3339Nano)
			return append(dst, '"'), true
		}
	}
	return dst, false
}

// cutDate splits a date without a time of day: year-month-day with two digits
// each for month and day, or month/day/year, as Dynamics 365 exports it, with
// one or two.
func cutDate(s string) (year, month, day string, ok bool) {
	switch n := len(s); {
	case n < len("1/2/2006") || n > len(time.DateOnly):
		return "", "", "", false
	case n == len(time.DateOnly) && s[4] == '-' && s[7] == '-':
		return s[:4], s[5:7], s[8:], true
	default:
		first, last := 1, n-len("/2006")
		if s[1] != '/' {
			first = 2
		}
		fits := s[first] == '/' && s[last] == '/' && uint(last-first-len("/")-1) < 2
		if !fits {
			return "", "", "", false
		}
		return s[last+1:], s[:first], s[first+1 : last], true
	}
}

// appendDate appends a date if it exists.
func appendDate(dst []byte, year, month, day string) ([]byte, bool) {
	century, ok1 := twoDigits(year[:2])
	rest, ok2 := twoDigits(year[2:])
	m, ok3 := twoDigits(month)
	d, ok4 := twoDigits(day)
	y := 100*century + rest
	if !(ok1 && ok2 && ok3 && ok4) || y < 1 || m < 1 || m > 12 || d < 1 || d > 28 && d > daysIn(m, y) {
		return dst, false
	}
	return append(dst, '"', year[0], year[1], year[2], year[3],
		'-', '0'+byte(m/10), '0'+byte(m%10), '-', '0'+byte(d/10), '0'+byte(d%10), '"'), true
}

// twoDigits is the value of one or two digits.
func twoDigits(s string) (uint, bool) {
	tens, ones := s[0]-'0', s[len(s)-1]-'0'
	ok := tens < 10 && ones < 10
	if len(s) == 1 {
		tens = 0
	}
	return uint(10*tens + ones), ok
}

func daysIn(month, year uint) uint {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	default:
		return 31
	}
}

// The layouts of points in time. time.Parse accepts fractions of a second after
// any of them.
var (
	layoutsT       = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"}
	layoutsSpace   = []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07", "2006-01-02 15:04"}
	layoutsSlash24 = []string{"1/2/2006 15:04", "1/2/2006 15:04:05"}
	layoutsSlash12 = []string{"1/2/2006 3:04 PM", "1/2/2006 3:04:05 PM"}
)

// layouts returns the few layouts that a text can have.
func layouts(s string) []string {
	slashes := strings.IndexByte(s, '/') >= 0
	switch {
	case slashes && strings.HasSuffix(s, "M"):
		return layoutsSlash12
	case slashes:
		return layoutsSlash24
	case len(s) > len(time.DateOnly) && s[len(time.DateOnly)] == 'T':
		return layoutsT
	default:
		return layoutsSpace
	}
}

// appendList keeps a JSON array and splits any other text at semicolons.
func appendList(dst []byte, s string) ([]byte, bool) {
	if s[0] == '[' {
		return appendJSON(dst, s)
	}
	start := len(dst)
	dst = append(dst, '[')
	for item := range strings.SplitSeq(s, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, item)
	}
	if len(dst) == start+1 {
		return dst[:start], true // counts as empty
	}
	return append(dst, ']'), true
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
