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
		"ada@example.com":                        "ada@example.com",
		"  ada@example.com\t":                    "ada@example.com",
		"\u00a0ada@example.com":                  "ada@example.com",
		"ADA.Lovelace@EXAMPLE.Com":               "ada.lovelace@example.com",
		"ada+news+2@example.com":                 "ada+news+2@example.com",
		"o'neil@example.co.uk":                   "o'neil@example.co.uk",
		"!#$%&'*+-/=?^_`{|}~@x.io":               "!#$%&'*+-/=?^_`{|}~@x.io",
		"1@2.de":                                 "1@2.de",
		"-a-@b-c.d-e.fr":                         "-a-@b-c.d-e.fr",
		"a@xn--bcher-kva.example":                "a@xn--bcher-kva.example",
		"a@x.xn--p1ai":                           "a@x.xn--p1ai",
		x(64) + "@example.com":                   x(64) + "@example.com",
		"a@" + x(63) + ".com":                    "a@" + x(63) + ".com",
		"a@" + domain(252):                       "a@" + domain(252), // 254 bytes
		"a@" + domain(253):                       "",
		x(65) + "@example.com":                   "",
		"a@" + x(64) + ".com":                    "",
		"":                                       "",
		"ada":                                    "",
		"@":                                      "",
		"@example.com":                           "",
		"ada@":                                   "",
		"ada@example":                            "",
		"ada@localhost":                          "",
		"ada@@example.com":                       "",
		"ada@b@example.com":                      "",
		"ada.@example.com":                       "",
		".ada@example.com":                       "",
		"a..da@example.com":                      "",
		"ada@example..com":                       "",
		"ada@.example.com":                       "",
		"ada@example.com.":                       "",
		"ada@-example.com":                       "",
		"ada@example-.com":                       "",
		"ada@exam_ple.com":                       "",
		"ada@example.c":                          "",
		"ada@example.123":                        "",
		"ada@192.0.2.1":                          "",
		"ada@[192.0.2.1]":                        "",
		"ada@[IPv6:2001:db8::1]":                 "",
		`"ada"@example.com`:                      "",
		`"a da"@example.com`:                     "",
		"a da@example.com":                       "",
		"ada@exa mple.com":                       "",
		"ada @example.com":                       "",
		"ada\t@example.com":                      "",
		"ada\x00@example.com":                    "",
		"ada\u200b@example.com":                  "",
		"adä@example.com":                        "",
		"ada@exämple.com":                        "",
		"\u212a@example.com":                     "", // the Kelvin sign, which lower-cases to a k
		"Ada <ada@example.com>":                  "",
		"<ada@example.com>":                      "",
		"ada(work)@example.com":                  "",
		"ada@example.com,b@x.com":                "",
		"ada@example.com;b@x.com":                "",
		"mailto:ada@example.com":                 "",
		`ada\@example.com`:                       "",
		"a@" + strings.Repeat("b.", 200) + "com": "",
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
