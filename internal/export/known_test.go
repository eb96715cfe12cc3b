package export_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// counted counts how often a source is opened.
type counted struct {
	segment.Source
	opened atomic.Int32
}

func (c *counted) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	c.opened.Add(1)
	return c.Source.Open(ctx, columns)
}

// untold is a segment whose version cannot be told.
type untold struct{ segment.Source }

func (untold) Version(context.Context) (string, error) { return "v1", errors.New("no such thing") }

// versioned is a segment of n persons with a version.
func versioned(n int, version string) *table {
	s := people(n)
	s.version = version
	return s
}

// A run that knows what is in the segments reads them once: to send them. One
// that does not counts them first.
func TestRunReadsOnceWhatWasSurveyed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	for name, tc := range map[string]struct {
		surveyed segment.Source // nil for none
		source   segment.Source
		opens    int32
	}{
		"known":                 {versioned(3, "v1"), versioned(3, "v1"), 1},
		"not surveyed":          {nil, versioned(3, "v1"), 2},
		"changed since":         {versioned(3, "v1"), versioned(4, "v2"), 2},
		"without a version":     {people(3), people(3), 2},
		"no longer told":        {versioned(3, "v1"), people(3), 2},
		"a version with errors": {versioned(3, "v1"), untold{versioned(3, "v1")}, 2},
	} {
		second := versioned(5, "other")
		var options export.RunOptions
		if tc.surveyed != nil {
			s, err := w.export(tc.surveyed, second).Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			options.Surveyed = s
		}
		source := &counted{Source: tc.source}
		r, err := w.export(source, second).Run(t.Context(), w.client, options)
		if err != nil {
			t.Fatal(err)
		}
		if checkAccounting(t, r); r.Exported != 5 {
			t.Errorf("%s: %d exported", name, r.Exported)
		}
		if n := source.opened.Load(); n != tc.opens {
			t.Errorf("%s: read %d times, want %d", name, n, tc.opens)
		}
	}
}

// A version belongs to a name, and names cannot run into versions.
func TestVersionTellsSegmentsApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{"": "none"}
	for name, sources := range map[string][]segment.Source{
		"one": {versioned(1, "a")}, "another": {versioned(1, "b")}, "two": {versioned(1, "a"), versioned(1, "a")},
		"other two": {versioned(1, "a"), versioned(1, "b")}, "swapped": {versioned(1, "b"), versioned(1, "a")},
		"quoted": {versioned(1, `a"; "s2": "a`)}, "not quoted": {versioned(1, `a; s2: a`)}, "as Go does": {versioned(1, `"a"; "s2": "a"`)},
	} {
		version := survey(t, sources...).Version
		if other, twice := seen[version]; twice {
			t.Errorf("%s and %s have the version %q", name, other, version)
		}
		seen[version] = name
	}
	if version := survey(t, versioned(1, "a"), people(1)).Version; version != "" {
		t.Errorf("a segment without a version leaves %q", version)
	}
}

// What was surveyed before a safeguard was set is held to it all the same.
func TestRunChecksWhatWasSurveyed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.export(versioned(3, "v1"))
	s, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.Destination.MaxProfiles = 2
	_, err = e.Run(t.Context(), w.client, export.RunOptions{Surveyed: s})
	asError(t, err, []string{"destination"}, "Too Many Profiles", "hold 3 profiles")
	if n := len(w.imports()); n != 0 {
		t.Errorf("%d imports", n)
	}
}
