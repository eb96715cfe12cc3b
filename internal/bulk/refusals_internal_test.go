package bulk

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Patience grows with what is sent, so that a few refusals in each of many
// batches do not end a run.
func TestPatienceGrowsWithTheBatches(t *testing.T) {
	t.Parallel()
	for batches, most := range map[int]int64{0: 100, 1: 120, 100: 2100} {
		r := &Import{ledger: newLedger()}
		for range batches {
			r.ledger.pack(tally.Row{Segment: "s", Number: 1}, 1)
		}
		for imports := int64(1); imports <= most; imports++ {
			if err := r.checkRefusals(); err != nil {
				t.Fatalf("%d batches: after %d imports: %v", batches, imports, err)
			}
		}
		if r.checkRefusals() == nil {
			t.Errorf("%d batches: no end after %d imports", batches, most+1)
		}
	}
}
