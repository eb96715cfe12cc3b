package due_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
)

// What a run sends, why it sends everything, and whether a plan can promise it.
func TestDecide_everything(t *testing.T) {
	t.Parallel()
	const unlisted = "; everything is sent: too much changed to be listed"
	tests := map[string]struct {
		change              func(f *due.Facts)
		why, promised       string
		everything, settled bool
	}{
		"nothing is due":              {func(*due.Facts) {}, "", "", false, false},
		"nothing is due, all or none": {func(f *due.Facts) { f.Send = due.SendEverything }, "", "", true, true},
		"first run":                   {func(f *due.Facts) { f.Last = nil }, "first run", "first run", true, true},
		"changes": {
			func(f *due.Facts) { refreshed(f); changed(f, 4) },
			"segment changed: +1,234 ~5 -0", "segment changed: +1,234 ~5 -0", false, true,
		},
		"changes, seen without a refresh": {
			func(f *due.Facts) { withoutRefresh(f); changed(f, 4) }, "segment changed", "", false, false,
		},
		"segments declared otherwise": {
			func(f *due.Facts) { refreshed(f); changed(f, 4); f.SegmentsChanged = true }, "segments changed", "segments changed", false, false,
		},
		"too many changes": {
			func(f *due.Facts) { refreshed(f); changedMuch(f, 4) },
			"segment changed: 3 -> 4 profiles" + unlisted, "segment changed: 3 -> 4 profiles" + unlisted, true, true,
		},
		"too many changes, seen without a refresh": {
			func(f *due.Facts) { withoutRefresh(f); changedMuch(f, 4) }, "segment changed" + unlisted, "", true, false,
		},
		"too many changes in segments declared otherwise": {
			func(f *due.Facts) { refreshed(f); changedMuch(f, 4); f.SegmentsChanged = true },
			"segments changed" + unlisted, "segments changed", true, false,
		},
		"asked for": {
			func(f *due.Facts) { refreshed(f); changed(f, 4); f.Send = due.SendEverything },
			`segment changed: +1,234 ~5 -0; everything is sent: send = "everything"`,
			`segment changed: +1,234 ~5 -0; everything is sent: send = "everything"`, true, true,
		},
		"not known yet what to send": {
			func(f *due.Facts) { refreshed(f); changed(f, 4); f.Send = "" },
			"segment changed: +1,234 ~5 -0", "segment changed: +1,234 ~5 -0", true, false,
		},
		"nothing kept of the last run": {
			func(f *due.Facts) { withoutRefresh(f); f.Last.Known, f.Last.Untaken, f.Edited = false, 2, true },
			"2 profiles were not taken by Klaviyo; everything is sent: no sketch of the last run",
			"2 profiles were not taken by Klaviyo; everything is sent: no sketch of the last run", true, true,
		},
		"full send": {
			func(f *due.Facts) { refreshed(f).FullSend = true; changed(f, 4) },
			"segment changed: +1,234 ~5 -0; everything is sent: a full send was due",
			"segment changed: +1,234 ~5 -0; everything is sent: a full send was due", true, true,
		},
		"full send alone makes no run due": {
			func(f *due.Facts) { refreshed(f).FullSend, f.FullSend = true, true }, "", "", true, true,
		},
		"full send, due since the refresh": { // which the next plan finds
			func(f *due.Facts) { refreshed(f); changed(f, 4); f.FullSend = true },
			"segment changed: +1,234 ~5 -0", "segment changed: +1,234 ~5 -0", false, true,
		},
		"full send by an interval that was edited": {
			func(f *due.Facts) { refreshed(f).FullSend, f.FullSendChanged = true, true; changed(f, 4) },
			"segment changed: +1,234 ~5 -0", "segment changed: +1,234 ~5 -0", false, true,
		},
		"full send, seen without a refresh": {
			func(f *due.Facts) { withoutRefresh(f); f.Now.SyncMode, f.FullSend = "mirror", true },
			"sync mode changed; everything is sent: a full send was due", "sync mode changed", true, false,
		},
		"said once": {
			func(f *due.Facts) { refreshed(f).FullSend = true; f.Now.ListID, f.Send = "Other1", due.SendEverything },
			"everything is sent: list changed", "everything is sent: list changed", true, true,
		},
		"after what else is due": {
			func(f *due.Facts) { refreshed(f); changed(f, 4); f.Now.Triggers = nil },
			"segment changed: +1,234 ~5 -0; everything is sent: trigger kept changed; trigger release changed",
			"segment changed: +1,234 ~5 -0; everything is sent: trigger kept changed; trigger release changed", true, true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := settled()
			test.change(&f)
			got := due.Decide(&f)
			if got.String() != test.why || got.Promised() != test.promised || got.Everything != test.everything || got.Settled != test.settled {
				t.Errorf("it is %+v, want %q, promised %q, everything %t, settled %t", got, test.why, test.promised, test.everything, test.settled)
			}
		})
	}
}
