package provider

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// reasons says why a run is due. survey is nil if the segments were not read.
func (p *exportPlan) reasons(ctx context.Context, survey *export.Survey) due.Reasons {
	if p.state == nil {
		return due.Of(due.Facts{})
	}
	last := p.state.lastRun(ctx, p.diags)
	if last == nil {
		return due.Of(due.Facts{})
	}
	f := due.Facts{
		LastRun: &due.LastRun{
			Fingerprint: last.Fingerprint.ValueString(),
			Profiles:    last.ProfilesSubmitted.ValueInt64() + p.state.WithheldCount.ValueInt64(),
			Unconfirmed: last.Unconfirmed.ValueInt64(),
		},
		Disabled: !p.state.Enabled.ValueBool(),
		Before:   p.lastInputs(ctx), Now: p.plan.inputs(p.export),
		TriggersUnknown: p.plan.Triggers.IsUnknown(),
		Segments: due.Segments{
			MappingChanged: !p.sameMapping(ctx), SourceChanged: !p.sameSource(ctx),
			Refreshed: p.surveyRefreshed(ctx), Edited: p.edited,
		},
		List: p.listDrift(ctx),
		Tick: p.tick(ctx, last), TickPasses: p.refresh == nil,
	}
	saved := p.state.inputs(p.export)
	f.Moved = f.Before.AccountID != saved.AccountID || f.Before.ListID != saved.ListID
	if survey != nil {
		f.Segments.Fingerprint, f.Segments.Profiles = survey.Fingerprint, survey.Profiles
	}
	return due.Of(f)
}

// plannedReason is the reason of a run as far as the plan can promise it. Reasons
// that pass cannot be promised; they are known after apply.
func plannedReason(r due.Reasons) types.String {
	if len(r.Lasting) == 0 {
		return types.StringUnknown()
	}
	return types.StringValue(strings.Join(r.Lasting, "; "))
}

// tick is when the schedule last made a run due; zero if it did not. A schedule
// that was just edited counts from the next plan on.
func (p *exportPlan) tick(ctx context.Context, last *runModel) time.Time {
	switch {
	case p.refresh != nil && p.plan.Schedule.Equal(p.state.Schedule):
		return p.refresh.Tick
	case p.refresh != nil || p.edited || p.looked:
		return time.Time{}
	}
	s, ok := p.plan.schedule(ctx, p.diags)
	if !ok {
		return time.Time{}
	}
	if tick, due := s.Due(last.startedAt(), p.data.now()); due {
		return tick
	}
	return time.Time{}
}

// listDrift is whom the list has lost, as far as refreshing looked for that.
func (p *exportPlan) listDrift(ctx context.Context) (list due.List) {
	if p.refresh == nil {
		return list
	}
	m := p.refresh.Membership
	switch check := p.plan.MembershipCheck.ValueString(); {
	case m != nil && check == membershipFull:
		var before missing
		load(ctx, p.private, keyMissing, &before, p.diags) // without one nobody was missing
		list.Missing, list.Strangers, list.MoreMissing = m.Missing, m.Strangers, missingIn(m).more(before)
	case check != membershipNone:
		list.Lost = p.refresh.Lost
	}
	return list
}

// lastInputs is what the last run was made with.
func (p *exportPlan) lastInputs(ctx context.Context) due.Inputs {
	var inputs due.Inputs
	if !load(ctx, p.private, keyInputs, &inputs, p.diags) {
		inputs = p.state.inputs(p.export)
	}
	return inputs
}
