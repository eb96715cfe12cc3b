package phone

import "bytes"

// callingCode is what the national numbers of a country calling code look like,
// for the fast path.
type callingCode struct {
	digits  string     // of the code itself
	plain   bool       // the fast path knows its numbers
	only    string     // the region, where the code belongs to just one
	regions []*numbers // the regions that are told apart by their numbers as a whole; the first knows the others
	prefix  *automaton // what may be a national prefix after the code
}

// judge tells whether a national number exists.
func (c *callingCode) judge(digits []byte) Verdict {
	for _, n := range c.regions {
		matched := n.machine.match(digits)
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

// cutCallingCode splits an international number; codes are such that none
// begins another. The code is nil if there is no such code.
func cutCallingCode(digits []byte) (*callingCode, []byte) {
	number := 0
	for i := range min(3, len(digits)) {
		number = 10*number + int(digits[i]-'0')
		if number == 0 {
			return nil, nil // no code begins with 0
		}
		if c := callingCodes[number].value.Load(); c != nil { // nearly always: it was met before
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
	c.plain = ok && c.regions != nil // without any, each number is one of a region that only its beginning tells
	return c
}

// dialling is how national numbers are dialled in a region, for the fast path.
type dialling struct {
	code     *callingCode
	own      numbers
	idd      *automaton // prefixes of international calls
	prefix   *automaton // prefixes of national calls, all of them
	national string     // the one that is just put in front; empty if there is none
}

// newDialling reports false where the fast path cannot be taken.
func newDialling(at int) (dialling, bool) {
	p := &plans[at]
	number := codeNumber(p.code)
	d := dialling{code: callingCodes[number].get(newCallingCode, number), own: *numbersOf(at)}
	if p.transform == "" && (p.prefix == p.national || len(p.prefix) > len(p.national) && p.prefix[:len(p.national)+1] == p.national+"|") {
		d.national = p.national
	}
	var idd, prefix bool
	d.idd, idd = prefixAutomaton(p.idd)
	d.prefix, prefix = prefixAutomaton(p.prefix)
	return d, d.code.plain && idd && prefix
}

// judge splits the national number off what is dialled and tells whether it
// exists.
func (d *dialling) judge(digits []byte) ([]byte, Verdict) {
	withCode := bytes.HasPrefix(digits, []byte(d.code.digits))
	switch {
	case d.idd.matchPrefix(digits):
		return nil, Unsure
	case !d.prefix.matchPrefix(digits):
		if withCode && !d.own.possible(digits) { // the code may be meant
			return nil, Unsure
		}
		return digits, d.code.judge(digits)
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

// prefixAutomaton compiles an expression for what stands in front of a number,
// nil for none. It reports false for an expression that also asks what follows.
func prefixAutomaton(expression string) (*automaton, bool) {
	if expression == "" {
		return nil, true
	}
	m := newAutomaton([]string{expression})
	return m, m != nil
}
