package profile

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phoneReader reads the phone numbers of one source.
type phoneReader struct {
	region string // of numbers without a leading +; may be empty

	// from is how numbers are dialled there, zero where only the library knows.
	// It is here, not pointed to, since it is read for every row: next to what
	// another goroutine writes, each of its reads would have to wait.
	from dialling
}

func newPhoneReader(region string) phoneReader {
	r := phoneReader{region: strings.ToUpper(region)}
	if from := dialledFrom(r.region); from != nil {
		r.from = *from
	}
	return r
}

// append appends a phone number in E.164 form as a JSON string. It reports
// false, having appended nothing, for a number that does not exist in its
// numbering plan. An extension is not part of E.164 and left out. Without a
// region only numbers with + are taken.
func (r *phoneReader) append(dst []byte, s string) ([]byte, bool) {
	out, verdict := r.appendPlain(dst, s)
	switch verdict {
	case numberValid:
		return out, true
	case numberInvalid:
		return dst, false
	}
	number, err := phonenumbers.Parse(s, r.region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return dst, false
	}
	return appendString(dst, phonenumbers.Format(number, phonenumbers.E164)), true
}

// ValidRegion reports whether code is a region whose phone numbers are known:
// an ISO 3166-1 alpha-2 code in upper case.
func ValidRegion(code string) bool {
	return phonenumbers.GetCountryCodeForRegion(code) != 0
}

// verdict is what is known of a number without asking the library.
type verdict int

const (
	numberUnsure verdict = iota
	numberValid
	numberInvalid
)

// The most digits of a number that are looked at here; E.164 allows 15.
const maxPhoneDigits = 20

// appendPlain does what append does for the numbers that make up nearly all of
// a segment: digits with the usual punctuation. It comes to the same result as
// the library, from the same metadata, in a hundredth of the time, and is
// unsure wherever the library's rules are more involved than "strip the
// prefix, look at the digits".
func (r *phoneReader) appendPlain(dst []byte, s string) ([]byte, verdict) {
	var buf [maxPhoneDigits]byte
	digits, plus, ok := plainDigits(buf[:0], s)
	if !ok {
		return dst, numberUnsure
	}
	var code *callingCode
	var v verdict
	if plus {
		code, digits = cutCallingCode(digits)
		if code == nil || code.prefix.matchPrefix(digits) {
			return dst, numberUnsure
		}
		v = code.judge(digits)
	} else {
		if code = r.from.code; code == nil {
			return dst, numberUnsure
		}
		digits, v = r.from.judge(digits)
	}
	if v == numberValid {
		dst = append(dst, '"', '+')
		dst = append(dst, code.digits...)
		dst = append(dst, digits...)
		dst = append(dst, '"')
	}
	return dst, v
}

// plainDigits appends the digits of s to dst. It reports false for anything
// but digits with usual punctuation, an optional + in front and an optional
// extension of the form x123 behind.
func plainDigits(dst []byte, s string) (digits []byte, plus, ok bool) {
	if plus = s != "" && s[0] == '+'; plus {
		s = s[1:]
	}
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			if len(dst) == cap(dst) {
				return dst, plus, false
			}
			dst = append(dst, c)
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')':
		case c == 'x' && i > 0 && isDigit(s[i-1]) && isNumeric(s[i+1:]) && len(s)-i <= 7:
			return dst, plus, len(dst) >= 6
		default:
			return dst, plus, false
		}
	}
	return dst, plus, len(dst) >= 6
}

func isNumeric(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
