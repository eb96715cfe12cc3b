package profile_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Each identifier is found and taken out alone, and the encoder leaves it out before
// it hashes and measures a profile.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	mapping := profile.Mapping{Email: "e", PhoneNumber: "p", ExternalID: "x", Attributes: map[string]string{"first_name": "f"}}
	const number, id = "+34600111222", `a "quoted\" id`
	for _, phone := range []string{"", number} {
		for _, external := range []string{"", id} {
			row := []string{"ann@example.com", phone, external, "Ann"}
			plain := encodeWithout(t, mapping, nil, row)
			for i, value := range map[profile.Identifier]string{profile.IdentifierPhone: phone, profile.IdentifierExternalID: external} {
				found := i.Of(plain)
				if string(bytes.ReplaceAll(bytes.ReplaceAll(found, []byte(`\"`), []byte(`"`)), []byte(`\\`), []byte(`\`))) != value || (found == nil) != (value == "") {
					t.Errorf("%s of %s is %q", i.Target(), plain, found)
				}
				if got := profile.IdentifiersOf(plain)[i]; !bytes.Equal(got, found) || (got == nil) != (found == nil) {
					t.Errorf("%s of %s is %q among all, and %q alone", i.Target(), plain, got, found)
				}
				other := []string{row[0], row[1], row[2], row[3]}
				other[1+i] = ""
				want := encodeWithout(t, mapping, nil, other)
				if got := i.Without(bytes.Clone(plain)); !bytes.Equal(got, want) {
					t.Errorf("%s without %s is %s", plain, i.Target(), got)
				}
				if got := encodeWithout(t, mapping, &i, row); !bytes.Equal(got, want) {
					t.Errorf("%s is encoded without %s as %s", plain, i.Target(), got)
				}
			}
		}
	}
}

// encodeWithout encodes a row behind other bytes, without an identifier if one is given.
func encodeWithout(t *testing.T, m profile.Mapping, omitted *profile.Identifier, row []string) []byte {
	t.Helper()
	e, err := profile.Compile(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if omitted != nil {
		e.OmitIdentifiers(func(i profile.Identifier, value profile.Hash) bool {
			return i == *omitted && value != profile.HashOf(nil)
		})
	}
	var info profile.Info
	const before = "what was encoded before"
	out, rejection := e.Append([]byte(before), row, &info)
	if rejection != nil {
		t.Fatal(rejection.Reason())
	}
	out, found := bytes.CutPrefix(out, []byte(before))
	if !found || info.Profile != profile.HashOf(out) {
		t.Errorf("the hash is not that of %s", out)
	}
	for _, i := range profile.Identifiers {
		if want := omitted != nil && *omitted == i && row[1+i] != ""; info.Omitted[i] != want {
			t.Errorf("%s of %q left out: %t, want %t", i.Target(), row, info.Omitted[i], want)
		}
	}
	return out
}

// A profile that is too large only with the identifier that is left out is not too
// large.
func TestSizeWithoutIdentifier(t *testing.T) {
	t.Parallel()
	mapping := profile.Mapping{Email: "e", ExternalID: "x", Properties: map[string]profile.Property{"n": {Column: "n"}}}
	e, err := profile.Compile(mapping, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := []string{"ann@example.com", strings.Repeat("7", 200), strings.Repeat("x", profile.MaxSize-150)}
	var info profile.Info
	if _, rejection := e.Append(nil, row, &info); rejection == nil || rejection.Code != profile.ProfileTooLarge {
		t.Fatalf("with the id: %v", rejection)
	}
	e.OmitIdentifiers(func(profile.Identifier, profile.Hash) bool { return true })
	if _, rejection := e.Append(nil, row, &info); rejection != nil {
		t.Errorf("without the id: %s", rejection.Reason())
	}
}

// An address with a host name beyond ASCII has two spellings, however the segment
// writes it; any other has one.
func TestSpellings(t *testing.T) {
	t.Parallel()
	mapping := profile.Mapping{Email: "e", Attributes: map[string]string{"first_name": "f"}}
	const ascii, unicode = "ann@xn--bcher-kva.example", "ann@bücher.example"
	for address, want := range map[string][]string{
		"Ann@Example.com": {"ann@example.com"}, ascii: {ascii, unicode}, unicode: {ascii, unicode},
		"a'&{b}@example.com": {"a'&{b}@example.com"}, "ann@axn--b.example": {"ann@axn--b.example"},
	} {
		if got := profile.Spellings(encodeWithout(t, mapping, nil, []string{address, "Ann"})); !slices.Equal(got, want) {
			t.Errorf("%s is spelled %q, want %q", address, got, want)
		}
	}
	if got := profile.Spellings([]byte(`{"type":"profile"}`)); got != nil {
		t.Errorf("what is no profile is spelled %q", got)
	}
}

// The address of an encoded profile is read back.
func TestAddressOf(t *testing.T) {
	t.Parallel()
	mapping := profile.Mapping{Email: "e", PhoneNumber: "p"}
	for given, want := range map[string]string{"Ann+1@Example.com": "ann+1@example.com", "info@bücher.example": "info@xn--bcher-kva.example", "o'neil@example.com": "o'neil@example.com"} {
		if got := profile.AddressOf(encodeWithout(t, mapping, nil, []string{given, "+34600111222"})); got != want {
			t.Errorf("%q is %q", given, got)
		}
	}
	if got := profile.AddressOf([]byte(`{"type":"profile"}`)); got != "" {
		t.Errorf("no profile has %q", got)
	}
}
