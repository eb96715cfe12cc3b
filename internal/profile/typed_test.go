package profile_test

import (
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// typedProperty writes a JSON text as a property of a type.
func typedProperty(t *testing.T, kind profile.Type, text string) (string, *profile.Rejection) {
	t.Helper()
	m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"p": {Column: "p", Type: kind, OnInvalid: profile.Stop}}}
	out, _, rejection := appendTo(t, nil, compile(t, m, []bool{false, true}), []string{email, text})
	if rejection != nil {
		return "", rejection
	}
	decode(t, string(out))
	const head, tail = `{"type":"profile","attributes":{"email":"ada@example.com","properties":{"p":`, `}}}`
	if len(out) < len(head)+len(tail) {
		return "", nil
	}
	return string(out[len(head) : len(out)-len(tail)]), nil
}

// JSON keeps its types unless the property has one; then it is read as text.
func TestAppendJSONColumn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind       profile.Type
		text, want string
	}{
		{profile.Untyped, `"x"`, `"x"`},
		{profile.Untyped, `" x\n"`, `"x"`},
		{profile.Untyped, `"say \"hi\" \u00e9"`, `"say \"hi\" é"`},
		{profile.Untyped, `"\ud800"`, `"�"`},
		{profile.Untyped, `12`, `12`},
		{profile.Untyped, `-0.50`, `-0.50`},
		{profile.Untyped, `true`, `true`},
		{profile.Untyped, `false`, `false`},
		{profile.Untyped, `0`, `0`},
		{profile.Untyped, `null`, ``},
		{profile.Untyped, ``, ``},
		{profile.Untyped, `""`, ``},
		{profile.Untyped, `" "`, ``},
		{profile.Untyped, `[1, "a", {"b": null}]`, `[1,"a",{"b":null}]`},
		{profile.Untyped, `{"a": [ ]}`, `{"a":[]}`},
		{profile.String, `12.50`, `"12.50"`},
		{profile.String, `true`, `"true"`},
		{profile.String, `"x"`, `"x"`},
		{profile.Number, `"007"`, `7`},
		{profile.Number, `1e3`, `1e3`},
		{profile.Boolean, `1`, `true`},
		{profile.Boolean, `false`, `false`},
		{profile.Datetime, `"2026-11-24"`, `"2026-11-24"`},
		{profile.List, `["a"]`, `["a"]`},
		{profile.List, `"a;b"`, `["a","b"]`},
		{profile.List, `12`, `["12"]`},
		{profile.JSON, `{"a": 1}`, `{"a":1}`},
		{profile.JSON, `"{\"a\": 1}"`, `{"a":1}`},
		// Half of a surrogate pair is no character, in a structure as in a text.
		{profile.Untyped, `["\ud800", "\ud83d\ude00"]`, `["\ufffd","\ud83d\ude00"]`},
		{profile.Untyped, `{"\udc00": {"b": "\ud83dx"}}`, `{"\ufffd":{"b":"\ufffdx"}}`},
		{profile.List, `["\ud800"]`, `["\ufffd"]`},
		{profile.JSON, `"[\"\ud800\"]"`, `["�"]`},
	} {
		if got, rejection := typedProperty(t, tc.kind, tc.text); rejection != nil || got != tc.want {
			t.Errorf("%s as %d is written %s (%v), want %s", tc.text, tc.kind, got, rejection, tc.want)
		}
	}
}

func TestAppendRefusesJSONOfAnotherType(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind profile.Type
		text string
		want string
	}{
		{profile.String, `["a"]`, `property "p" is not text`},
		{profile.String, `{}`, `property "p" is not text`},
		{profile.Number, `true`, `property "p" is not a number such as 12 or -3.50`},
		{profile.Number, `[1]`, `property "p" is not a number such as 12 or -3.50`},
		{profile.List, `{}`, `property "p" is not a list, which is a JSON array or values with a separator between them`},
		{profile.JSON, `"x"`, `property "p" is not a JSON value`},
		{profile.Untyped, `[1`, `property "p" is not a JSON value`},
		{profile.Untyped, `1e999`, `property "p" is not a JSON value`},
		{profile.Untyped, `"\x"`, `property "p" is not a JSON value`},
		{profile.Untyped, `"`, `property "p" is not a JSON value`},
		{profile.Untyped, `"x`, `property "p" is not a JSON value`},
	} {
		got, rejection := typedProperty(t, tc.kind, tc.text)
		if rejection == nil || rejection.Code != profile.PropertyType || rejection.Reason() != tc.want {
			t.Errorf("%s as %d is written %s (%v), want %q", tc.text, tc.kind, got, rejection, tc.want)
		}
	}
}

