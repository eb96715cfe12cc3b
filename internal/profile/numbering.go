package profile

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// callingCode is what the national numbers of a country calling code look like.
type callingCode struct {
	digits  string        // of the code itself
	only    string        // the region, where the code belongs to just one
	regions []regionPlan  // the regions that are told apart by their numbers as a whole; the first knows the others
	prefix  *digitMachine // what the library takes for a national prefix after the code
}

// regionPlan is the numbering plan of a region.
type regionPlan struct {
	machine   *digitMachine              // bit 0: any number; other bits: numbers of one type
	lengths   [maxPhoneDigits + 1]uint16 // by the number of digits, the bits that may count
	elsewhere uint16                     // the bit of numbers that begin like those of another region with the same calling code
}

// judge tells whether a national number exists.
func (c *callingCode) judge(digits []byte) verdict {
	for i := range c.regions {
		r := &c.regions[i]
		matched := r.machine.match(digits)
		if matched&r.elsewhere != 0 {
			return numberUnsure
		}
		if matched &= r.lengths[len(digits)]; matched&1 != 0 && matched > 1 {
			return numberValid
		}
	}
	return numberInvalid
}

// possible reports whether the digits look like a number, of whatever type.
func (r *regionPlan) possible(digits []byte) bool { return r.machine.match(digits)&1 != 0 }

// dialling is how national numbers are dialled in a region.
type dialling struct {
	code     *callingCode
	own      regionPlan
	idd      *digitMachine // prefixes of international calls
	prefix   *digitMachine // prefixes of national calls, all of them
	national string        // the one that is just put in front; empty if there is none
}

// judge splits the national number off what is dialled and tells whether it
// exists.
func (d *dialling) judge(digits []byte) ([]byte, verdict) {
	withCode := bytes.HasPrefix(digits, []byte(d.code.digits))
	switch {
	case d.idd.matchPrefix(digits):
		return nil, numberUnsure
	case !d.prefix.matchPrefix(digits):
		if withCode && !d.own.possible(digits) { // the code may be meant
			return nil, numberUnsure
		}
		return digits, d.code.judge(digits)
	case d.national == "" || !bytes.HasPrefix(digits, []byte(d.national)) || d.own.possible(digits):
		return nil, numberUnsure
	}
	rest := digits[len(d.national):]
	if withCode && (d.national != d.code.digits || d.prefix.matchPrefix(rest) || d.code.prefix.matchPrefix(rest)) {
		return nil, numberUnsure
	}
	v := d.code.judge(rest)
	if v == numberValid && withCode && !d.own.possible(rest) || v == numberInvalid && d.code.judge(digits) != numberInvalid {
		return nil, numberUnsure
	}
	return rest, v
}

// The plans are made when they are first needed: of the world's 250 a segment
// needs a few. A nil pointer marks what cannot be done.
var (
	callingCodes [1000]func() *callingCode // by number; nil for no code
	diallings    sync.Map                  // region to *dialling
)

func init() {
	for number := range phonenumbers.GetSupportedCallingCodes() {
		callingCodes[number] = sync.OnceValue(func() *callingCode { return newCallingCode(number) })
	}
}

// cutCallingCode splits an international number; codes are such that none
// begins another. The code is nil if there is no such code.
func cutCallingCode(digits []byte) (*callingCode, []byte) {
	number := 0
	for i := range min(3, len(digits)) {
		number = 10*number + int(digits[i]-'0')
		if number == 0 {
			return nil, nil // no code begins with 0
		}
		if plan := callingCodes[number]; plan != nil {
			return plan(), digits[i+1:]
		}
	}
	return nil, nil
}

func dialledFrom(region string) *dialling {
	known, ok := diallings.Load(region)
	if !ok {
		known, _ = diallings.LoadOrStore(region, newDialling(region))
	}
	return known.(*dialling)
}

