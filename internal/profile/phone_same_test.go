package profile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestPlainPhoneAgreesWithLibrary compares the shortcut with the library it is
// a shortcut for, over numbers that are valid, nearly valid, and random.
func TestPlainPhoneAgreesWithLibrary(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	regions := make([]string, 0, 300)
	for region := range phonenumbers.GetSupportedRegions() {
		regions = append(regions, region)
	}
	slices.Sort(regions)
	sure := 0
	const each = 120
	for _, region := range regions {
		phones := newPhoneReader(region)
		for range each {
			s := randomPhone(r, region)
			out, v := phones.appendPlain(nil, s)
			if v == numberUnsure {
				continue
			}
			sure++
			want := ""
			if n, err := phonenumbers.Parse(s, region); err == nil && phonenumbers.IsValidNumber(n) {
				want = fmt.Sprintf("%q", phonenumbers.Format(n, phonenumbers.E164))
			}
			if string(out) != want {
				t.Errorf("%q from %s: %s, the library says %q", s, region, out, want)
			}
		}
	}
	if total := each * len(regions); sure < total/4 {
		t.Errorf("sure of only %d numbers of %d", sure, total)
	}
}

// randomPhone makes a number of the region that may or may not exist, in one
// of the usual notations.
func randomPhone(r *rand.Rand, region string) string {
	types := []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.VOIP}
	example := phonenumbers.GetExampleNumberForType(region, types[r.IntN(len(types))])
	if example == nil {
		example = phonenumbers.GetExampleNumber(region)
	}
	digits := []byte(phonenumbers.GetNationalSignificantNumber(example))
	for range r.IntN(4) {
		digits[r.IntN(len(digits))] = byte('0' + r.IntN(10))
	}
	switch r.IntN(12) {
	case 0:
		digits = digits[:len(digits)-1]
	case 1:
		digits = append(digits, byte('0'+r.IntN(10)))
	}
	code := fmt.Sprint(phonenumbers.GetCountryCodeForRegion(region))
	national := phonenumbers.GetNddPrefixForRegion(region, true)
	s := string(digits)
	s = []string{s, national + s, "+" + code + s, code + s, "00" + code + s, "+" + code + " " + national + s}[r.IntN(6)]
	if at := r.IntN(len(s)-1) + 1; s[at-1] != '+' {
		s = s[:at] + []string{"-", " ", ".", ") ", ""}[r.IntN(5)] + s[at:]
	}
	return strings.Repeat("(", r.IntN(2)) + s + []string{"", "", "", "x12"}[r.IntN(4)]
}
