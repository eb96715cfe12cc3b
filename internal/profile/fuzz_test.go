package profile_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// FuzzAppend holds the encoder to its contract for arbitrary cells: a
// rejection and the buffer as it was, or JSON that reads as the cells do.
func FuzzAppend(f *testing.F) {
	for _, text := range strange {
		f.Add(email, "+34600111222", text, text, text)
	}
	row := fullRow()
	f.Add(row[0], row[1], "12.50", "2026-11-23", `{"k":[1,null]}`)
	f.Add(email, "600111222", "007", "yes", "null")
	f.Add("Jos\xe9@example.com", "x", "1e400", "a;b", "[")
	m, columns := fuzzMapping()
	encoder := compile(f, m, nil)
	const before = "before"
	f.Fuzz(func(t *testing.T, address, phone, number, text, document string) {
		row := []string{address, phone, text, number, document}
		out, info, rejection := appendTo(t, []byte(before), encoder, project(m, columns, row))
		if !strings.HasPrefix(string(out), before) {
			t.Fatalf("the buffer is now %q", out)
		}
		if rejection != nil {
			if string(out) != before {
				t.Fatalf("rejected with %q", out)
			}
			if rejection.Reason() == "" || rejection.Code == "" {
				t.Fatalf("a rejection without a reason: %+v", rejection)
			}
			return
		}
		resource := out[len(before):]
		if len(resource) > profile.MaxSize || !utf8.Valid(resource) {
			t.Fatalf("%d bytes: %q", len(resource), resource)
		}
		checkFuzzed(t, string(resource), info, row)
	})
}

func fuzzMapping() (profile.Mapping, []string) {
	return profile.Mapping{
		Email: "address", PhoneNumber: "phone", PhoneRegion: "ES", ExternalID: "text",
		Attributes: map[string]string{"title": "text", "locale": "text"},
		Location:   map[string]string{"city": "text", "latitude": "number"},
		Properties: map[string]profile.Property{
			"text": {Column: "text"}, "number": {Column: "number", Type: profile.Number}, "document": {Column: "document", Type: profile.JSON},
		},
	}, []string{"address", "phone", "text", "number", "document"}
}

func checkFuzzed(t *testing.T, resource string, info profile.Info, row []string) {
	t.Helper()
	got := decode(t, resource)
	want := strings.ToLower(strings.TrimSpace(row[0]))
	written, _ := got["email"].(string)
	if isASCII(want) && written != want || !isASCII(written) || info.Email != profile.HashOf([]byte(written)) {
		t.Fatalf("email %q of %q", written, row[0])
	}
	text := strings.TrimSpace(row[2])
	for at, found := range map[string]any{
		"external_id": got["external_id"], "title": got["title"], "city": got.group("location")["city"], "text": got.group("properties")["text"],
	} {
		if text == "" && found != nil || text != "" && found != text {
			t.Fatalf("%s of %q reads %q", at, row[2], found)
		}
	}
	for _, group := range []string{"location", "properties"} {
		if inner, there := got[group]; there && len(got.group(group)) == 0 {
			t.Fatalf("%s is left behind as %v in %s", group, inner, resource)
		}
	}
	if document := strings.TrimSpace(row[4]); document != "" && document != "null" {
		if _, there := got.group("properties")["document"]; !there || !json.Valid([]byte(document)) {
			t.Fatalf("%q became %v", document, got.group("properties")["document"])
		}
	}
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
