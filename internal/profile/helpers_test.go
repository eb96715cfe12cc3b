package profile_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

const email = "ada@example.com"

// attributes is what a profile decodes to.
type attributes map[string]any

func (a attributes) group(name string) attributes {
	inner, _ := a[name].(map[string]any)
	return inner
}

// encode compiles a mapping for columns and encodes one row of them.
func encode(t *testing.T, m profile.Mapping, columns, row []string) (string, profile.Info, *profile.Rejection) {
	t.Helper()
	out, info, rejection := appendTo(t, nil, compile(t, m, nil), project(m, columns, row))
	return string(out), info, rejection
}

// appendTo is Append, whose results must not depend on the capacity of dst.
func appendTo(t testing.TB, dst []byte, e *profile.Encoder, cells []string) (out []byte, info profile.Info, rejection *profile.Rejection) {
	t.Helper()
	out, rejection = e.Append(slices.Clip(dst), cells, &info)
	var largeInfo profile.Info
	large, largeRejection := e.Append(append(make([]byte, 0, 1<<13), dst...), cells, &largeInfo)
	if !bytes.Equal(out, large) || rejection == nil && !reflect.DeepEqual(info, largeInfo) || !reflect.DeepEqual(rejection, largeRejection) {
		t.Errorf("without capacity %q, %v, %v; with capacity %q, %v, %v", out, info, rejection, large, largeInfo, largeRejection)
	}
	return out, info, rejection
}

// compile compiles a mapping.
func compile(t testing.TB, m profile.Mapping, json []bool) *profile.Encoder {
	t.Helper()
	encoder, err := profile.Compile(m, json)
	if err != nil {
		t.Fatal(err)
	}
	return encoder
}

// noted are the notes on a row, as "code of target".
func noted(info profile.Info) []string {
	var out []string
	for _, n := range info.Notes {
		out = append(out, string(n.Code)+" of "+n.Target.String())
	}
	return out
}

// project picks the mapped cells of a row.
func project(m profile.Mapping, columns, row []string) []string {
	var cells []string
	for _, name := range m.Columns() {
		cells = append(cells, row[slices.Index(columns, name)])
	}
	return cells
}

// decode reads a profile as Klaviyo would.
func decode(t *testing.T, resource string) attributes {
	t.Helper()
	var p struct {
		Type       string     `json:"type"`
		Attributes attributes `json:"attributes"`
	}
	if err := json.Unmarshal([]byte(resource), &p); err != nil {
		t.Fatalf("%q is not JSON: %v", resource, err)
	}
	if p.Type != "profile" {
		t.Fatalf("type %q in %s", p.Type, resource)
	}
	return p.Attributes
}

// property encodes a row whose only other value is a property of a type, and
// returns how the property was written: "" when it was left out.
func property(t *testing.T, kind profile.Type, text string) (string, *profile.Rejection) {
	t.Helper()
	m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"p": {Column: "p", Type: kind, OnInvalid: profile.Stop}}}
	out, _, rejection := encode(t, m, []string{"e", "p"}, []string{email, text})
	if rejection != nil {
		return "", rejection
	}
	decode(t, out)
	var p struct {
		Attributes struct{ Properties map[string]json.RawMessage }
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	return string(p.Attributes.Properties["p"]), nil
}

// value is the text of a property and the JSON that is expected.
type value struct{ text, want string }

// checkProperty checks that values are accepted and that other texts are refused.
func checkProperty(t *testing.T, kind profile.Type, accepted []value, refused []string) {
	t.Helper()
	for _, v := range accepted {
		got, rejection := property(t, kind, v.text)
		if rejection != nil || got != v.want {
			t.Errorf("%q is written %s (%v), want %s", v.text, got, rejection, v.want)
		}
	}
	for _, text := range refused {
		got, rejection := property(t, kind, text)
		want := profile.Rejection{
			Code: profile.PropertyType, Target: profile.Target{Group: profile.GroupProperties, Name: "p"}, Type: kind,
		}
		if rejection == nil || *rejection != want {
			t.Errorf("%q is written %s (%v), want %v", text, got, rejection, want)
		}
	}
}
