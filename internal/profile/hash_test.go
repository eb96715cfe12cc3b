package profile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func fingerprint(texts ...string) string {
	var f profile.Fingerprint
	for _, text := range texts {
		f.Add(profile.HashOf([]byte(text)))
	}
	return f.String()
}

func TestFingerprintIsIndependentOfOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 200)
	for i := range texts {
		texts[i] = fmt.Sprintf("profile %d", i)
	}
	want := fingerprint(texts...)
	for range 20 {
		random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		if got := fingerprint(texts...); got != want {
			t.Fatalf("fingerprint %s, then %s", want, got)
		}
	}
}

func TestFingerprintTellsSetsApart(t *testing.T) {
	t.Parallel()
	seen := map[string][]string{}
	for _, set := range [][]string{
		nil, {""}, {"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a", "a"}, {"b", "b"}, {"a", "b", "b"}, {"a "}, {"A"}, {"a", ""}, {"a", "b", "c"},
	} {
		got := fingerprint(set...)
		if before, twice := seen[got]; twice {
			t.Errorf("%q and %q have the fingerprint %s", before, set, got)
		}
		seen[got] = set
		if len(got) != 32 {
			t.Errorf("fingerprint %q", got)
		}
	}
	if got := fingerprint(); got != "00000000000000000000000000000000" {
		t.Errorf("fingerprint of nothing %s", got)
	}
}

// A profile that is removed leaves no trace, in any order.
func TestFingerprintRemoves(t *testing.T) {
	t.Parallel()
	var f profile.Fingerprint
	for i := range 200 {
		f.Add(profile.HashOf(fmt.Appendf(nil, "profile %d", i)))
	}
	f.Add(profile.HashOf([]byte("a")))
	for i := range 200 {
		f.Remove(profile.HashOf(fmt.Appendf(nil, "profile %d", i)))
	}
	if got, want := f.String(), fingerprint("a"); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
	f = profile.Fingerprint{}
	f.Add(profile.Hash{Hi: 1})
	f.Remove(profile.Hash{Lo: 1})
	if got, want := f.String(), "0000000000000000ffffffffffffffff"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

func TestFingerprintCarries(t *testing.T) {
	t.Parallel()
	var f profile.Fingerprint
	f.Add(profile.Hash{Hi: 1, Lo: ^uint64(0)})
	f.Add(profile.Hash{Hi: ^uint64(0), Lo: 2})
	if got, want := f.String(), "00000000000000010000000000000001"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

// The fingerprint is kept in state: another hash would make every export due.
func TestHashIsStable(t *testing.T) {
	t.Parallel()
	if got, want := fingerprint("a"), "a96faf705af16834e6c632b61e964e1f"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

// All forms of an address have the hash of the profile with that address.
func TestHashOfAddressIsThatOfTheProfile(t *testing.T) {
	t.Parallel()
	e := compile(t, profile.Mapping{Email: "e"}, nil)
	for want, forms := range map[string][]string{
		"ada@example.com":           {"ada@example.com", "Ada@EXAMPLE.com", " ada@example.com\t", "\u00a0ada@example.com"},
		"ada@xn--bcher-kva.example": {"ada@bücher.example", "ADA@BÜCHER.example", "ada@xn--bcher-kva.example", "Ada@XN--Bcher-KVA.example", "ada@bücher。example"},
	} {
		for _, address := range forms {
			_, info, rejection := appendTo(t, nil, e, []string{address})
			if got := profile.HashOfAddress(address); rejection != nil || got != info.Email || got != profile.HashOf([]byte(want)) {
				t.Errorf("%q has the hash %v, its profile %v, %v", address, got, info.Email, rejection)
			}
		}
	}
}

// Klaviyo may have addresses that no profile of an export can have: each still
// has a hash of its own, whatever its case.
func TestHashOfAddressTakesAnyText(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                      "",
		" ":                     "",
		" Nobody ":              "nobody",
		"JOSÉ@example.com":      "josé@example.com",
		`"A B"@example.com`:     `"a b"@example.com`,
		"a@LOCALHOST":           "a@localhost",
		"a@b@bücher.example":    "a@b@bücher.example",
		"ada@-bücher.example":   "ada@-bücher.example",
		"x\xffY@bücher.example": "x\ufffdy@bücher.example",
	} {
		if got := profile.HashOfAddress(address); got != profile.HashOf([]byte(want)) {
			t.Errorf("%q does not have the hash of %q", address, want)
		}
	}
}

func TestProfileHashSeesEveryField(t *testing.T) {
	t.Parallel()
	m, columns := full()
	_, whole, rejection := encodeFull(t)
	if rejection != nil {
		t.Fatal(rejection)
	}
	for i := 1; i < len(columns); i++ {
		row := fullRow()
		row[i] = ""
		_, info, rejection := encode(t, m, columns, row)
		if rejection != nil || info.Profile == whole.Profile || info.Email != whole.Email {
			t.Errorf("without %s: %v %v", columns[i], info, rejection)
		}
	}
}