// encoding/json keeps bytes that are not UTF-8 or replaces them by U+FFFD; the
// encoder rejects the row, as it does for a text.
func TestAppendRefusesJSONThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	texts := []string{
		"\"Jos\xe9\"", "\"\\nJos\xe9\"", "\"\\u00e9\xe9\"",
		"[\"\xe9\"]", "[1, [\"\\n\xe9\"]]", "{\"a\": \"\xe9\"}", "{\"\xe9\": 1}", "{\"a\": \"\xed\xa0\x80\"}",
	}
	m, columns := full()
	m.Properties["p untyped"] = profile.Property{Column: "p untyped"}
	columns = append(columns, "p untyped")
	for i, column := range columns {
		typed := make([]bool, len(columns))
		row := append(fullRow(), "x")
		typed[slices.Index(m.Columns(), column)] = true
		for _, text := range texts {
			row[i] = text
			_, _, rejection := appendTo(t, nil, compile(t, m, typed), project(m, columns, row))
			if rejection == nil || rejection.Code != profile.NotUTF8 || rejection.Target.Name != column {
				t.Errorf("%s: %q: %+v", column, text, rejection)
			}
		}
	}
}

// Klaviyo's own attributes are texts, whatever the type in the source.
func TestAppendJSONColumnAsAttribute(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{
		Email: "e", PhoneNumber: "p", ExternalID: "i", Attributes: map[string]string{"title": "t"},
		Location: map[string]string{"latitude": "l", "zip": "z"},
	}
	encoder := compile(t, m, []bool{true, true, true, true, true, true})
	out, _, rejection := appendTo(t, nil, encoder, []string{`"Ada@Example.com"`, `"+34 600 111 222"`, `4711`, `"Dr"`, `41.5`, `8001`})
	want := `{"type":"profile","attributes":{"email":"ada@example.com","phone_number":"+34600111222","external_id":"4711","title":"Dr",` +
		`"location":{"latitude":41.5,"zip":"8001"}}}`
	if rejection != nil || string(out) != want {
		t.Errorf("got %s (%v), want %s", out, rejection, want)
	}
	row := []string{`["x"]`, ``, ``, ``, ``, ``}
	if _, _, rejection := appendTo(t, nil, encoder, row); rejection == nil || rejection.Code != profile.InvalidEmail {
		t.Errorf("a list of addresses: %v", rejection)
	}
	row[0] = `["ada@example.com", "bob@example.com"]`
	if _, _, rejection := appendTo(t, nil, encoder, row); rejection == nil || rejection.Code != profile.SeveralEmails {
		t.Errorf("a list of two addresses: %v", rejection)
	}
	row = []string{`"ada@example.com"`, `["x"]`, `{}`, `["x"]`, ``, `[1]`}
	out, info, rejection := appendTo(t, nil, encoder, row)
	notes := []string{"dropped of data_matching.phone_number", "dropped of data_matching.external_id", "dropped of attributes.title", "dropped of attributes.location.zip"}
	if rejection != nil || string(out) != `{"type":"profile","attributes":{"email":"ada@example.com"}}` || !slices.Equal(noted(info), notes) {
		t.Errorf("lists as texts: %s (%v), %q", out, rejection, noted(info))
	}
	if _, _, rejection := appendTo(t, nil, encoder, []string{`null`, ``, ``, ``, ``, ``}); rejection == nil || rejection.Code != profile.MissingEmail {
		t.Errorf("no address: %v", rejection)
	}
}
