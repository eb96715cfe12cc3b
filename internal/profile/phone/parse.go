package phone

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode"
)

// The limits of a national number's digits.
const (
	minNational = 2
	maxNational = 17
)

// number is an international number that may or may not exist.
type number struct {
	code     string
	national []byte
}

// plan returns the position of the plan of the number's region, false if it
// belongs to none.
func (n number) plan() (int, bool) {
	start, end := plansOf(codeNumber(n.code))
	if end == start+1 {
		return start, true
	}
	for at := start; at < end; at++ {
		if plans[at].leading != "" && leadingOf(at).Match(n.national) || plans[at].leading == "" && numbersOf(at).exist(n.national) {
			return at, true
		}
	}
	return 0, false
}

func (n number) exists() bool {
	at, ok := n.plan()
	return ok && numbersOf(at).exist(n.national)
}

// parse reads a number in any notation, by the rules of libphonenumber, except that
// it also finds a country calling code without a plus sign, and that it takes neither
// words nor a second number behind a whole number for digits of it. The verdict is
// Valid, Invalid or Ambiguous.
func parse(text, region string) (number, Verdict) {
	text, ok := extract(text)
	if !ok || hasSecond(text, region) {
		return number{}, Invalid
	}
	return parseWritten(text, region)
}

// hasSecond reports whether more digits follow a word or a slash behind a whole
// number: 030 12345 or 12346, 030 12345/46.
func hasSecond(text, region string) bool {
	inWord := false
	for at, c := range text {
		begins := isSlash(c) || isLetter(c) && !inWord
		inWord = isLetter(c)
		if !begins {
			continue
		}
		if !strings.ContainsFunc(text[at:], unicode.IsDigit) {
			return false
		}
		if _, verdict := parseWritten(text[:at], region); verdict != Invalid {
			return true
		}
	}
	return false
}

// parseWritten reads a number without an extension. Letters are digits of it only if
// there is no such number without them: a word behind a number says whose it is.
func parseWritten(text, region string) (number, Verdict) {
	written := strings.TrimLeft(text, plusSigns)
	plus := len(written) < len(text)
	digits, ok := digitsOf(written, false)
	if !ok {
		return number{}, Invalid
	}
	n, verdict := parseDigits(digits, plus, region)
	if verdict != Invalid || !spellsDigits(written) {
		return n, verdict
	}
	digits, _ = digitsOf(written, true)
	return parseDigits(digits, plus, region)
}

// parseDigits reads the digits of a number, before which a plus sign may stand.
func parseDigits(digits []byte, plus bool, region string) (number, Verdict) {
	var ok bool
	at, known := planOf(region)
	var code int
	var national []byte
	switch {
	case plus:
		code, national, ok = codeBehindPlus(at, known, digits)
	case known:
		code, national, ok = codeDialled(at, digits)
		if ok && code == 0 && bytes.HasPrefix(digits, []byte(plans[at].code)) {
			return parseWithCode(at, digits)
		}
	default:
		return number{}, Invalid
	}
	if !ok {
		return number{}, Invalid
	}
	if code != 0 {
		at, _ = plansOf(code) // that of the main region
	}
	return existing(finish(at, national))
}

// existing returns a number if it exists.
func existing(n number, ok bool) (number, Verdict) {
	if !ok || !n.exists() {
		return number{}, Invalid
	}
	return n, Valid
}

// parseWithCode reads digits that are possible as a national number, although they
// begin with the calling code of the region: in both ways. Whichever number exists is
// meant. Of two numbers the mobile one behind the code is, if the other one is not
// mobile: people write mobile numbers with their code, and a fixed line of an area
// that begins like the code rarely has exactly these digits.
func parseWithCode(at int, digits []byte) (number, Verdict) {
	dialled, dialledVerdict := existing(finish(at, digits))
	main, _ := plansOf(codeNumber(plans[at].code))
	coded, codedVerdict := existing(finish(main, digits[len(plans[at].code):]))
	switch {
	case codedVerdict != Valid:
		return dialled, dialledVerdict
	case dialledVerdict != Valid || bytes.Equal(dialled.national, coded.national):
		return coded, Valid
	case coded.isMobile() && !dialled.isMobile():
		return coded, Valid
	default:
		return number{}, Ambiguous
	}
}

// isMobile reports whether an existing number is one of a mobile phone and cannot be
// any other.
func (n number) isMobile() bool {
	at, ok := n.plan()
	return ok && numbersOf(at).isMobile(n.national)
}

// codeBehindPlus splits the calling code off a number with a plus sign. It
// reports false if there is none.
func codeBehindPlus(at int, known bool, digits []byte) (code int, rest []byte, ok bool) {
	if len(digits) <= minNational {
		return 0, nil, false
	}
	if code, length := leadingCode(digits); code != 0 {
		return code, digits[length:], true
	}
	if known { // the plus sign may be in front of a prefix: +00 34
		code, rest, ok = codeDialled(at, digits)
	}
	return code, rest, ok && code != 0
}

// finish removes a national prefix, unless the rest has an impossible length: the
// whole may be a short number.
func finish(at int, national []byte) (number, bool) {
	if len(national) < minNational {
		return number{}, false
	}
	p := &plans[at]
	if rest := withoutPrefix(at, national); p.takes(len(rest)) {
		national = rest
	}
	if len(national) < minNational || len(national) > maxNational {
		return number{}, false
	}
	return number{p.code, national}, true
}

// takes reports whether numbers of n digits exist in the region, or whether n is
// more than any of them has.
func (p *plan) takes(n int) bool {
	return p.tooLong(n) || p.general.lengths>>n&1 != 0
}

// tooLong reports whether a number has more digits than any of the region.
func (p *plan) tooLong(n int) bool {
	return n >= bits.Len32(p.general.lengths)
}

// codeDialled splits the calling code off digits that are dialled in a region
// without a plus sign: after a prefix of international calls, or where the digits
// are possible only as the region's own code and a number. Without a code, code
// is 0 and rest has all digits. It reports false for an international call to a
// code that does not exist.
func codeDialled(at int, digits []byte) (code int, rest []byte, ok bool) {
	if end := iddOf(at).FindIndex(digits); end != nil {
		if rest = digits[end[1]:]; len(rest) == 0 || rest[0] != '0' { // no code begins with 0
			if len(rest) <= minNational {
				return 0, nil, false
			}
			code, length := leadingCode(rest)
			return code, rest[length:], code != 0
		}
	}
	p := &plans[at]
	if rest, ok = bytes.CutPrefix(digits, []byte(p.code)); ok {
		rest = withoutPrefix(at, rest)
		n := numbersOf(at)
		if !n.possible(digits) && n.possible(rest) || p.tooLong(len(digits)) {
			return codeNumber(p.code), rest, true
		}
	}
	return 0, digits, true
}

// withoutPrefix removes a national prefix, or transforms it where the plan says
// so. A number that is possible only with the prefix keeps it.
func withoutPrefix(at int, digits []byte) []byte {
	p := &plans[at]
	if p.prefix == "" || len(digits) == 0 {
		return digits
	}
	expression := prefixOf(at)
	groups := expression.FindSubmatchIndex(digits)
	if groups == nil {
		return digits
	}
	rest := digits[groups[1]:]
	if p.transform != "" && groups[len(groups)-2] >= 0 {
		rest = append(expression.Expand(nil, []byte(p.transform), digits, groups), rest...)
	}
	if n := numbersOf(at); n.possible(digits) && !n.possible(rest) {
		return digits
	}
	return rest
}
