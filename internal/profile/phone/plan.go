package phone

import (
	"regexp"
	"sync/atomic"
)

// plan is the dial plan of a region. The patterns are regular expressions.
type plan struct {
	region    string // ISO 3166-1 alpha-2, or noRegion
	code      string // country calling code, without the plus sign
	leading   string // what the region's numbers begin with, where that alone tells it from others with the same code
	idd       string // prefixes of international calls
	prefix    string // prefixes of national calls, all of them
	national  string // the usual one of them, digits
	transform string // what replaces a prefix with groups; empty: it is removed
	general   description
	types     []description
}

// description is what a kind of national numbers looks like.
type description struct {
	pattern string
	lengths uint32 // bit n: numbers may have n digits
}

// noRegion is the region of codes that belong to none, such as +800.
const noRegion = "001"

// plansOf returns the positions of the plans of a calling code, end excluded.
// That of its main region comes first. Both are 0 if there is no such code.
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
	machine   *automaton            // bit 0: any number; other bits: numbers of one type
	lengths   [maxDigits + 1]uint16 // by the number of digits, the bits that may count
	elsewhere uint16                // the bit of numbers that begin like those of another region with the same calling code
}

// possible reports whether the digits look like a number, of whatever type.
func (n *numbers) possible(digits []byte) bool {
	return len(digits) <= maxDigits && n.machine.match(digits)&1 != 0
}

// exist reports whether the digits are a number of one of the types.
func (n *numbers) exist(digits []byte) bool {
	return len(digits) <= maxDigits && counts(n.machine.match(digits)&n.lengths[len(digits)])
}

// counts reports whether the general pattern and that of a type are matched.
func counts(matched uint16) bool { return matched&1 != 0 && matched > 1 }

// The plans are compiled piece by piece when they are first needed: of the
// world's regions a segment needs a few.
var (
	allNumbers  [len(plans)]lazy[numbers]
	allPrefixes [len(plans)]lazy[regexp.Regexp]
	allIDDs     [len(plans)]lazy[regexp.Regexp]
	allLeading  [len(plans)]lazy[regexp.Regexp]
)

func numbersOf(at int) *numbers { return allNumbers[at].get(newNumbers, at) }

// lazy is a value that its first use makes. It is safe for concurrent use.
type lazy[T any] struct{ value atomic.Pointer[T] }

func (l *lazy[T]) get(compile func(at int) *T, at int) *T {
	if v := l.value.Load(); v != nil {
		return v
	}
	l.value.CompareAndSwap(nil, compile(at)) // compiled twice at worst; one stays
	return l.value.Load()
}

// newNumbers compiles the patterns of a region. A test compiles those of all.
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
	if others := leadingElsewhere(at); others != "" {
		n.elsewhere = 1 << len(expressions)
		expressions = append(expressions, "(?:"+others+")[0-9]*")
	}
	n.machine = newAutomaton(expressions)
	return n
}

// leadingElsewhere is what the numbers of the other regions with the same
// calling code begin with, for the first region that is not told by that
// itself; empty for any other.
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

// The expressions of prefixes are matched as such only where an automaton does
// not do: when it matters where a match ends or what its groups are.

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
