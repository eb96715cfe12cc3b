package profile_test

import (
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	domain := func(n int) string { // of n bytes
		d := ""
		for n-len(d) > 64 {
			d += x(50) + "."
		}
		return d + x(n-len(d)-3) + ".co"
	}
	for address, want := range map[string]string{
		"ada@example.com":          "ada@example.com",
		"  ada@example.com\t":      "ada@example.com",
		"\u00a0ada@example.com":    "ada@example.com",
		"ADA.Lovelace@EXAMPLE.Com": "ada.lovelace@example.com",
		"ada+news+2@example.com":   "ada+news+2@example.com",
		"o'neil@example.co.uk":     "o'neil@example.co.uk",
		"!#$%&'*+-/=?^_`{|}~@x.io": "!#$%&'*+-/=?^_`{|}~@x.io",
		"1@2.de":                   "1@2.de",
		"-a-@b-c.d-e.fr":           "-a-@b-c.d-e.fr",
		"a@xn--bcher-kva.example":  "a@xn--bcher-kva.example",
		"a@x.xn--p1ai":             "a@x.xn--p1ai",
		x(64) + "@example.com":     x(64) + "@example.com",
		"a@" + x(63) + ".com":      "a@" + x(63) + ".com",
		"a@" + domain(252):         "a@" + domain(252), // 254 bytes
		"a@" + domain(253):         "",
		x(65) + "@example.com":     "",
		"a@" + x(64) + ".com":      "",
		"":                         "",
		"ada":                      "",
		"@":                        "",
		"@example.com":             "",
		"ada@":                     "",
		"ada@example":              "",
		"ada@localhost":            "",
		"ada@@example.com":         "",
		"ada@b@example.com":        "",
		"ada.@example.com":         "",
		".ada@example.com":         "",
		"a..da@example.com":        "",
		"ada@example..com":         "",
		"ada@.example.com":         "",
		"ada@example.com.":         "",
		"ada@-example.com":         "",
		"ada@example-.com":         "",
		"ada@example.com-":         "",
		"ada@exam_ple.com":         "",
		"ada@example.c":            "",
		"ada@example.123":          "",
		"ada@192.0.2.1":            "",
		"ada@[192.0.2.1]":          "",
		"ada@[IPv6:2001:db8::1]":   "",
		`"ada"@example.com`:        "",
		`"a da"@example.com`:       "",
		"a da@example.com":         "",
		"ada@exa mple.com":         "",
		"ada @example.com":         "",
		"ada\t@example.com":        "",
		"ada@exämple.com":          "ada@xn--exmple-cua.com",
		"Ada@BÜCHER.example":       "ada@xn--bcher-kva.example",
		"ada@bu\u0308cher.example": "ada@xn--bcher-kva.example", // decomposed
		"ada@例え。テスト":               "ada@xn--r8jz45g.xn--zckzah",
		"ada@ü":                    "",
		"ada@-ü.example":           "",
		"ada@ü..example":           "",
		"ada@ü@example.com":        "",
		"ada@" + strings.Repeat("ü", 60) + ".com": "",
		"ada(work)@example.com":                   "",
		`ada\@example.com`:                        "",
		"a@" + strings.Repeat("b.", 200) + "com":  "",
	} {
		out, info, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{address})
		if want == "" {
			code := profile.InvalidEmail
			if strings.TrimSpace(address) == "" {
				code = profile.MissingEmail
			}
			target := profile.Target{Group: profile.GroupMatching, Name: "email"}
			if rejection == nil || rejection.Code != code || rejection.Target != target || out != "" {
				t.Errorf("%q is written %s (%v), want %s", address, out, rejection, code)
			}
			continue
		}
		if rejection != nil || out != `{"type":"profile","attributes":{"email":"`+want+`"}}` {
			t.Errorf("%q is written %s (%v)", address, out, rejection)
		}
		if info.Email != profile.HashOf([]byte(want)) {
			t.Errorf("%q does not have the hash of %q", address, want)
		}
	}
}

// A local part beyond ASCII has a reason of its own, since the address may be
// valid; a domain beyond ASCII is accepted.
func TestInternationalEmail(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]profile.Code{
		"adä@example.com":        profile.InternationalEmail,
		"用户@例子.公司":               profile.InternationalEmail,
		"\u212a@example.com":     profile.InternationalEmail, // the Kelvin sign, which lower-cases to a k
		"jose\u0301@example.com": profile.InternationalEmail,
		"ada\u00a0b@example.com": profile.InvalidEmail, // a space
		"“ada”@example.com":      profile.InvalidEmail,
		"ad\xe4@example.com":     profile.NotUTF8,
		"ada@ex\xe4mple.com":     profile.NotUTF8,
		"ada@ex\xffample.com":    profile.NotUTF8,
	} {
		out, _, rejection := encode(t, profile.Mapping{Email: "e"}, []string{"e"}, []string{address})
		if rejection == nil || rejection.Code != want || out != "" {
			t.Errorf("%q is written %s (%v), want %s", address, out, rejection, want)
		}
	}
}
