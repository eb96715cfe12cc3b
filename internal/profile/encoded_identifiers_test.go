package profile_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Each identifier is found, and the encoder leaves out one or all of them before it
// hashes and measures a profile.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	const number, id = "+34600111222", `a "quoted\" id`
	values := [...]string{profile.IdentifierPhone: number, profile.IdentifierExternalID: id}
	for given := range 1 << len(values) { // a bit for each identifier
		for omitted := range 1 << len(values) {
			row, want := []string{"ann@example.com", "", "", "Ann"}, []string{"ann@example.com", "", "", "Ann"}
			for i, value := range values {
				if given&(1<<i) != 0 {
					row[1+i] = value
				}
				if given&^omitted&(1<<i) != 0 {
					want[1+i] = value
				}
			}
			got, info := encodeWithout(t, omitted, row)
			if plain, _ := encodeWithout(t, 0, want); !bytes.Equal(got, plain) {
				t.Errorf("%q without %b is %s, want %s", row, omitted, got, plain)
			}
			for _, i := range profile.Identifiers {
				found := i.Of(got, &info)
				if unescaped(found) != want[1+i] || (found == nil) != (want[1+i] == "") {
					t.Errorf("%s of %s is %q", i.Target(), got, found)
				}
				if left := given&omitted&(1<<i) != 0; info.Omitted[i] != left {
					t.Errorf("%s of %q left out: %t, want %t", i.Target(), row, info.Omitted[i], left)
				}
			}
		}
	}
}

func unescaped(text []byte) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(string(text))
}

// encodeWithout encodes a row behind other bytes, without the identifiers whose bits are set.
func encodeWithout(t *testing.T, omitted int, row []string) ([]byte, profile.Info) {
	t.Helper()
	e, err := profile.Compile(profile.Mapping{Email: "e", PhoneNumber: "p", ExternalID: "x", Attributes: map[string]string{"first_name": "f"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if omitted != 0 {
		e.OmitIdentifiers(func(i profile.Identifier, value profile.Hash) bool {
			return omitted&(1<<i) != 0 && value != profile.HashOf(nil)
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
	return out, info
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
	const ascii, unicode = "ann@xn--bcher-kva.example", "ann@bücher.example"
	for address, want := range map[string][]string{
		"Ann@Example.com": {"ann@example.com"}, ascii: {ascii, unicode}, unicode: {ascii, unicode},
		"a'&{b}@example.com": {"a'&{b}@example.com"}, "ann@axn--b.example": {"ann@axn--b.example"},
	} {
		encoded, _ := encodeWithout(t, 0, []string{address, "", "", "Ann"})
		if got := profile.Spellings(encoded); !slices.Equal(got, want) {
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
	for given, want := range map[string]string{"Ann+1@Example.com": "ann+1@example.com", "info@bücher.example": "info@xn--bcher-kva.example", "o'neil@example.com": "o'neil@example.com"} {
		encoded, _ := encodeWithout(t, 0, []string{given, "+34600111222", "", ""})
		if got := profile.AddressOf(encoded); got != want {
			t.Errorf("%q is %q", given, got)
		}
	}
	if got := profile.AddressOf([]byte(`{"type":"profile"}`)); got != "" {
		t.Errorf("no profile has %q", got)
	}
}
