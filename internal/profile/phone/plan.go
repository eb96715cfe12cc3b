package phone

import (
	"regexp"
	"sync/atomic"
)

// plan is the dial plan of a region. The patterns are regular expressions.
type plan struct {
	region    string // ISO 3166-1 alpha-2, or noRegion
	code      string // country calling code, without the plus sign
	leading   string // the leading digits of its numbers, if they alone tell it from other regions with the same code
	idd       string // prefixes of international calls
	prefix    string // prefixes of national calls, all of them
	national  string // the usual one of them, as digits
	transform string // replaces a prefix with groups; if empty, the prefix is removed
	general   description
	types     []description
	mobile    bool // the last of the types is that of mobile phones, and of nothing else
}

// description describes a kind of national numbers.
type description struct {
	pattern string
	lengths uint32 // bit n: numbers may have n digits
}

// noRegion is the region of calling codes without one, such as +800.
const noRegion = "001"

// plansOf returns the range of a calling code's plans, end excluded. The plan of
// the main region comes first. Both are 0 if there is no such code.
func plansOf(code int) (start, end int) {
	if code >= len(firstPlans) || firstPlans[code] == 0 {
		return 0, 0
	}
	start = int(firstPlans[code]) - 1
	for end = start + 1; end < len(plans) && plans[end].code == plans[start].code; {
		end++
	}
	return start, end
}

// planOf returns the position of the plan of a region, false if it has none.
func planOf(region string) (int, bool) {
	if region == noRegion {
		return 0, false
	}
	for i := range plans {
		if plans[i].region == region {
			return i, true
		}
	}
	return 0, false
}

// numbers matches the national numbers of a region.
type numbers struct {
	automaton *automaton            // bit 0: any number; other bits: numbers of one type
	lengths   [maxDigits + 1]uint16 // by the number of digits: the bits of the types that have so long numbers
	mobile    uint16                // the bit of mobile numbers, 0 if the plan does not tell them from fixed lines
	elsewhere uint16                // the bit of numbers with the leading digits of another region that shares the calling code
}

// possible reports whether the digits look like a number, of whatever type.
func (n *numbers) possible(digits []byte) bool {
	return len(digits) <= maxDigits && n.automaton.match(digits)&1 != 0
}

// exist reports whether the digits are a number of one of the types.
func (n *numbers) exist(digits []byte) bool {
	return len(digits) <= maxDigits && counts(n.automaton.match(digits)&n.lengths[len(digits)])
}

// isMobile reports whether the digits are a mobile number and no fixed line.
func (n *numbers) isMobile(digits []byte) bool {
	matched := n.automaton.match(digits) & n.lengths[len(digits)]
	return matched&n.mobile != 0 && matched&^(n.mobile|1) == 0
}

// counts reports whether the general pattern and the pattern of a type match.
func counts(matched uint16) bool { return matched&1 != 0 && matched > 1 }

// The parts of a plan are compiled at their first use: a segment needs the plans
// of a few regions.
var (
	allNumbers  [len(plans)]lazy[numbers]
	allPrefixes [len(plans)]lazy[regexp.Regexp]
	allIDDs     [len(plans)]lazy[regexp.Regexp]
	allLeading  [len(plans)]lazy[regexp.Regexp]
)

func numbersOf(at int) *numbers { return allNumbers[at].get(newNumbers, at) }

// lazy is a value that is compiled at its first use. It is safe for concurrent
// use.
type lazy[T any] struct{ value atomic.Pointer[T] }

func (l *lazy[T]) get(compile func(at int) *T, at int) *T {
	if v := l.value.Load(); v != nil {
		return v
	}
	l.value.CompareAndSwap(nil, compile(at)) // two goroutines may compile it, and one result is kept
	return l.value.Load()
}

// newNumbers compiles the patterns of a region. A test compiles all regions.
func newNumbers(at int) *numbers {
	p := &plans[at]
	n := &numbers{}
	var expressions []string
	add := func(d description) {
		bit := uint16(1) << len(expressions)
		expressions = append(expressions, d.pattern)
		for length := range n.lengths {
			if d.lengths>>length&1 != 0 {
				n.lengths[length] |= bit
			}
		}
	}
	add(p.general)
	for _, d := range p.types {
		add(d)
	}
	if p.mobile {
		n.mobile = 1 << (len(expressions) - 1)
	}
	if others := leadingElsewhere(at); others != "" {
		n.elsewhere = 1 << len(expressions)
		expressions = append(expressions, "(?:"+others+")[0-9]*")
	}
	n.automaton = newAutomaton(expressions)
	return n
}

// leadingElsewhere returns the pattern of the leading digits of all other regions
// with the same calling code, for the first region without leading digits of its
// own. It is empty for any other region.
func leadingElsewhere(at int) string {
	start, end := plansOf(codeNumber(plans[at].code))
	others := ""
	for i := start; i < end; i++ {
		switch leading := plans[i].leading; {
		case leading == "" && i < at || i == at && leading != "":
			return ""
		case leading == "":
		case others == "":
			others = "(?:" + leading + ")"
		default:
			others += "|(?:" + leading + ")"
		}
	}
	return others
}

// codeNumber reads a calling code.
func codeNumber(code string) int {
	n := 0
	for i := range len(code) {
		n = 10*n + int(code[i]-'0')
	}
	return n
}

// Prefixes are matched as regular expressions, not by an automaton, where the end
// or the groups of the match matter.

func prefixOf(at int) *regexp.Regexp {
	return allPrefixes[at].get(func(at int) *regexp.Regexp { return atStart(plans[at].prefix) }, at)
}

func iddOf(at int) *regexp.Regexp {
	return allIDDs[at].get(func(at int) *regexp.Regexp { return atStart(plans[at].idd) }, at)
}

func leadingOf(at int) *regexp.Regexp {
	return allLeading[at].get(func(at int) *regexp.Regexp { return atStart(plans[at].leading) }, at)
}

func atStart(expression string) *regexp.Regexp { return regexp.MustCompile("^(?:" + expression + ")") }
