package export_test

import (
	"context"
	"errors"
	"runtime/debug"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Garbage is collected earlier from the beginning of the first run to the end
// of the last, also if one fails, and only if the environment does not say
// when.
func TestRunCollectsGarbageInTime(t *testing.T) { //nolint:paralleltest // about the whole process
	const before = 70
	percent := func() int {
		now := debug.SetGCPercent(before)
		debug.SetGCPercent(now)
		return now
	}
	defer debug.SetGCPercent(debug.SetGCPercent(before))
	for _, test := range []struct {
		gogc   string
		during int
	}{{"", 50}, {"200", before}} { // the last one leaves the process as it was
		t.Setenv("GOGC", test.gogc)
		export.TuneMemory()
		w := newWorld(t, simulator.Options{})
		outer, inner := people(3), people(3)
		broken := errors.New("the disk is gone")
		inner.before = func(context.Context, int) error { return broken }
		outer.before = func(ctx context.Context, _ int) error {
			if _, err := w.export(inner).Run(ctx, w.client, export.RunOptions{}); !errors.Is(err, broken) {
				t.Errorf("the run in between: %v", err)
			}
			if now := percent(); now != test.during {
				t.Errorf("GOGC=%q: %d in a run", test.gogc, now)
			}
			return nil
		}
		w.run(t, w.export(outer))
		if now := percent(); now != before {
			t.Errorf("GOGC=%q: %d after the runs", test.gogc, now)
		}
	}
}
