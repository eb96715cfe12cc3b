package profile_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

func TestClearRemovesEmptyProperties(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "e", Attributes: map[string]string{"title": "t"}, Properties: map[string]profile.Property{
		`a "tier"`: {Column: "a", Clear: true},
		"kept":     {Column: "k"},
		"number":   {Column: "n", Type: profile.Number, Clear: true},
	}}
	columns := []string{"e", "t", "a", "k", "n"}
	const (
		begin = `{"type":"profile","attributes":{"email":"ada@example.com"`
		unset = `,"meta":{"patch_properties":{"unset":[`
	)
	for name, tc := range map[string]struct {
		row  []string
		want string
	}{
		"nothing is empty":   {[]string{email, "", "gold", "k", "1"}, begin + `,"properties":{"a \"tier\"":"gold","kept":"k","number":1}}}`},
		"one is empty":       {[]string{email, "", "", "k", "1"}, begin + `,"properties":{"kept":"k","number":1}}` + unset + `"a \"tier\""]}}}`},
		"white space":        {[]string{email, "", " \t", "k", " "}, begin + `,"properties":{"kept":"k"}}` + unset + `"a \"tier\"","number"]}}}`},
		"everything is":      {[]string{email, "", "", "", ""}, begin + `}` + unset + `"a \"tier\"","number"]}}}`},
		"after an attribute": {[]string{email, "Dr", "", "", "1"}, begin + `,"title":"Dr","properties":{"number":1}}` + unset + `"a \"tier\""]}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, info, rejection := encode(t, m, columns, tc.row)
			if rejection != nil || got != tc.want {
				t.Fatalf("got  %s (%v)\nwant %s", got, rejection, tc.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("%s is not JSON", got)
			}
			if info.Profile != profile.HashOf([]byte(got)) {
				t.Error("what is cleared is not part of the hash")
			}
		})
	}
}

// What databases write for no date, and a list without items, are empty values, too. A
// value that is wrong is not.
func TestClearTakesNothingInWordsForEmpty(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		property profile.Property
		values   map[string]bool // whether the property is cleared
	}{
		{profile.Property{Type: profile.Datetime}, map[string]bool{
			"0000-00-00": true, "0000-00-00 00:00:00": true, "infinity": true, "-infinity": true, "292278994-08-17T07:12:55.807Z": true, "1990-02-00": true,
			"1990-02-30": false, "soon": false, "2026-11-23": false,
		}},
		{profile.Property{}, map[string]bool{"0000-00-00": true, "-infinity": true, "infinity": false, "1990-02-30": false, "2026-11-23": false, "x": false}},
		{profile.Property{Type: profile.String}, map[string]bool{"0000-00-00": false, "infinity": false}},
		{profile.Property{Type: profile.List}, map[string]bool{";": true, "; ;": true, `"";`: true, ",": false, "[]": false, "a;": false, ";a": false}},
		{profile.Property{Type: profile.List, Separator: ","}, map[string]bool{",": true, ",,": true, ";": false, "a,b": false}},
		{profile.Property{Type: profile.Number}, map[string]bool{"much": false, "0": false}},
	} {
		tc.property.Column, tc.property.Clear = "a", true
		m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"tier": tc.property}}
		for text, want := range tc.values {
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			for cell, isJSON := range map[string]bool{text: false, string(quoted): true} {
				out, _, rejection := appendTo(t, nil, compile(t, m, []bool{false, isJSON}), []string{email, cell})
				if rejection != nil {
					t.Fatal(rejection)
				}
				if got := strings.Contains(string(out), `"unset":["tier"]`); got != want || got && strings.Contains(string(out), `"properties":`) {
					t.Errorf("%s as a %v: %s", cell, tc.property.Type, out)
				}
			}
		}
	}
}

// A null of a source with types is an empty value like any other.
func TestClearTakesNullForEmpty(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"tier": {Column: "a", Clear: true}}}
	got, _, rejection := appendTo(t, nil, compile(t, m, []bool{false, true}), []string{email, "null"})
	if rejection != nil || !strings.HasSuffix(string(got), `"unset":["tier"]}}}`) {
		t.Errorf("%s (%v)", got, rejection)
	}
}

// A property that is derived from the address is added before what is cleared.
func TestClearWithDerivedProperty(t *testing.T) {
	t.Parallel()
	for _, row := range [][]string{{email, "gold", ""}, {email, "", "x"}, {email, "", ""}} {
		encodeRow := func(derive bool) map[string]any {
			m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"tier": {Column: "a", Clear: true}, "zone": {Column: "z", Clear: true}}}
			e := compile(t, m, nil)
			if derive {
				e.Derive("segments", profile.Derived{Append: func(dst []byte, _ profile.Hash) []byte { return append(dst, `["vip"]`...) }, MaxBytes: 7})
			}
			out, _, rejection := appendTo(t, nil, e, row)
			var decoded map[string]any
			if err := json.Unmarshal(out, &decoded); err != nil || rejection != nil {
				t.Fatalf("%s: %v, %v", out, err, rejection)
			}
			return decoded
		}
		plain, derived := encodeRow(false), encodeRow(true)
		attributes, _ := derived["attributes"].(map[string]any)
		properties, _ := attributes["properties"].(map[string]any)
		if !reflect.DeepEqual(properties["segments"], []any{"vip"}) {
			t.Errorf("the derived property is missing: %v", derived)
		}
		if !reflect.DeepEqual(plain["meta"], derived["meta"]) {
			t.Errorf("meta is %v, with a derived property %v", plain["meta"], derived["meta"])
		}
	}
}

// What is cleared counts towards the size that Klaviyo allows.
func TestClearCountsTowardsTheSize(t *testing.T) {
	t.Parallel()
	m := profile.Mapping{Email: "e", Properties: map[string]profile.Property{"long": {Column: "l"}, "tier": {Column: "a", Clear: true}}}
	long := strings.Repeat("x", profile.MaxSize-len(`{"type":"profile","attributes":{"email":"ada@example.com","properties":{"long":""}}}`))
	if _, _, rejection := encode(t, m, []string{"e", "l", "a"}, []string{email, long[:len(long)-1], ""}); rejection == nil || rejection.Code != profile.ProfileTooLarge {
		t.Errorf("rejection %v", rejection)
	}
	if _, _, rejection := encode(t, m, []string{"e", "l", "a"}, []string{email, long[:len(long)-30], "gold"}); rejection != nil {
		t.Errorf("rejection %v", rejection)
	}
}
