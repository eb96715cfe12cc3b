package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// dueReasons say why a run is due, in words for who reviews the plan.
type dueReasons struct {
	lasting []string // that hold whenever the plan is made again
	passing []string // found out just now: they may be others then
}

func (d dueReasons) any() bool { return len(d.lasting)+len(d.passing) > 0 }

func (d dueReasons) String() string { return strings.Join(slices.Concat(d.lasting, d.passing), "; ") }

// planned is the reason as far as the plan can promise it. Those that pass cannot
// be promised; they are known after apply.
func (d dueReasons) planned() types.String {
	if len(d.lasting) == 0 {
		return types.StringUnknown()
	}
	return types.StringValue(strings.Join(d.lasting, "; "))
}

// reasons says why a run is due. None means that none is. survey is nil if the
// segments were not read.
func (p *exportPlan) reasons(ctx context.Context, survey *export.Survey) (due dueReasons) {
	if p.state == nil {
		due.lasting = []string{"first run"}
		return due
	}
	last := p.state.lastRun(ctx, p.diags)
	if last == nil {
		due.lasting = []string{"first run"}
		return due
	}
	add := func(reason string) { due.lasting = append(due.lasting, reason) }
	if !p.state.Enabled.ValueBool() {
		add("enabled again")
	}
	before, now := p.lastInputs(ctx), p.plan.inputs(p.export)
	if before.AccountID != now.AccountID {
		add("account changed")
	}
	if before.ListID != now.ListID {
		add("list changed")
	}
	if before.sameList(now) && before.sameList(p.state.inputs(p.export)) {
		due.lasting = append(due.lasting, p.listDrift(ctx)...)
	}
	p.segmentReasons(ctx, &due, last, survey)
	if n := last.Unconfirmed.ValueInt64(); n > 0 {
		add(tally.CountWith(n, "profile", "was", "were") + " not confirmed by Klaviyo")
	}
	if before.SyncMode != now.SyncMode {
		add("sync mode changed")
	}
	if before.OptOuts != now.OptOuts {
		add("opt_outs changed")
	}
	if p.plan.Triggers.IsUnknown() {
		add("triggers changed")
	} else {
		for _, name := range slices.Sorted(maps.Keys(before.changedTriggers(now.Triggers))) {
			add("trigger " + name + " changed")
		}
	}
	if tick := p.tick(ctx, last); !tick.IsZero() {
		reason := "scheduled for " + tick.UTC().Format(time.RFC3339)
		if p.refresh != nil {
			add(reason)
		} else {
			due.passing = append(due.passing, reason)
		}
	}
	return due
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

// segmentReasons adds what changed in the segments or how they are mapped. Where
// the segments are declared to be makes no run due by itself. survey is nil if
// they were not read.
func (p *exportPlan) segmentReasons(ctx context.Context, due *dueReasons, last *runModel, survey *export.Survey) {
	changed := survey != nil && survey.Fingerprint != last.Fingerprint.ValueString()
	switch {
	case !p.sameMapping(ctx):
		due.lasting = append(due.lasting, "mapping changed")
	case changed && !p.sameSource(ctx):
		due.lasting = append(due.lasting, "segments changed")
	case changed && p.surveyRefreshed(ctx):
		before := last.ProfilesSubmitted.ValueInt64() + p.state.WithheldCount.ValueInt64()
		due.lasting = append(due.lasting, changeOfSegment(before, survey.Profiles))
	case changed && !p.edited:
		due.passing = append(due.passing, "segment changed")
	}
}

// listDrift says whom the list has lost, as far as refreshing looked for that.
func (p *exportPlan) listDrift(ctx context.Context) []string {
	if p.refresh == nil {
		return nil
	}
	m := p.refresh.Membership
	if m == nil || p.plan.MembershipCheck.ValueString() != membershipFull {
		if p.refresh.Lost > 0 && p.plan.MembershipCheck.ValueString() != membershipNone {
			return []string{"list lost " + tally.Count(p.refresh.Lost, "member")}
		}
		return nil
	}
	var before missing
	load(ctx, p.private, keyMissing, &before, p.diags) // without one nobody was missing
	if !missingIn(m).more(before) {
		return nil
	}
	reason := "list lacks " + tally.Count(m.Missing, "profile")
	if m.Strangers > 0 {
		reason += " and has " + tally.Count(m.Strangers, "stranger")
	}
	return []string{reason}
}

// lastInputs is what the last run was made with.
func (p *exportPlan) lastInputs(ctx context.Context) runInputs {
	var inputs runInputs
	if !load(ctx, p.private, keyInputs, &inputs, p.diags) {
		inputs = p.state.inputs(p.export)
	}
	return inputs
}

// changeOfSegment says how many profiles there were and are.
func changeOfSegment(before, after int64) string {
	if before == after {
		return fmt.Sprintf("segment changed: %s, not all the same as before", tally.Count(after, "profile"))
	}
	return fmt.Sprintf("segment changed: %s -> %s", tally.Thousands(before), tally.Count(after, "profile"))
}
