package simulator_test

import (
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// patched is an import of one profile with a meta object beside its attributes.
func patched(meta, attributes string) string {
	return strings.Replace(importBody([]string{attributes}), `"type":"profile",`, `"type":"profile","meta":`+meta+`,`, 1)
}

func TestPropertiesAreUnset(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	for _, step := range []struct {
		meta, attributes string
		want             map[string]any
	}{
		{`null`, `{"email":"a@x.com","first_name":"Ann","properties":{"a":1,"b":[2],"c":"3","d":{}}}`, map[string]any{"a": 1.0, "b": []any{2.0}, "c": "3", "d": map[string]any{}}},
		{`{"patch_properties":{"unset":"b"}}`, `{"email":"a@x.com"}`, map[string]any{"a": 1.0, "c": "3", "d": map[string]any{}}},
		{`{"patch_properties":{"unset":["b","never set","first_name"]}}`, `{"email":"a@x.com"}`, map[string]any{"a": 1.0, "c": "3", "d": map[string]any{}}},
		{`{"patch_properties":{"unset":["c","\u0064"],"append":null}}`, `{"email":"a@x.com","properties":{"e":5}}`, map[string]any{"a": 1.0, "e": 5.0}},
		{`{"patch_properties":{"unset":["a","e"]},"patch_identifiers":null}`, `{"email":"a@x.com"}`, map[string]any{}},
		{`{"patch_properties":{"unset":[]}}`, `{"email":"a@x.com"}`, map[string]any{}},
	} {
		call(t, s, "POST", jobsPath, patched(step.meta, step.attributes)).want(t, 202)
		got, _ := s.Profile("a@x.com")
		if !equal(got.Properties, step.want) || got.Attributes["first_name"] != "Ann" {
			t.Errorf("%s left %v and %v, want %v", step.meta, got.Properties, got.Attributes, step.want)
		}
	}
}

func TestPatchesRefused(t *testing.T) {
	t.Parallel()
	s := start(t, simulator.Options{})
	const row = "/data/attributes/profiles/data/0/meta"
	for meta, pointer := range map[string]string{
		`[]`:                                        "",
		`{"unset":"x"}`:                             "/unset",
		`{"patch_properties":"x"}`:                  "/patch_properties",
		`{"patch_properties":{"unset":1}}`:          "/patch_properties/unset",
		`{"patch_properties":{"unset":["x",1]}}`:    "/patch_properties/unset/1",
		`{"patch_properties":{"unset":{"x":1}}}`:    "/patch_properties/unset",
		`{"patch_properties":{"unset":"$consent"}}`: "/patch_properties/unset",
		`{"patch_properties":{"unset":["n","p"]}}`:  "/patch_properties/unset",
		`{"patch_properties":{"clear":"x"}}`:        "/patch_properties/clear",
		`{"patch_properties":{"unappend":{}}}`:      "/patch_properties/unappend",
		`{"patch_identifiers":{"append":{}}}`:       "/patch_identifiers",
	} {
		call(t, s, "POST", jobsPath, patched(meta, `{"email":"a@x.com","properties":{"p":1}}`)).refused(t, 400, "invalid", row+pointer)
	}
	if _, found := s.Profile("a@x.com"); found {
		t.Error("a refused import left a profile")
	}
}
