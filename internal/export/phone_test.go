package export_test

import (
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// What an error points at is what it is about, whatever its words begin with:
// without a phone number that is refused the profile is exported, and without
// anything else it is not.
func TestRunBelievesThePointerOfARefusal(t *testing.T) {
	t.Parallel()
	const phone = "+34600111222"
	row := []export.Row{{Segment: "s1", Number: 3}}
	for name, tc := range map[string]struct {
		refuse            func(*world)
		target            string
		refused, unwanted int64
	}{
		"at the phone number": {
			func(w *world) { w.RefusePhone(phone, "invalid", "Not in a region of this account.") }, "phone_number", 0, 1,
		},
		"at the phone number, without words": {
			func(w *world) { w.RefusePhone(phone, "invalid", "") }, "phone_number", 0, 1,
		},
		"at the address": {
			func(w *world) { w.RefuseEmail(address(2), "invalid", "Phone number of another person.") }, "email", 1, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			tc.refuse(w)
			source := people(10)
			source.rows[2][1] = phone
			r := w.run(t, w.export(source))
			if r.Exported != 10-tc.refused || r.Refused.Total != tc.refused || r.Unwanted.Total != tc.unwanted {
				t.Errorf("result %+v", r)
			}
			want := addresses(10)
			if tc.refused > 0 {
				want = slices.Delete(want, 2, 3)
			} else if p, _ := w.Profile(address(2)); p.PhoneNumber != "" {
				t.Errorf("profile %+v", p)
			}
			w.checkMembers(t, want)
			reasons := slices.Concat(r.Refused.Reasons(), r.Unwanted.Reasons())
			if len(reasons) != 1 || reasons[0].Target != (profile.Target{Group: "klaviyo", Name: tc.target}) || !slices.Equal(reasons[0].First, row) {
				t.Errorf("reasons %+v", reasons)
			}
		})
	}
}
