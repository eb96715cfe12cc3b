package provider

import (
	"context"
	"errors"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// unfinishedRemoval is what is known of the members whom a failed run was to remove
// the list. It is of the account and the list of keyInputs.
type unfinishedRemoval struct {
	Left    int64         `json:"left"`    // who are still to be removed; -1 if that is not known
	Members int64         `json:"members"` // of the list by then, at least; -1 if that is not known
	At      time.Time     `json:"at"`      // zero if the sketches are older than that run
	Listed  bool          `json:"listed"`  // they are among the changes since keyAcknowledged
	Leaving pipeline.Keys `json:"leaving"` // see [export.Export]
}

// keepUnfinished keeps what a run tells that failed while it removed members from the list, so
// that the next run goes on from there. A run to another list than the last one starts
// anew.
func (p *exportPlan) keepUnfinished(ctx context.Context, err error) {
	var failed *export.UnfinishedRemoval
	if !errors.As(err, &failed) || !p.ranBefore {
		return
	}
	u := unfinishedRemoval{Left: failed.Left, Members: failed.Members, Listed: failed.Listed, Leaving: failed.Leaving}
	switch before := p.unfinished; {
	case failed.Acknowledged != nil:
		p.storeSketches(ctx, failed.Acknowledged, failed.AcknowledgedKeys)
		store(ctx, p.private, keyPartlySent, nil, p.diags) // all is sent, and who is to be removed is in the sketches
		store(ctx, p.private, keyWithdrawn, nil, p.diags)
		u.At = failed.At
		if failed.Members < 0 && before != nil {
			u.Members, u.At = before.Members, before.At
		}
	case before != nil:
		return // the sketches are what they were, and so is the rest
	}
	store(ctx, p.private, keyUnfinished, u, p.diags)
}

// partlySent is what is known of a run that failed after it had sent profiles, or whose
// segments changed while it sent their changes.
type partlySent struct {
	Succeeded     bool          `json:"succeeded,omitempty"`
	Listed        bool          `json:"listed"`          // they are among the changes since keyAcknowledged
	MayHaveJoined pipeline.Keys `json:"may_have_joined"` // see [export.Export]
}

// loadPartlySent loads what a run to the same list has not sent to the end.
func (p *exportPlan) loadPartlySent(ctx context.Context) {
	var failed partlySent
	if p.ranBefore && load(ctx, p.private, keyPartlySent, &failed, p.diags) {
		p.partly = &failed
		p.export.MayHaveJoined = failed.MayHaveJoined
	}
}

// keepPartlySent has the next run send again what a run was to send that failed after it
// had sent some profiles.
func (p *exportPlan) keepPartlySent(ctx context.Context, err error) {
	var failed *export.PartlySent
	if !errors.As(err, &failed) {
		return
	}
	store(ctx, p.private, keyPartlySent, partlySent{Listed: failed.Acknowledged != nil, MayHaveJoined: failed.MayHaveJoined}, p.diags)
	store(ctx, p.private, keyWithdrawn, nil, p.diags) // after an unfinished destroy everything was sent, and will be again
	if failed.Acknowledged != nil {
		p.storeSketches(ctx, failed.Acknowledged, failed.AcknowledgedKeys)
	}
}

// keepUnsure has the next run send again what a run was to send that succeeded, although
// the segments changed meanwhile.
func (p *exportPlan) keepUnsure(ctx context.Context, unsure *export.Unsure) {
	if unsure == nil {
		store(ctx, p.private, keyPartlySent, nil, p.diags)
		return
	}
	store(ctx, p.private, keyPartlySent, partlySent{Succeeded: true, Listed: unsure.Acknowledged != nil, MayHaveJoined: unsure.MayHaveJoined}, p.diags)
}

// loadUnfinished loads what a run to the same list has not finished.
func (p *exportPlan) loadUnfinished(ctx context.Context) {
	var u unfinishedRemoval
	if p.export.Mirror != export.MirrorNone && p.ranBefore && load(ctx, p.private, keyUnfinished, &u, p.diags) {
		p.unfinished = &u
		p.export.RemovalUnfinished, p.export.Leaving = !u.Listed, u.Leaving
	}
}

// setAcknowledgedAt sets when the acknowledged profiles had joined the list.
func (p *exportPlan) setAcknowledgedAt() {
	if p.unfinished != nil && !p.unfinished.At.IsZero() {
		p.export.AcknowledgedAt = p.unfinished.At
		return
	}
	p.export.AcknowledgedAt = p.state.lastRun().completedAt()
}
