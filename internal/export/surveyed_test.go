package export_test

import (
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A run that knows what is in the segments does not read them first, and is
// stopped all the same before it sends anything.
func TestRunThatReadsOnceIsStoppedBeforeItSends(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		arm       func(*env, *export.Export, *export.RunOptions)
		attribute []string
		summary   string
	}{
		"more than the safeguard allows": {
			func(_ *env, e *export.Export, _ *export.RunOptions) { e.Safeguards.MaxProfiles = 25 },
			[]string{"safeguards", "max_profiles"},
			"Too Many Profiles",
		},
		"more than the connection allows": {
			func(_ *env, e *export.Export, _ *export.RunOptions) { e.Destination.MaxProfiles = 25 },
			[]string{"destination"},
			"Too Many Profiles",
		},
		"more rejected than allowed": {
			func(_ *env, e *export.Export, _ *export.RunOptions) { e.Safeguards.MaxRejectedPercent = 1 },
			[]string{"safeguards", "max_rejected_percent"},
			"Too Many Rows Cannot Be Exported",
		},
		"another fingerprint": {
			func(_ *env, _ *export.Export, o *export.RunOptions) { o.Fingerprint = strings.Repeat("0", 32) },
			[]string{"pin_to_plan"},
			"Segment Changed Since The Plan",
		},
		"a live flow": {
			func(w *env, _ *export.Export, _ *export.RunOptions) {
				w.AddFlow(w.listID, simulator.Flow{Name: "Welcome series", Status: "live"})
			},
			[]string{"safeguards", "allow_live_flows"},
			"Joining The List Starts A Live Flow",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			s := versioned(30, "v1")
			s.rows[29] = []string{"ragged"}
			source := &counted{Source: s}
			e := w.export(source)
			e.SetBatchLimits(10, 1<<16)
			surveyed, err := e.Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			o := export.RunOptions{Surveyed: surveyed, Fingerprint: surveyed.Fingerprint}
			tc.arm(w, e, &o)
			_, err = e.Run(t.Context(), w.client, o)
			asError(t, err, tc.attribute, tc.summary, " Nothing was sent.")
			if name != "a live flow" && !strings.HasSuffix(err.Error(), " Nothing was sent.") { // that one says then what to do
				t.Errorf("%q goes on", err)
			}
			if n := strings.Count(err.Error(), "othing was sent"); n != 1 {
				t.Errorf("%q says %d times that nothing was sent", err, n)
			}
			if n := source.opened.Load(); n != 1 {
				t.Errorf("the segment was read %d times", n)
			}
			if n := len(w.imports()); n != 0 {
				t.Errorf("%d imports", n)
			}
		})
	}
}
