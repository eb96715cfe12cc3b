package profile_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func TestPhoneNumber(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ number, region, want string }{
		{"+34600111222", "", "+34600111222"},
		{"+34 600 11 12 22", "", "+34600111222"},
		{"+34600111222", "US", "+34600111222"},
		{"+44 (0)20 7946 0958", "", "+442079460958"},
		{"+39 06 698 12345", "", "+390669812345"}, // the zero is part of it
		{"+1 212-555-2368 ext. 5", "", "+12125552368"},
		{"+1 212 555 2368 x5", "", "+12125552368"},
		{"600111222", "", ""},
		{"600111222", "ES", "+34600111222"},
		{"600111222", "es", "+34600111222"},
		{"600111222", "US", ""},
		{"600111222", "XX", ""},
		{"(212) 555-2368", "US", "+12125552368"},
		{"0034 600 111 222", "ES", "+34600111222"},
		{"0034 600 111 222", "", ""},
		{"1-800-FLOWERS", "US", "+18003569377"},
		{"+999123456789", "", ""},
		{"+34 1", "", ""},
		{"+", "", ""},
		{"unknown", "ES", ""},
		{"6.00111222E+08", "", ""},
		{"\u0000", "ES", ""},
	} {
		m := profile.Mapping{Email: "e", PhoneNumber: "p", PhoneRegion: tc.region}
		out, info, rejection := encode(t, m, []string{"e", "p"}, []string{email, tc.number})
		if rejection != nil {
			t.Errorf("%q costs the profile its export: %v", tc.number, rejection)
			continue
		}
		got, _ := decode(t, out)["phone_number"].(string)
		if got != tc.want || (info.Notes != nil) != (tc.want == "") {
			t.Errorf("%q in %q is %q, noted %v; want %q", tc.number, tc.region, got, info.Notes, tc.want)
		}
	}
}

func TestValidRegion(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"ES": true, "US": true, "GB": true, "": false, "es": false, "XX": false, "ESP": false, "34": false} {
		if got := profile.ValidRegion(code); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

// A profile with a phone number, in the notations that a segment may have.
func BenchmarkPhoneNumber(b *testing.B) {
	for name, number := range map[string]string{"E.164": "+34600111222", "national": "(212) 555-2368", "other region": "+1 613 555 0123", "extension": "+1 212 555 2368 ext. 5"} {
		b.Run(name, func(b *testing.B) {
			e, err := profile.Compile(profile.Mapping{Email: "e", PhoneNumber: "p", PhoneRegion: "US"}, nil)
			if err != nil {
				b.Fatal(err)
			}
			row, buf, info := []string{email, number}, make([]byte, 0, 500), profile.Info{}
			for b.Loop() {
				e.Append(buf, row, &info)
			}
		})
	}
}
