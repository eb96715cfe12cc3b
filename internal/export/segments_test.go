package export_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// someOf is a segment of some of people, with the phone numbers left out.
func someOf(numbers ...int) *table {
	s := &table{columns: columns}
	for _, i := range numbers {
		s.rows = append(s.rows, []string{address(i), "", fmt.Sprint(i), ""})
	}
	return s
}

// telling is an export that tells who is in which segments.
func (w *env) telling(sources ...segment.Source) *export.Export {
	e := w.export(sources...)
	e.SegmentProperty = "segments"
	return e
}

// checkSegments compares the property of people in Klaviyo.
func (w *env) checkSegments(t *testing.T, want map[int]string) {
	t.Helper()
	for i, segments := range want {
		p, ok := w.Profile(address(i))
		got, err := json.Marshal(p.Properties["segments"])
		if !ok || err != nil || string(got) != segments {
			t.Errorf("person %d is in %s (%v, %v), want %s", i, got, ok, err, segments)
		}
	}
}

// A profile is sent once, with all the segments it is in, also those that come
// after the one it is read from.
func TestRunTellsTheSegmentsOfAProfile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.telling(someOf(1, 2, 3, 1), someOf(2, 4, 4), someOf(5, 3, 2))
	result := w.run(t, e)
	if result.Profiles != 5 || result.Duplicates != 5 || result.Exported != 5 {
		t.Errorf("result %+v", result)
	}
	w.checkSegments(t, map[int]string{1: `["s1"]`, 2: `["s1","s2","s3"]`, 3: `["s1","s3"]`, 4: `["s2"]`, 5: `["s3"]`})
	if p, _ := w.Profile(address(2)); p.Properties["n"] != 2.0 {
		t.Errorf("the other properties are now %v", p.Properties)
	}
	surveyed, err := e.Survey(t.Context())
	if err != nil || surveyed.Fingerprint != result.Fingerprint {
		t.Errorf("surveyed as %s (%v), sent as %s", surveyed.Fingerprint, err, result.Fingerprint)
	}
}

// Whoever is rejected in a segment is not in it.
func TestRunTellsNoSegmentOfARejectedRow(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	bad := someOf(1, 2)
	bad.rows[0][3] = "\xff"
	w.run(t, w.telling(bad, someOf(1)))
	w.checkSegments(t, map[int]string{1: `["s2"]`, 2: `["s1"]`})
}

func TestRunTellsTheOnlySegment(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := &counted{Source: versioned(3, "v1")}
	e := w.telling(source)
	e.Segments[0].Name = `the "VIP"s`
	surveyed, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := e.Run(t.Context(), w.client, export.RunOptions{Surveyed: surveyed})
	if err != nil || result.Fingerprint != surveyed.Fingerprint {
		t.Fatalf("run: %v; %+v", err, result)
	}
	w.checkSegments(t, map[int]string{0: `["the \"VIP\"s"]`, 2: `["the \"VIP\"s"]`})
	if opened := source.opened.Load(); opened != 2 {
		t.Errorf("opened %d times: one segment needs no roster", opened)
	}
}

// With several segments it must be known who is in which, even if what is in
// them is known from the plan.
func TestRunReadsSeveralSegmentsTwice(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	first, second := &counted{Source: versioned(3, "v1")}, &counted{Source: versioned(2, "v1")}
	e := w.telling(first, second)
	surveyed, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(t.Context(), w.client, export.RunOptions{Surveyed: surveyed}); err != nil {
		t.Fatal(err)
	}
	if a, b := first.opened.Load(), second.opened.Load(); a != 3 || b != 3 {
		t.Errorf("opened %d and %d times, want 3", a, b)
	}
	w.checkSegments(t, map[int]string{1: `["s1","s2"]`, 2: `["s1"]`})
}

