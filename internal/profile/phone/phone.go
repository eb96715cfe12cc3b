package phone

import "strings"

// Parser reads the phone numbers of one source. It is safe for concurrent use.
type Parser struct {
	region string // of numbers without a leading +; may be empty

	// plan is that of the region, for the fast path. It is a value, not a pointer:
	// it is read for every row, and on the heap it might share a cache line with
	// what another goroutine writes (false sharing).
	plan dialPlan
	fast bool // the fast path can follow the plan
}

// NewParser returns a parser that reads numbers without a leading + as dialled in
// a region: an ISO 3166-1 alpha-2 code in either case. If the region is empty or
// unknown, only numbers with + are accepted.
func NewParser(region string) Parser {
	p := Parser{region: strings.ToUpper(region)}
	if at, ok := planOf(p.region); ok {
		p.plan, p.fast = newDialPlan(at)
	}
	return p
}

// Append appends a phone number in E.164 form. It appends nothing, and is not
// Valid, for a number that does not exist by its dial plan, or whose country
// calling code may also be the beginning of a national number. An extension is left
// out, since E.164 has none.
func (p *Parser) Append(dst []byte, text string) ([]byte, Verdict) {
	if out, verdict := p.AppendPlain(dst, text); verdict != Unsure {
		return out, verdict
	}
	n, verdict := parse(text, p.region)
	if verdict != Valid {
		return dst, verdict
	}
	dst = append(dst, '+')
	dst = append(dst, n.code...)
	return append(dst, n.national...), Valid
}

// Known reports whether the dial plan of a region is known: an ISO 3166-1
// alpha-2 code in upper case.
func Known(region string) bool {
	_, ok := planOf(region)
	return ok
}

// Region is a region with a dial plan of its own.
type Region struct {
	Code string // the country calling code with its plus sign: "+1"
	Name string // ISO 3166-1 alpha-2 where there is one: "CA"; otherwise the calling code
}

// RegionOf returns the region of a number in E.164 form, false if it belongs to
// none. Regions that share a calling code are told apart by the number itself.
func RegionOf(number []byte) (Region, bool) {
	if len(number) == 0 || number[0] != '+' || !isNumeric(string(number[1:])) {
		return Region{}, false
	}
	if code, _ := cutCallingCode(number[1:]); code != nil && code.only != "" {
		return Region{"+" + code.digits, code.only}, true
	}
	code, national, ok := codeBehindPlus(0, false, number[1:])
	if !ok {
		return Region{}, false
	}
	start, _ := plansOf(code)
	n, ok := finish(start, national)
	if !ok {
		return Region{}, false
	}
	at, ok := n.plan()
	if !ok {
		return Region{}, false
	}
	region := Region{Code: "+" + n.code, Name: plans[at].region}
	if region.Name == noRegion {
		region.Name = region.Code
	}
	return region, true
}

// Verdict is what a parser finds a number to be.
type Verdict int

// The verdicts. Only AppendPlain is Unsure.
const (
	Unsure    Verdict = iota // the fast path declines the number
	Valid                    // the number exists and was appended
	Invalid                  // the number does not exist
	Ambiguous                // it exists with and without its first digits as the country calling code
)

// maxDigits limits the digits of a number for the fast path and the automata.
// E.164 allows 15, and no plan has more than 17.
const maxDigits = 20

// AppendPlain is the fast path of Append (BenchmarkPhone: 0.04 µs a number instead
// of 10 to 16), for digits with the usual punctuation, which nearly all numbers
// of a segment are. It comes to the same result, and is Unsure wherever the rules
// are more involved than "strip the prefix, match the digits".
func (p *Parser) AppendPlain(dst []byte, text string) ([]byte, Verdict) {
	var buf [maxDigits]byte
	digits, plus, ok := plainDigits(buf[:0], text)
	if !ok {
		return dst, Unsure
	}
	var code *callingCode
	var v Verdict
	if plus {
		code, digits = cutCallingCode(digits)
		if code == nil || !code.fast || code.prefix.matchPrefix(digits) {
			return dst, Unsure
		}
		v = code.judge(digits)
	} else {
		if !p.fast {
			return dst, Unsure
		}
		code = p.plan.code
		digits, v = p.plan.judge(digits)
	}
	if v == Valid {
		dst = append(dst, '+')
		dst = append(dst, code.digits...)
		dst = append(dst, digits...)
	}
	return dst, v
}

// plainDigits appends the digits of s to dst. It reports false for any text but
// digits with the usual punctuation, an optional + before them and an optional
// extension of the form x123 after them.
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
		case c == '.' && isNumeric(s[i-len(dst):i]) && isDecimals(strings.TrimRight(s[i+1:], " ")): // a number with decimals, not groups of digits
			return dst, plus, false
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')':
		case c == 'x' && i > 0 && isDigit(s[i-1]) && isNumeric(s[i+1:]) && len(s)-i <= 7:
			return dst, plus, len(dst) >= 6
		default:
			return dst, plus, false
		}
	}
	return dst, plus, len(dst) >= 6
}

// isDecimals reports whether what follows a point is decimals rather than digits of
// a phone number: few digits, or only zeros.
func isDecimals(s string) bool {
	return isNumeric(s) && (len(s) <= 2 || strings.Trim(s, "0") == "")
}

func isNumeric(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
