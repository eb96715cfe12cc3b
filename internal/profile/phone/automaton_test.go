package phone

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"testing"
)

// An automaton matches the digits that its expressions match, whatever their
// number.
func TestAutomatonAgreesWithRegexp(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	for i := range plans {
		region := plans[i].region + plans[i].code
		expressions := []string{`1(?:23|4[5-7]{2,4}|5)\d*`, plans[i].general.pattern} // like the leading digits of other regions
		for _, d := range plans[i].types {
			expressions = append(expressions, d.pattern)
		}
		m := newAutomaton(expressions)
		if m == nil {
			t.Errorf("%s: no automaton for %q", region, expressions)
			continue
		}
		if len(m.ends) < 3 { // none, and the dead state
			t.Errorf("%s: no state is settled", region)
		}
		matching := make([]*regexp.Regexp, len(expressions))
		for i, x := range expressions {
			matching[i] = regexp.MustCompile("^(?:" + x + ")$")
		}
		for range 200 {
			digits := exampleOf(r, expressions[1+r.IntN(len(expressions)-1)])
			digits = digits[:len(digits)-r.IntN(min(3, len(digits)))]
			for len(digits) < maxDigits && r.IntN(4) == 0 {
				digits = append(digits, byte('0'+r.IntN(10)))
			}
			got := m.match(digits)
			for i, x := range matching {
				if want := x.Match(digits); want != (got>>i&1 == 1) {
					t.Fatalf("%s: %s matches %s: %t, want %t", region, x, digits, !want, want)
				}
			}
		}
	}
}

// exampleOf returns digits that an expression matches.
func exampleOf(r *rand.Rand, expression string) []byte {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	var digits []byte
	for pc := uint32(program.Start); ; {
		i := &program.Inst[pc]
		switch i.Op {
		case syntax.InstMatch, syntax.InstFail:
			return digits
		case syntax.InstAlt, syntax.InstAltMatch:
			pc = []uint32{i.Out, i.Arg}[r.IntN(2)]
			continue
		case syntax.InstRune, syntax.InstRune1:
			for {
				if d := rune('0' + r.IntN(10)); i.MatchRune(d) {
					digits = append(digits, byte(d))
					break
				}
			}
		}
		pc = i.Out
	}
}
