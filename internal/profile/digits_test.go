package profile

import (
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

// TestMachineAgreesWithRegexp compares machines with the expressions that they
// are made from, one by one, for digits of any length.
func TestMachineAgreesWithRegexp(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	for _, region := range slices.Sorted(maps.Keys(metadata())) {
		m := metadataOf(region)
		expressions := []string{`1(?:23|4[5-7]{2,4}|5)\d*`} // like what numbers of other regions begin with
		for _, d := range []string{
			m.GetGeneralDesc().GetNationalNumberPattern(), m.GetFixedLine().GetNationalNumberPattern(), m.GetMobile().GetNationalNumberPattern(),
			m.GetTollFree().GetNationalNumberPattern(), m.GetPremiumRate().GetNationalNumberPattern(),
		} {
			if d != "" {
				expressions = append(expressions, d)
			}
		}
		machine, ok := newDigitMachine(expressions)
		if !ok {
			t.Errorf("%s: no machine for %q", region, expressions)
			continue
		}
		if len(machine.ends) < 3 { // that of no state, and of the dead one
			t.Errorf("%s: no digit is spared", region)
		}
		matching := make([]*regexp.Regexp, len(expressions))
		for i, x := range expressions {
			matching[i] = regexp.MustCompile("^(?:" + x + ")$")
		}
		example := []byte(m.GetMobile().GetExampleNumber())
		for range 200 {
			digits := append([]byte("1"), example...)[r.IntN(2):]
			digits = digits[:r.IntN(len(digits)+1)]
			for len(digits) < maxPhoneDigits && r.IntN(4) > 0 {
				digits = append(digits, byte('0'+r.IntN(10)))
			}
			got := machine.match(digits)
			for i, x := range matching {
				if want := x.Match(digits); want != (got>>i&1 == 1) {
					t.Fatalf("%s: that %s matches %s is said to be %t", region, x, digits, !want)
				}
			}
		}
	}
}
