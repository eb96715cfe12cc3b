package export_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// changing is a segment that is another one when it is read for the second
// time, which is to be sent.
type changing struct {
	surveyed, sent *table
	opened         atomic.Int64
}

func (c *changing) Open(ctx context.Context, names []string) (segment.Rows, error) {
	if c.opened.Add(1) == 1 {
		return c.surveyed.Open(ctx, names)
	}
	return c.sent.Open(ctx, names)
}

func (c *changing) Version(context.Context) (string, error) { return c.surveyed.version, nil }

// The version that a segment had when it was surveyed says nothing of what was
// sent if that was something else.
func TestRunKnowsNoVersionOfAnotherSegment(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sent    *table
		version string
	}{"the same": {people(30), `"s1": "v1"; `}, "another": {people(31), ""}} {
		w := newEnv(t, simulator.Options{})
		surveyed := people(30)
		surveyed.version = "v1"
		if r := w.run(t, w.export(&changing{surveyed: surveyed, sent: tc.sent})); r.Version != tc.version {
			t.Errorf("%s: version %q, want %q", name, r.Version, tc.version)
		}
	}
}

// A source that fails as it is sent leaves profiles behind that are on their
// way. The error says which, and never that nothing was sent.
func TestRunWhoseSourceFailsAsItIsSent(t *testing.T) {
	t.Parallel()
	breaksOff := people(60)
	breaksOff.before = func(_ context.Context, row int) error {
		if row == 50 {
			return errors.New("the connection was lost")
		}
		return nil
	}
	noEmail := &table{columns: []string{"phone", "text"}}
	for name, tc := range map[string]struct {
		sent    *table
		summary string
	}{
		"it breaks off":      {breaksOff, "Segment Cannot Be Read"},
		"columns are gone":   {noEmail, "Columns Not In Segment"},
		"all rows are gone":  {people(0), "Segment Is Empty"},
		"most rows are gone": {&table{columns: columns, rows: [][]string{{"a"}, {"b"}, {"c"}}}, "Too Many Rows Cannot Be Exported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			first := people(40)
			e := w.export(first, &changing{surveyed: people(60), sent: tc.sent})
			e.Safeguards.MaxRejectedPercent = 5
			e.SetBatchLimits(10, 1<<16)
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			if err == nil || !strings.Contains(err.Error(), tc.summary) {
				t.Fatalf("error %v", err)
			}
			text := err.Error()
			if done := strings.Count(text, "Once this is put right, apply again: ") + strings.Count(text, "had not accepted any"); done != 1 || strings.Contains(text, "othing was sent") {
				t.Errorf("error %s", text)
			}
		})
	}
}

// What a segment may be holds also for what it has become since it was
// surveyed.
func TestRunHoldsWhatASegmentHasBecomeAgainstTheSafeguards(t *testing.T) {
	t.Parallel()
	other := people(30)
	other.rows[7][3] = "changed"
	for name, tc := range map[string]struct {
		sent    *table
		change  func(*export.Export)
		pin     bool
		summary string
		most    int // profiles that may have been sent
	}{
		"more than the safeguard allows": {
			people(1000), func(e *export.Export) { e.Safeguards.MaxProfiles = 45 }, false, "Too Many Profiles: The segments hold more than 45 profiles", 45,
		},
		"more than the connection allows": {
			people(1000), func(e *export.Export) { e.Destination.MaxProfiles = 45 }, false, "Too Many Profiles: The segments hold more than 45 profiles", 45,
		},
		"rejects": {
			&table{columns: columns, rows: append(people(5).rows, []string{"x"}, []string{"y"})},
			func(e *export.Export) { e.Safeguards.MaxRejectedPercent = 20 }, false, "Too Many Rows Cannot Be Exported", 0,
		},
		"another value, pinned": {other, func(e *export.Export) { e.SetBatchLimits(100, 1<<16) }, true, "Segment Changed Since The Plan", 0},
		"pinned, as it was":     {people(30), func(*export.Export) {}, true, "", 30},
		"another value":         {other, func(*export.Export) {}, false, "", 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			e := w.export(&changing{surveyed: people(30), sent: tc.sent})
			e.SetBatchLimits(10, 1<<16)
			tc.change(e)
			var o export.RunOptions
			if tc.pin {
				s, err := w.export(people(30)).Survey(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				o.Fingerprint = s.Fingerprint
			}
			_, err := e.Run(t.Context(), w.client, o)
			if (err == nil) != (tc.summary == "") || err != nil && !strings.Contains(err.Error(), tc.summary) {
				t.Errorf("error %v, want %q", err, tc.summary)
			}
			if err != nil && strings.Contains(err.Error(), "othing was sent") {
				t.Errorf("error %v", err)
			}
			if n := len(w.MemberEmails(w.listID)); n > tc.most {
				t.Errorf("%d are on the list, at most %d may be", n, tc.most)
			}
		})
	}
}
