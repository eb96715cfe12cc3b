package export_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// FuzzSurvey reads arbitrary bytes as a segment: there is an error that may be
// shown, or every row is counted, and the same whatever the order of segments.
func FuzzSurvey(f *testing.F) {
	const header = "email,phone,id,n,flag,when,tags,doc\n"
	f.Add([]byte(header + "a@example.com,+34600111222,1,7.5,yes,2026-11-23,a;b,{}\nA@example.com,,,,,,,\nragged\n"))
	f.Add([]byte(header + "b@example.com,x,,many,x,x,,[\n"))
	f.Add([]byte(header + "\"c@example.com\",\"a \"\"b\"\"\nc\",,,,,,\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "segment.csv")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file := segment.File{Path: path}
		s := fuzzed(t, file)
		if s == nil || bytes.Contains(bytes.ToLower(content), []byte("example.org")) {
			return
		}
		other := &table{columns: fuzzColumns, rows: [][]string{
			{"one@example.org", "", "", "1", "", "", "", ""}, {"two@example.org", "", "", "2", "", "", "", ""}, {"no address", "", "", "", "", "", "", ""},
		}}
		first, second := fuzzed(t, file, other), fuzzed(t, other, file)
		if first == nil || second == nil {
			t.Fatalf("with another segment it cannot be surveyed")
		}
		if first.Fingerprint != second.Fingerprint || first.Profiles != second.Profiles || first.Fingerprint == s.Fingerprint {
			t.Fatalf("%+v, in another order %+v, and alone %+v", first, second, s)
		}
		if first.Rows != s.Rows+3 || first.Profiles != s.Profiles+2 || first.Duplicates != s.Duplicates || first.Rejected.Total != s.Rejected.Total+1 {
			t.Fatalf("%+v and two more profiles are %+v", s, first)
		}
		if twice := fuzzed(t, file, file); twice.Fingerprint != s.Fingerprint || twice.Duplicates != 2*s.Duplicates+s.Profiles {
			t.Fatalf("%+v, and twice %+v", s, twice)
		}
	})
}

var fuzzColumns = []string{"email", "phone", "id", "n", "flag", "when", "tags", "doc"}

// fuzzed surveys sources and checks what comes of it; nil if it is an error
// without counts.
func fuzzed(t *testing.T, sources ...segment.Source) *export.Survey {
	t.Helper()
	e := declared(sources...)
	e.Mapping = profile.Mapping{
		Email: "email", PhoneNumber: "phone", PhoneRegion: "ES", ExternalID: "id",
		Attributes: map[string]string{"locale": "phone"},
		Location:   map[string]string{"latitude": "n"},
		Properties: map[string]profile.Property{
			"n": {Column: "n", Type: profile.Number}, "flag": {Column: "flag", Type: profile.Boolean}, "when": {Column: "when", Type: profile.Datetime},
			"tags": {Column: "tags", Type: profile.List}, "doc": {Column: "doc", Type: profile.JSON},
		},
	}
	s, err := e.Survey(t.Context())
	if err != nil {
		var one *export.Error
		var several export.Errors
		if !errors.As(err, &one) && !errors.As(err, &several) {
			t.Fatalf("error %v (%T)", err, err)
		}
		if strings.Contains(err.Error(), "@") {
			t.Fatalf("an address is shown: %v", err)
		}
	}
	if s == nil {
		if err == nil {
			t.Fatal("neither a survey nor an error")
		}
		return nil
	}
	rejected := int64(0)
	for _, reason := range s.Rejected.Reasons() {
		rejected += reason.Count
	}
	if s.Rows != s.Profiles+s.Duplicates+s.Rejected.Total || s.Rejected.Total != rejected || s.Rows == 0 || s.Profiles == 0 && err == nil || len(s.Fingerprint) != 32 {
		t.Fatalf("survey %+v, %v", s, err)
	}
	if text := s.Rejected.String() + s.Dropped.String(); strings.Contains(text, "@") {
		t.Fatalf("an address is shown: %s", text)
	}
	return s
}
