package export

import (
	"context"
	"fmt"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Mirror is what of the list is removed that is not in the segments.
type Mirror int

// The kinds of mirrors.
const (
	MirrorNone     Mirror = iota // nobody is removed
	MirrorExported               // whom this export put on the list
	MirrorAll                    // everybody
)

// removeStep removes those from the list who left the segments. It changes neither
// consent nor suppressions.
type removeStep struct {
	export  *Export
	client  *klaviyo.Client
	imports *importStep      // is over
	reader  *pipeline.Reader // has just read the segments
	sending *sending

	started time.Time
	unknown bool        // who left is not known
	moved   bool        // whoever was not read last is taken for one who left, and others had been read before
	found   bool        // removal knows who is to be removed
	refused bool        // they are too many
	seen    hashset.Set // members
	met     int64       // members whom the segments have, without those who are withheld
	removal removal
}

func (e *Export) removeStep(client *klaviyo.Client, imported *importStep) *removeStep {
	return &removeStep{
		export: e, client: client, imports: imported, reader: imported.reader, sending: imported.sending,
		started: e.clock().Now(), removal: removal{client: client, listID: e.ListID},
	}
}

func (s *removeStep) run(ctx context.Context) error {
	find := s.leavers()
	if find == nil {
		return nil
	}
	leavers, err := find(ctx)
	if err != nil {
		return err
	}
	if leavers, err = s.keepMerged(ctx, leavers); err != nil {
		return err
	}
	s.removal.plan(leavers)
	s.found = true
	if err := s.export.checkLeaving(leaving{members: int64(len(leavers))}, int64(s.seen.Len())); err != nil {
		s.refused = true
		return err
	}
	return ListError(s.export.ListID, s.removal.run(ctx))
}

// explain says what was removed by the time the step failed.
func (s *removeStep) explain(ctx context.Context, err error) error {
	const sent = "All profiles were sent and Klaviyo had finished with them."
	if s.refused { // the next apply would be refused, too
		return s.unfinished(diagnostic.AddToDetail(err, "\n\n"+sent))
	}
	done := fmt.Sprintf(sent+" %s by then. %s: the rest are removed then.",
		tally.CountWith(s.removal.removed.Load(), "member", "was removed from the list", "were removed from the list"), applyAgain(err))
	if ctx.Err() != nil {
		return s.unfinished(interrupted(ctx, klaviyo.WaitedFor(err), done))
	}
	return s.unfinished(diagnostic.AddToDetail(explained(err), "\n\n"+done))
}

func (s *removeStep) progress(now time.Time) Progress {
	return Progress{Removing: true, Removed: s.removal.removed.Load(), Elapsed: now.Sub(s.started)}
}

func (s *removeStep) fill(result *Result) {
	result.Removed, result.LeaversUnknown = s.removal.removed.Load(), s.unknown
	if s.moved && result.Removed > 0 { // the next run must not take whoever is back for a member
		result.Unsure, result.Acknowledged = &Unsure{MayHaveJoined: s.sending.unsure().MayHaveJoined}, nil
	}
}
