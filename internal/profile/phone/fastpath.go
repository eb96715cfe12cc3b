package phone

import "bytes"

// callingCode describes the national numbers of a country calling code, for the
// fast path.
type callingCode struct {
	digits  string     // of the code itself
	fast    bool       // the fast path takes its numbers
	only    string     // the region, if the code has only one
	regions []*numbers // regions whose numbers only whole patterns identify; the first also knows the leading digits of all others
	prefix  *automaton // what may be a national prefix after the code
}

// judge decides whether a national number exists.
func (c *callingCode) judge(digits []byte) Verdict {
	for _, n := range c.regions {
		matched := n.automaton.match(digits)
		if matched&n.elsewhere != 0 {
			return Unsure
		}
		if counts(matched & n.lengths[len(digits)]) {
			return Valid
		}
	}
	return Invalid
}

var callingCodes [len(firstPlans)]lazy[callingCode]

// cutCallingCode splits an international number. No calling code is a prefix of
// another. The code is nil if there is no such code.
func cutCallingCode(digits []byte) (*callingCode, []byte) {
	number := 0
	for i := range min(3, len(digits)) {
		number = 10*number + int(digits[i]-'0')
		if number == 0 {
			return nil, nil // no code begins with 0
		}
		if c := callingCodes[number].value.Load(); c != nil { // compiled before, as nearly always
			return c, digits[i+1:]
		}
	}
	if number, length := leadingCode(digits); number != 0 {
		return callingCodes[number].get(newCallingCode, number), digits[length:]
	}
	return nil, nil
}

// leadingCode returns the calling code that digits begin with and its length, 0
// if there is none.
func leadingCode(digits []byte) (number, length int) {
	for i := range min(3, len(digits)) {
		number = 10*number + int(digits[i]-'0')
		if number == 0 {
			return 0, 0 // no code begins with 0
		}
		if firstPlans[number] != 0 {
			return number, i + 1
		}
	}
	return 0, 0
}

func newCallingCode(number int) *callingCode {
	start, end := plansOf(number)
	c := &callingCode{digits: plans[start].code}
	if plans[start].region == noRegion {
		return c
	}
	if end == start+1 {
		c.only = plans[start].region
	}
	for at := start; at < end; at++ {
		if plans[at].leading == "" {
			c.regions = append(c.regions, numbersOf(at))
		}
	}
	var ok bool
	c.prefix, ok = prefixAutomaton(plans[start].prefix)
	c.fast = ok && c.regions != nil // otherwise leading digits alone identify each region
	return c
}

// dialPlan is a plan that is compiled for the fast path.
type dialPlan struct {
	code     *callingCode
	own      numbers
	idd      *automaton // prefixes of international calls
	prefix   *automaton // prefixes of national calls, all of them
	national string     // the prefix that simply precedes a number; empty if there is none
}

// newDialPlan reports false for a plan that the fast path cannot follow.
func newDialPlan(at int) (dialPlan, bool) {
	p := &plans[at]
	number := codeNumber(p.code)
	d := dialPlan{code: callingCodes[number].get(newCallingCode, number), own: *numbersOf(at)}
	if p.transform == "" && (p.prefix == p.national || len(p.prefix) > len(p.national) && p.prefix[:len(p.national)+1] == p.national+"|") {
		d.national = p.national
	}
	var idd, prefix bool
	d.idd, idd = prefixAutomaton(p.idd)
	d.prefix, prefix = prefixAutomaton(p.prefix)
	return d, d.code.fast && idd && prefix
}

// judge returns the national number in dialled digits and decides whether it
// exists.
func (d *dialPlan) judge(digits []byte) ([]byte, Verdict) {
	withCode := bytes.HasPrefix(digits, []byte(d.code.digits))
	switch {
	case d.idd.matchPrefix(digits):
		return nil, Unsure
	case !d.prefix.matchPrefix(digits):
		v := d.code.judge(digits)
		if withCode {
			return d.judgeCode(digits, v)
		}
		return digits, v
	case d.national == "" || !bytes.HasPrefix(digits, []byte(d.national)) || d.own.possible(digits):
		return nil, Unsure
	}
	rest := digits[len(d.national):]
	if withCode && (d.national != d.code.digits || d.prefix.matchPrefix(rest) || d.code.prefix.matchPrefix(rest)) {
		return nil, Unsure
	}
	v := d.code.judge(rest)
	if v == Valid && withCode && !d.own.possible(rest) || v == Invalid && d.code.judge(digits) != Invalid {
		return nil, Unsure
	}
	return rest, v
}

// judgeCode decides about dialled digits that begin with the calling code of the
// region, but with no prefix. v is the verdict on them as a national number.
func (d *dialPlan) judgeCode(digits []byte, v Verdict) ([]byte, Verdict) {
	rest := digits[len(d.code.digits):]
	prefixed := d.prefix.matchPrefix(rest) || d.code.prefix.matchPrefix(rest)
	if d.code.only == "" || len(rest) < minNational || prefixed {
		if d.own.possible(digits) && v != Unsure && !prefixed && d.code.judge(rest) == Invalid {
			return digits, v
		}
		return nil, Unsure
	}
	behind := d.code.judge(rest)
	switch {
	case behind != Valid || v == Unsure:
		return digits, v
	case v == Invalid:
		return rest, Valid
	case d.own.isMobile(rest) && !d.own.isMobile(digits):
		return rest, Valid
	default:
		return nil, Ambiguous
	}
}

// prefixAutomaton compiles the expression of a prefix, an empty one to nil. It
// reports false for an expression that depends on what follows the prefix.
func prefixAutomaton(expression string) (*automaton, bool) {
	if expression == "" {
		return nil, true
	}
	m := newAutomaton([]string{expression})
	return m, m != nil
}
