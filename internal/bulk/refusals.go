package bulk

import (
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// A refused import costs a request and its bytes, and names as few profiles as
// Klaviyo likes. Take k bad profiles in a batch of B bytes, and answers that
// name m of them, or all if fewer are left.
//
//   - No policy gets by with fewer than k/m refused imports, since each bad
//     profile has to be named. Sending the rest again after each answer is as
//     good as that, but sends nearly the whole batch k/m times.
//   - Halving what was refused twice takes at most 3k/m + 2 imports. A piece
//     that is halved has lost more than m profiles before, so fewer than k/m
//     pieces are, and each of the at most k/m + 1 others is accepted at most once
//     and has at most one answer that names fewer than m.
//   - It sends at most 2B(1 + log2(k/m + 1)) bytes: pieces of the same depth have
//     at most B bytes together, and each is sent at most twice. A piece too small
//     to be worth halving is sent as often as it takes.
//
// This leaves k/m, which can be a thousand a batch, at 150 imports a minute. So
// a run gives up after so many refusals.
const (
	refusalsToHalve  = 2
	minHalvedPart    = 80 // a piece below that part of a full import is not halved: 62 KB of 5 MB
	maxRefusals      = 100
	refusalsPerBatch = 20 // in addition, for each batch
)

// checkRefusals counts an import that was refused because of single profiles. It
// ends the run if there have been too many.
func (im *Import) checkRefusals() error {
	imports := im.refusals.Add(1)
	if imports <= maxRefusals+refusalsPerBatch*im.ledger.packedBatches() {
		return nil
	}
	return &diagnostic.Error{
		Attribute: []string{"segment"},
		Summary:   "Klaviyo Refuses Too Many Imports",
		Detail: fmt.Sprintf("Klaviyo refused %s because of single profiles and named only a few of them each time. "+
			"Going on like this would take too long, so the export was stopped. What Klaviyo has said of the rows so far:\n%s"+
			"Correct the source or the mapping. If only phone numbers are refused, the export also works without data_matching.phone_number.",
			tally.Count(imports, "import"), im.Report.String()),
	}
}