// The fingerprint is that of whom is where: not of the order of rows, but of
// names of segments and of the property.
func TestSurveyFingerprintOfSegments(t *testing.T) {
	t.Parallel()
	w := &env{listID: "Y6nRLr"}
	fingerprint := func(change func(*export.Export), sources ...segment.Source) string {
		e := w.telling(sources...)
		change(e)
		s, err := e.Survey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Fingerprint
	}
	same := func(*export.Export) {}
	base := fingerprint(same, someOf(1, 2, 3), someOf(2, 4))
	if got := fingerprint(same, someOf(3, 1, 2, 2), someOf(4, 2, 4)); got != base {
		t.Error("another order, or a row twice, changes the fingerprint")
	}
	for what, got := range map[string]string{
		"no property":         fingerprint(func(e *export.Export) { e.SegmentProperty = "" }, someOf(1, 2, 3), someOf(2, 4)),
		"another property":    fingerprint(func(e *export.Export) { e.SegmentProperty = "in" }, someOf(1, 2, 3), someOf(2, 4)),
		"another name":        fingerprint(func(e *export.Export) { e.Segments[1].Name = "s3" }, someOf(1, 2, 3), someOf(2, 4)),
		"one more membership": fingerprint(same, someOf(1, 2, 3), someOf(2, 3, 4)),
		"one less membership": fingerprint(same, someOf(1, 2, 3), someOf(4)),
		"moved":               fingerprint(same, someOf(1, 3), someOf(2, 4)),
		"names swapped":       fingerprint(func(e *export.Export) { slices.Reverse(e.Segments) }, someOf(2, 4), someOf(1, 3)),
	} {
		if got == base {
			t.Errorf("%s: the fingerprint is the same", what)
		}
	}
}

// A profile that only just fits has room for the list, or it is rejected
// before anything is sent.
func TestSurveyKeepsRoomForTheSegments(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	for size := 99_850; size < 99_960; size += 8 {
		text := make([]byte, size)
		for i := range text {
			text[i] = 'x'
		}
		source := &table{columns: columns, rows: [][]string{{address(1), "", "", string(text)}, {address(2), "", "", ""}}}
		e := w.telling(source, someOf(1))
		surveyed, err := e.Survey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if result := w.run(t, e); result.Fingerprint != surveyed.Fingerprint || result.Rejected.Total != surveyed.Rejected.Total || result.Refused.Total > 0 {
			t.Fatalf("%d bytes: %d rejected, %d surveyed, %d refused", size, result.Rejected.Total, surveyed.Rejected.Total, result.Refused.Total)
		}
	}
}

// teller is a segment that can be relied on to tell changes.
type teller struct{ segment.Source }

func (teller) TellsChanges() bool { return true }

// Only a version that can be relied on spares a survey.
func TestSurveyUnlessUnchanged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, after string
		relied        bool
		want          int32 // times that the segment is read
	}{
		"the same version":          {"v1", "v1", true, 1},
		"another version":           {"v1", "v2", true, 2},
		"no version any more":       {"v1", "", true, 2},
		"no version":                {"", "", true, 2},
		"it cannot be relied on":    {"v1", "v1", false, 2},
		"never had one, now it has": {"", "v1", true, 2},
	} {
		told := versioned(1, tc.before)
		source := &counted{Source: told}
		e := declared(source)
		if tc.relied {
			e = declared(teller{source})
		}
		last, err := e.SurveyUnless(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		told.version = tc.after
		again, err := e.SurveyUnless(t.Context(), last)
		if err != nil || again.Fingerprint != last.Fingerprint || source.opened.Load() != tc.want {
			t.Errorf("%s: read %d times, want %d (%v)", name, source.opened.Load(), tc.want, err)
		}
	}
	e := declared(teller{versioned(3, "v1")})
	last, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.Safeguards.MaxProfiles = 2
	if _, err := e.SurveyUnless(t.Context(), last); err == nil {
		t.Error("a survey that is not made again is not checked")
	}
}

// What a run has sent is a survey, too, of the versions from before it.
func TestRunTellsTheVersion(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.export(versioned(2, "v1"))
	surveyed, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]export.RunOptions{"surveyed": {Surveyed: surveyed}, "not surveyed": {}} {
		result, err := e.Run(t.Context(), w.client, options)
		if err != nil || result.Version == "" || result.Version != surveyed.Version {
			t.Errorf("%s: version %q, want %q (%v)", name, result.Version, surveyed.Version, errors.Unwrap(err))
		}
	}
}