func newCallingCode(number int) *callingCode {
	main := metadataOf(phonenumbers.GetRegionCodeForCountryCode(number))
	if main == nil {
		return nil
	}
	c := &callingCode{digits: strconv.Itoa(number)}
	var ok bool
	if c.prefix, ok = prefixMachine(main.GetNationalPrefixForParsing()); !ok {
		return nil
	}
	var own []*phonenumbers.PhoneMetadata
	var leading []string
	regions := phonenumbers.GetRegionCodesForCountryCode(number)
	if len(regions) == 1 {
		c.only = regions[0]
	}
	for _, region := range regions {
		m := metadataOf(region)
		switch {
		case m == nil:
			return nil
		case m.GetLeadingDigits() == "":
			own = append(own, m)
		default:
			leading = append(leading, "(?:"+m.GetLeadingDigits()+")")
		}
	}
	if own == nil {
		return nil // there is no number that is of none of the others
	}
	for i, m := range own {
		others := ""
		if i == 0 {
			others = strings.Join(leading, "|")
		}
		plan, ok := newRegionPlan(m, others)
		if !ok {
			return nil
		}
		c.regions = append(c.regions, plan)
	}
	return c
}

func newDialling(region string) *dialling {
	m := metadataOf(region)
	if m == nil {
		return nil
	}
	d := &dialling{}
	if plan := callingCodes[m.GetCountryCode()]; plan != nil {
		d.code = plan()
	}
	if d.code == nil {
		return nil
	}
	parsing, national := m.GetNationalPrefixForParsing(), m.GetNationalPrefix()
	if m.GetNationalPrefixTransformRule() == "" && (parsing == national || strings.HasPrefix(parsing, national+"|")) {
		d.national = national
	}
	var own, idd, prefix bool
	d.own, own = newRegionPlan(m, "")
	d.idd, idd = prefixMachine(m.GetInternationalPrefix())
	d.prefix, prefix = prefixMachine(parsing)
	if !own || !idd || !prefix {
		return nil
	}
	return d
}

// newRegionPlan compiles the patterns of a region. others is what numbers of
// other regions begin with; empty if there are none.
func newRegionPlan(m *phonenumbers.PhoneMetadata, others string) (regionPlan, bool) {
	var plan regionPlan
	var expressions []string
	for _, desc := range []*phonenumbers.PhoneNumberDesc{
		m.GetGeneralDesc(), m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
		m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
	} {
		if desc.GetNationalNumberPattern() == "" {
			continue
		}
		bit := uint16(1) << len(expressions)
		expressions = append(expressions, desc.GetNationalNumberPattern())
		for length := range plan.lengths {
			if permits(desc, length) {
				plan.lengths[length] |= bit
			}
		}
	}
	if others != "" {
		plan.elsewhere = 1 << len(expressions)
		expressions = append(expressions, "(?:"+others+")[0-9]*")
	}
	var ok bool
	plan.machine, ok = newDigitMachine(expressions)
	return plan, ok
}

// permits reports whether numbers of a description may have so many digits.
// Without lengths of its own those of the general description count.
func permits(desc *phonenumbers.PhoneNumberDesc, length int) bool {
	for _, possible := range desc.GetPossibleLength() {
		if int(possible) == length {
			return true
		}
	}
	return len(desc.GetPossibleLength()) == 0
}

// prefixMachine compiles an expression for what stands in front of a number,
// nil for none.
func prefixMachine(expression string) (*digitMachine, bool) {
	if expression == "" {
		return nil, true
	}
	return newDigitMachine([]string{expression})
}

// metadataOf returns the library's metadata of a region, nil if it has none.
func metadataOf(region string) *phonenumbers.PhoneMetadata { return metadata()[region] }

var metadata = sync.OnceValue(func() map[string]*phonenumbers.PhoneMetadata {
	byRegion := map[string]*phonenumbers.PhoneMetadata{}
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return byRegion // the library itself could not have started
	}
	for _, m := range collection.GetMetadata() {
		if m.GetId() != "001" { // codes of no region
			byRegion[m.GetId()] = m
		}
	}
	return byRegion
})
