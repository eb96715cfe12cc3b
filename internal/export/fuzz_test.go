package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// FuzzSurvey reads arbitrary bytes as a segment: there is an error that may be
// shown, or every row is counted, and the same whatever the order of segments,
// and a run sends what was counted.
func FuzzSurvey(f *testing.F) {
	const header = "email,phone,id,n,flag,when,tags,doc\n"
	f.Add([]byte(header+"a@example.com,+34600111222,1,7.5,yes,2026-11-23,a;b,{}\nA@example.com,,,,,,,\nragged\n"), uint8(0))
	f.Add([]byte(header+"b@example.com,x,,many,x,x,,[\n"), uint8(0))
	f.Add([]byte(header+"\"c@example.com\",\"a \"\"b\"\"\nc\",,,,,,\n"), uint8(0))
	for thousands := range uint8(3) {
		f.Add([]byte("email,phone,id,n,flag,when,doc,tags\na@example.com,,,,,,,a\nb@example.com,,,,,,,x"), profile.MaxSize/1000-1+thousands)
	}
	f.Fuzz(func(t *testing.T, content []byte, thousands uint8) {
		content = slices.Concat(content, bytes.Repeat([]byte("x"), 1000*int(thousands))) // inputs of that size would be minimized for minutes
		path := filepath.Join(t.TempDir(), "segment.csv")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file := csvFiles{path: path}
		s := fuzzed(t, file)
		checkPacked(t, s, file)
		if s != nil && !bytes.Contains(bytes.ToLower(content), []byte("example.org")) {
			checkWithOthers(t, s, file)
		}
	})
}

var fuzzColumns = []string{"email", "phone", "id", "n", "flag", "when", "tags", "doc"}

func fuzzedExport(sources ...segment.Source) *export.Export {
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
	return e
}

// checkWithOthers surveys a segment again, alone, with another one, and twice.
func checkWithOthers(t *testing.T, s *export.Survey, source segment.Source) {
	t.Helper()
	if again := fuzzed(t, source); !reflect.DeepEqual(again, s) {
		t.Fatalf("%+v, and again %+v", s, again)
	}
	other := &table{columns: fuzzColumns, rows: [][]string{
		{"one@example.org", "", "", "1", "", "", "", ""}, {"two@example.org", "", "", "2", "", "", "", ""}, {"no address", "", "", "", "", "", "", ""},
	}}
	first, second := fuzzed(t, source, other), fuzzed(t, other, source)
	if first == nil || second == nil {
		t.Fatalf("with another segment it cannot be surveyed")
	}
	if first.Fingerprint != second.Fingerprint || first.Profiles != second.Profiles || first.Fingerprint == s.Fingerprint {
		t.Fatalf("%+v, in another order %+v, and alone %+v", first, second, s)
	}
	if first.Rows != s.Rows+3 || first.Profiles != s.Profiles+2 || first.Duplicates != s.Duplicates || first.Rejected.Total != s.Rejected.Total+1 {
		t.Fatalf("%+v and two more profiles are %+v", s, first)
	}
	if twice := fuzzed(t, source, source); twice.Fingerprint != s.Fingerprint || twice.Duplicates != 2*s.Duplicates+s.Profiles {
		t.Fatalf("%+v, and twice %+v", s, twice)
	}
}

// checkPacked compares what a run of a segment would send with its survey, nil
// if there is none.
func checkPacked(t *testing.T, s *export.Survey, source segment.Source) {
	t.Helper()
	e := fuzzedExport(source)
	p, err := e.Pack(t.Context())
	if s == nil {
		if err == nil {
			t.Fatalf("no survey, but %d profiles are sent", len(p.Sent))
		}
		return
	}
	surveyed := *s
	if err != nil || !reflect.DeepEqual(p.Survey, surveyed) || int64(len(p.Sent)) != s.Profiles {
		t.Fatalf("survey %+v, but the run has %+v, %v", surveyed, p.Survey, err)
	}
	ends := make([]bool, s.Rows)
	for _, row := range p.Unsent {
		endRow(t, ends, row)
	}
	var fingerprint profile.Fingerprint
	emails := map[string]bool{}
	for _, sent := range p.Sent {
		endRow(t, ends, sent.Row)
		fingerprint.Add(profile.HashOf(sent.JSON))
		email := sentEmail(t, sent.JSON)
		if emails[email] {
			t.Fatalf("row %v has the address of another profile", sent.Row)
		}
		emails[email] = true
	}
	if slices.Contains(ends, false) || fingerprint.String() != s.Fingerprint {
		t.Fatalf("rows end as %v; the profiles of %+v have the fingerprint %s", ends, s, fingerprint)
	}
}

// endRow notes where a row ends, which is in one place.
func endRow(t *testing.T, ends []bool, row tally.Row) {
	t.Helper()
	if row.Number < 1 || row.Number > int64(len(ends)) || ends[row.Number-1] {
		t.Fatalf("row %v is one of %d, or ends twice", row, len(ends))
	}
	ends[row.Number-1] = true
}

// sentEmail checks that a profile may be sent, and returns its address.
func sentEmail(t *testing.T, resource []byte) string {
	t.Helper()
	var p struct {
		Type       string
		Attributes struct{ Email string }
	}
	if err := json.Unmarshal(resource, &p); err != nil || !utf8.Valid(resource) || len(resource) > profile.MaxSize {
		t.Fatalf("%d bytes, %v: %q", len(resource), err, resource)
	}
	email := p.Attributes.Email
	if p.Type != "profile" || email != strings.ToLower(email) || !strings.Contains(email, "@") {
		t.Fatalf("type %q, address %q", p.Type, email)
	}
	return email
}

// fuzzed surveys sources and checks what comes of it; nil if it is an error
// without counts.
func fuzzed(t *testing.T, sources ...segment.Source) *export.Survey {
	t.Helper()
	s, err := fuzzedExport(sources...).Survey(t.Context())
	if err != nil {
		var one *diagnostic.Error
		var several diagnostic.Errors
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
		for _, row := range reason.First {
			if row.Number < 1 || row.Number > s.Rows {
				t.Fatalf("%+v of %d rows", reason, s.Rows)
			}
		}
	}
	if s.Rows != s.Profiles+s.Duplicates+s.Rejected.Total || s.Rejected.Total != rejected || s.Rows == 0 || s.Profiles == 0 && err == nil || len(s.Fingerprint) != 32 {
		t.Fatalf("survey %+v, %v", s, err)
	}
	if text := s.Rejected.String() + s.Dropped.String(); strings.Contains(text, "@") {
		t.Fatalf("an address is shown: %s", text)
	}
	return s
}
