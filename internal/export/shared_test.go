package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const sharedPhone = "+34600111222"

// sharing is an export of two segments of 60 people, all with an external id. Three
// people, in both segments, share one, and two share a phone number.
func (w *env) sharing() (*export.Export, []*table) {
	first, second := versioned(40, "v1"), versioned(60, "v1")
	second.rows = second.rows[30:] // ten are in both segments
	for i := range 60 {
		for _, s := range []*table{first, second} {
			for _, row := range s.rows {
				if row[0] == address(i) {
					row[3] = fmt.Sprintf("id-%d", i)
					switch i {
					case 2, 35, 50:
						row[3] = "0"
					}
					if i == 5 || i == 51 {
						row[1] = sharedPhone
					}
				}
			}
		}
	}
	e := w.export(first, second)
	e.Mapping.ExternalID = "text"
	e.Mapping.Properties = map[string]profile.Property{"n": {Column: "n", Type: profile.Number}}
	e.SetBatchLimits(10, 1<<16)
	return e, []*table{first, second}
}

// An identifier that several people have makes Klaviyo merge them, or refuse all
// but one. It is left out for all of them, in every batch, and nobody is lost.
func TestRunLeavesOutSharedIdentifiers(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]simulator.Options{"merged": {MergeProfiles: true}, "failed": {FailTaken: true}} {
		for _, property := range []string{"", "Segments"} {
			t.Run(name+property, func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, options)
				e, _ := w.sharing()
				e.SegmentProperty = property
				surveyed, err := e.Survey(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				r := w.run(t, e)
				if r.Fingerprint != surveyed.Fingerprint || r.Exported != 60 || r.Unwanted.Total != 0 {
					t.Errorf("%s was surveyed, %s sent, %d exported, %d values refused", surveyed.Fingerprint, r.Fingerprint, r.Exported, r.Unwanted.Total)
				}
				for _, s := range []*export.Survey{surveyed, &r.Survey} {
					reasons := s.Shared.Reasons()
					if len(reasons) != 2 || reasons[0].Target.Name != "external_id" || reasons[0].Rows() != "3 rows (3, 36 of s1, 21 of s2)" ||
						reasons[1].Rows() != "2 rows (6 of s1, 22 of s2)" {
						t.Errorf("shared are %s", s.Shared.String())
					}
				}
				w.checkMembers(t, addresses(60))
				for i := range 60 {
					p, _ := w.Profile(address(i))
					want := fmt.Sprintf("id-%d", i)
					if i == 2 || i == 35 || i == 50 {
						want = ""
					}
					if p.ExternalID != want || p.PhoneNumber != "" {
						t.Errorf("%s has the id %q, want %q, and the number %q", address(i), p.ExternalID, want, p.PhoneNumber)
					}
				}
			})
		}
	}
}

// What a survey tells of shared identifiers can be stored, and holds none of them. A
// run reads them anew, since it must know them.
func TestStoredSurveyHoldsNoIdentifiers(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{MergeProfiles: true})
	e, _ := w.sharing()
	s, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), sharedPhone[1:]) || !strings.Contains(string(text), `"Shared":[{`) || len(text) > 1500 {
		t.Errorf("stored is %s", text)
	}
	var stored export.Survey
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	r, err := e.Run(t.Context(), w.client, export.RunOptions{Surveyed: &stored, Fingerprint: stored.Fingerprint})
	if err != nil {
		t.Fatal(err)
	}
	if r.Shared.Total != 5 || !r.SharedKnown {
		t.Errorf("%d identifiers left out", r.Shared.Total)
	}
	w.checkMembers(t, addresses(60))
}

// A survey that did not look for shared identifiers, made by an earlier version, is
// made again.
func TestSurveyWithoutSharedIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e, _ := w.sharing()
	for i := range e.Segments {
		e.Segments[i].Source = teller{e.Segments[i].Source}
	}
	s, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := e.SurveyUnless(t.Context(), s); err != nil || again != s {
		t.Errorf("an unchanged segment is surveyed again: %v", err)
	}
	s.SharedKnown = false
	if again, err := e.SurveyUnless(t.Context(), s); err != nil || again == s || !again.SharedKnown {
		t.Errorf("the survey is not made again: %v", err)
	}
}

// Whoever no longer shares an identifier has changed, and so has who now does.
func TestChangesOfShared(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{MergeProfiles: true})
	e, sources := w.sharing()
	e.TrackChanges = true
	first := w.run(t, e)
	e.Acknowledged = first.Acknowledged
	if r := w.run(t, e); r.Unchanged != 60 {
		t.Errorf("%d of 60 unchanged", r.Unchanged)
	}
	sources[1].rows[21][1] = "" // p51 no longer has the number of p5
	if r := w.run(t, e); r.Updated != 1 || r.Shared.Total != 3 {
		t.Errorf("%d updated, %d still shared", r.Updated, r.Shared.Total)
	}
	if p, _ := w.Profile(address(5)); p.PhoneNumber != sharedPhone {
		t.Errorf("p5 has the number %q", p.PhoneNumber)
	}
	w.checkMembers(t, addresses(60))
}

// Rows that cannot be exported are listed once, though they are read twice.
func TestRejectsAreListedOnceBesideShared(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e, sources := w.sharing()
	sources[0].rows = append(sources[0].rows, []string{"ragged"})
	e.Safeguards.MaxRejectedPercent = 0
	path := filepath.Join(t.TempDir(), "rejects.csv")
	if _, err := listing(e, path).Survey(t.Context()); err == nil {
		t.Fatal("a rejected row is allowed")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), "malformed_row"); n != 1 {
		t.Errorf("the row is listed %d times:\n%s", n, content)
	}
}
