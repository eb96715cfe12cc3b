package provider

import (
	"context"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// reasons says why a run is due. survey is nil if the segments were not read.
func (p *exportPlan) reasons(ctx context.Context, survey *export.Survey) due.Reasons {
	return due.Decide(p.facts(ctx, survey))
}

// facts are what decides whether a run is due. survey is nil if the segments were
// not read.
func (p *exportPlan) facts(ctx context.Context, survey *export.Survey) *due.Facts {
	if p.state == nil {
		return &due.Facts{}
	}
	last := p.state.lastRun()
	if last == nil { // imported or never run: the state may declare nothing to compare with
		return &due.Facts{}
	}
	facts := &due.Facts{
		Last: p.lastRun(ctx, last),

		Now: p.plan.inputs(p.export),

		EnabledAgain:    !p.state.Enabled.ValueBool(),
		MappingChanged:  !p.sameMapping(ctx),
		SegmentsChanged: !p.plan.Segments.Equal(p.state.Segments),
		ScheduleChanged: !p.plan.Schedule.Equal(p.state.Schedule),
		FullSendChanged: !p.plan.FullSendAfter.Equal(p.state.FullSendAfter),
		Edited:          p.edited,

		Refresh:       p.refreshFacts(),
		JustRefreshed: p.justRefreshed,

		MembershipCheck: p.plan.MembershipCheck.ValueString(),
		Send:            p.plan.send(),
		FullSend:        fullSendDue(p.plan.FullSendAfter, p.state.LastFullSendAt, p.data.now()),
		Tick:            p.plan.tick(ctx, last, p.data.now(), p.diags),
	}
	if survey != nil {
		facts.Survey = &due.Survey{Fingerprint: survey.Fingerprint, Profiles: survey.Profiles, Changes: difference(survey.Changes), Consents: p.newConsents(survey)}
	}
	return facts
}

// lastRun is the last run as it was recorded when it finished.
func (p *exportPlan) lastRun(ctx context.Context, last lastRun) *due.Run {
	run := &due.Run{
		Fingerprint: last.text(runFingerprint).ValueString(),
		Unconfirmed: last.count(runUnconfirmed).ValueInt64(),
		Known:       p.known,
	}
	counts := runCounts{Profiles: p.state.ProfileCount.ValueInt64()}
	load(ctx, p.private, keyCounts, &counts, p.diags)
	run.Profiles, run.Untaken = counts.Profiles, counts.Untaken
	if !load(ctx, p.private, keyInputs, &run.Inputs, p.diags) {
		run.Inputs, run.Killed = p.state.inputs(p.export), true
	}
	load(ctx, p.private, keyMissing, &run.Missing, p.diags)
	run.Unsubscribed = p.unsubscribed
	if p.partly != nil {
		run.PartlySent, run.PartlySentListed, run.Succeeded = true, p.partly.Listed, p.partly.Succeeded
	}
	run.DestroyUnfinished = load(ctx, p.private, keyWithdrawn, &unfinishedDestroy{}, p.diags)
	if p.unfinished != nil {
		run.RemovalUnfinished, run.Unremoved, run.UnremovedListed = true, p.unfinished.Left, p.unfinished.Listed
	}
	return run
}

// refreshFacts are what a refresh found, nil if nothing. It reads the export as it
// is in the state.
func (p *exportPlan) refreshFacts() *due.Refresh {
	if p.refresh == nil {
		return nil
	}
	found := &due.Refresh{
		List: p.state.inputs(p.export).List, SegmentsRead: p.refresh.Survey != nil,
		Lost: p.refresh.Lost, Tick: p.refresh.Tick, FullSend: p.refresh.FullSend, ListGone: p.refresh.ListGone,
	}
	if m := p.refresh.Membership; m != nil {
		found.Membership = &due.Membership{Missing: missingIn(m), Listed: m.Listed, Strangers: m.Strangers}
	}
	if s := p.refresh.Sample; s != nil {
		found.Sample = &due.Sample{People: s.People, Missing: s.Missing}
	}
	return found
}

// missingIn returns the members missing on a list.
func missingIn(m *export.Membership) due.Missing {
	return due.Missing{Count: m.Missing, Fingerprint: m.MissingFingerprint}
}
