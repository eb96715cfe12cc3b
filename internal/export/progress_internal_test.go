package export

import (
	"testing"
	"time"
)

// What remains is as long as the same took so far, and never shorter than the
// limits allow.
func TestProgressEstimatesWhatRemains(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		expected, accepted, settled int64
		elapsed, want               time.Duration
	}{
		"nothing accepted":       {1_000_000, 0, 0, time.Second, 9 * time.Second},
		"all accepted":           {100, 100, 0, 8 * time.Second, 8 * time.Second},
		"half of all is done":    {100, 50, 50, 8 * time.Second, 8 * time.Second},
		"all done":               {100, 100, 100, 8 * time.Second, 0},
		"faster than the limits": {1_000_000, 500_000, 500_000, time.Second, 4 * time.Second},
		"more than expected":     {100, 200, 100, 3 * time.Second, time.Second},
		"nothing expected":       {0, 0, 0, time.Second, 0},
	} {
		r := &run{expected: tc.expected, ledger: newLedger(), started: time.Unix(1000, 0)}
		r.ledger.accepted, r.ledger.settled = tc.accepted, tc.settled
		p := r.progress(r.started.Add(tc.elapsed))
		if p.Remaining.Round(time.Millisecond) != tc.want || p.Elapsed != tc.elapsed || p.Expected != max(tc.expected, tc.accepted) {
			t.Errorf("%s: %+v, want %v", name, p, tc.want)
		}
	}
}
