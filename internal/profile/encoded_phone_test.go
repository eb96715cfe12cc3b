package profile_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// The number of an encoded profile is found whatever surrounds it, and nothing
// else is mistaken for it.
func TestPhoneNumberOfAnEncodedProfile(t *testing.T) {
	t.Parallel()
	mapping := profile.Mapping{
		Email: "email", PhoneNumber: "phone", ExternalID: "id",
		Attributes: map[string]string{"city": "text"},
		Properties: map[string]profile.Property{"phone_number": {Column: "text"}, "doc": {Column: "doc", Type: profile.JSON}},
	}
	encoder, err := profile.Compile(mapping, nil)
	if err != nil {
		t.Fatal(err)
	}
	const trap = `{"a":",\"phone_number\":\"+34600111333\"","phone_number":"+34600111333"}`
	for _, row := range [][]string{ // in the order of the mapping's columns
		{"a@example.com", "+34 600 111 222", "", "", ""},
		{`"o\"dd,phone"@example.com`, "+34600111222", "", "", ""},
		{"o'dd+phone_number@example.com", "+34600111222", "1", "+34600111333", trap},
		{"a@example.com", "", "1", "+34600111333", trap},
		{"a@example.com", "nonsense", `","phone_number":"+34600111333"`, "+34600111333", trap},
	} {
		var info profile.Info
		resource, rejection := encoder.Append(nil, row, &info)
		if rejection != nil {
			continue // such an address is not exported
		}
		var want string
		if row[1] != "" && row[1] != "nonsense" {
			want = "+34600111222"
		}
		if got := string(profile.PhoneNumber(resource)); got != want {
			t.Errorf("%s has the number %q, want %q", resource, got, want)
		}
		checkWithoutPhone(t, encoder, row, resource)
	}
}

// checkWithoutPhone compares a profile without its number with the profile of a
// row that has no number.
func checkWithoutPhone(t *testing.T, encoder *profile.Encoder, row []string, resource []byte) {
	t.Helper()
	var info profile.Info
	before := bytes.Clone(resource)
	without := profile.WithoutPhoneNumber(resource)
	want, _ := encoder.Append(nil, append([]string{row[0], ""}, row[2:]...), &info)
	if had := profile.PhoneNumber(resource) != nil; !had {
		want = nil
	}
	if !bytes.Equal(without, want) || !bytes.Equal(resource, before) {
		t.Errorf("%s becomes %s, want %s", before, without, want)
	}
	identified := profile.WithoutIdentifiers(resource)
	want, _ = encoder.Append(nil, append([]string{row[0], "", ""}, row[3:]...), &info)
	if bytes.Equal(want, resource) {
		want = nil
	}
	if !bytes.Equal(identified, want) {
		t.Errorf("%s without identifiers is %s, want %s", before, identified, want)
	}
	if without != nil && (!json.Valid(without) || profile.PhoneNumber(without) != nil) {
		t.Errorf("%s has a number, or is not JSON", without)
	}
}

func TestPhoneNumberOfAnythingElse(t *testing.T) {
	t.Parallel()
	whole := []byte(`{"type":"profile","attributes":{"email":"a@b.co","phone_number":"+34600111222"}}`)
	for n := range len(whole) - len(`"}}`) {
		if number := profile.PhoneNumber(whole[:n]); number != nil {
			t.Errorf("%s has the number %s", whole[:n], number)
		}
	}
	const quoted = `{"type":"profile","attributes":{"email":"\"a\\b\"@b.co","phone_number":"+34600111222"}}`
	if number := profile.PhoneNumber([]byte(quoted)); string(number) != "+34600111222" {
		t.Errorf("%s has the number %q", quoted, number)
	}
	for _, text := range []string{
		`{"type":"profile","attributes":{"email":"a\",\"phone_number\":\"+34600111222"}}`,
		`{"type":"profile","attributes":{"email":"a\`,
		`{"type":"profile","attributes":{"phone_number":"+34600111222"}}`,
		`[]`,
	} {
		if number := profile.PhoneNumber([]byte(text)); number != nil || profile.WithoutPhoneNumber([]byte(text)) != nil {
			t.Errorf("%s has the number %s", text, number)
		}
	}
}

func TestPhoneRegionOf(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]profile.PhoneRegion{
		"+34600111222":  {Code: "+34", Name: "ES"},
		"+33612345678":  {Code: "+33", Name: "FR"},
		"+12125550123":  {Code: "+1", Name: "US"},
		"+16135550123":  {Code: "+1", Name: "CA"},
		"+18765550123":  {Code: "+1", Name: "JM"},
		"+447400123456": {Code: "+44", Name: "GB"},
		"+447781123456": {Code: "+44", Name: "GG"},
		"+79123456789":  {Code: "+7", Name: "RU"},
		"+77710009998":  {Code: "+7", Name: "KZ"},
		"+80012345678":  {Code: "+800", Name: "+800"},
		"+999123456789": {}, "+0123456": {}, "+": {}, "": {}, "34600111222": {}, "+34x": {}, "+1": {},
	} {
		got, ok := profile.PhoneRegionOf([]byte(number))
		if got != want || ok != (want != profile.PhoneRegion{}) {
			t.Errorf("%q is of %+v, %t, want %+v", number, got, ok, want)
		}
	}
}

func BenchmarkPhoneRegionOf(b *testing.B) {
	for name, number := range map[string]string{"one region": "+34600111222", "first of several": "+12125550123", "late of several": "+16135550123", "GB": "+447400123456"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				profile.PhoneRegionOf([]byte(number))
			}
		})
	}
}
