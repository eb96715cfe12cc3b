package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// exportPlan completes the plan of an export: it checks what is known, looks
// at the segments, and decides whether a run is due.
type exportPlan struct {
	data    *providerData
	plan    *segmentExportModel
	state   *segmentExportModel // nil on create
	private privateState
	diags   *diag.Diagnostics

	export *export.Export
	used   *access // nil while the key or the account is not known
}

// complete fills in every computed attribute of the plan. What depends on
// unknown inputs stays unknown.
func (p *exportPlan) complete(ctx context.Context) {
	p.export = p.plan.export(ctx, p.diags)
	if p.diags.HasError() {
		return
	}
	p.plan.setID(p.export)
	if !p.plan.Enabled.IsUnknown() && !p.plan.Enabled.ValueBool() {
		p.keep()
		return
	}
	p.checkDestination(ctx)
	if p.diags.HasError() {
		return
	}
	p.checkList(ctx)
	if p.diags.HasError() {
		return
	}
	survey, refreshed := p.survey(ctx)
	if p.diags.HasError() {
		return
	}
	p.decide(ctx, survey, refreshed)
}

// checkDestination checks consent, key and account as far as they are known.
func (p *exportPlan) checkDestination(ctx context.Context) {
	d, ok := p.plan.destination(ctx, p.diags)
	if !ok {
		return
	}
	if !d.DataPrivacyConsent.IsUnknown() {
		if err := p.export.CheckConsent(); err != nil {
			addError(p.diags, err)
			return
		}
	}
	used, err := p.data.access(d.keyRef())
	if errors.Is(err, errKeyUnknown) {
		return
	}
	if err != nil {
		addError(p.diags, err)
		return
	}
	if d.AccountID.IsUnknown() { // the connection is yet to check the key
		return
	}
	p.used = used
	if err := p.export.CheckAccount(ctx, used.client); err != nil {
		addError(p.diags, used.blame(err))
	}
}

// checkList checks that the list may be used and is there, unless refreshing
// has just seen it.
func (p *exportPlan) checkList(ctx context.Context) {
	p.plan.ListName, p.plan.ListProfileCount = types.StringUnknown(), types.Int64Unknown()
	if p.plan.ListID.IsUnknown() {
		return
	}
	if err := p.export.CheckListAllowed(); err != nil {
		addError(p.diags, err)
		return
	}
	if p.state != nil && p.state.ID.Equal(p.plan.ID) && !p.state.ListName.IsNull() {
		p.plan.ListName, p.plan.ListProfileCount = p.state.ListName, p.state.ListProfileCount
		return
	}
	if p.used == nil {
		return
	}
	if _, err := p.export.CheckList(ctx, p.used.client); err != nil {
		addError(p.diags, p.used.blame(err))
	}
}

// survey looks at the segments: what refreshing found, if they are declared as
// they were then, else what is there now. It is nil while they are not known.
func (p *exportPlan) survey(ctx context.Context) (survey *export.Survey, refreshed bool) {
	if !p.plan.sourceKnown(ctx) {
		return nil, false
	}
	survey = &export.Survey{}
	if p.sameSource() && load(ctx, p.private, keySurvey, survey, p.diags) {
		if err := p.export.CheckSurvey(survey); err != nil {
			addError(p.diags, err)
		}
		return survey, true
	}
	survey, err := p.export.Survey(ctx)
	if err != nil {
		addError(p.diags, err)
		return survey, false
	}
	p.data.surveys.keep(p.plan.source(), survey)
	return survey, false
}

// sameSource reports whether segments and mapping are those of the state.
func (p *exportPlan) sameSource() bool {
	return p.state != nil && p.plan.Segments.Equal(p.state.Segments) && p.sameMapping()
}

func (p *exportPlan) sameMapping() bool {
	return p.plan.DataMatching.Equal(p.state.DataMatching) && p.plan.Attributes.Equal(p.state.Attributes) &&
		p.plan.Properties.Equal(p.state.Properties)
}

// keep plans that nothing is read and nothing sent.
func (p *exportPlan) keep() {
	kept := segmentExportModel{LastRun: types.ObjectNull(runType())}
	if p.state != nil {
		kept = *p.state
	}
	p.plan.keepSurvey(&kept)
	p.plan.LastRun, p.plan.WithheldCount = kept.LastRun, kept.WithheldCount
	p.plan.ListName, p.plan.ListProfileCount = kept.ListName, kept.ListProfileCount
}

// decide plans a run if one is due. survey is nil when the segments are not
// known yet.
func (p *exportPlan) decide(ctx context.Context, survey *export.Survey, refreshed bool) {
	p.plan.LastRun, p.plan.WithheldCount = types.ObjectNull(runType()), types.Int64Null()
	if p.state != nil {
		p.plan.LastRun, p.plan.WithheldCount = p.state.LastRun, p.state.WithheldCount
	}
	if survey == nil || p.plan.Enabled.IsUnknown() {
		p.plan.forgetSurvey()
		if p.plan.RunOnApply.IsUnknown() || p.plan.RunOnApply.ValueBool() {
			p.plan.LastRun, p.plan.WithheldCount = types.ObjectUnknown(runType()), types.Int64Unknown()
		}
		return
	}
	reasons := p.reasons(ctx, survey, refreshed)
	if len(reasons) == 0 {
		p.plan.keepSurvey(p.state)
		return
	}
	runs := p.plan.RunOnApply.IsUnknown() || p.plan.RunOnApply.ValueBool()
	switch {
	case !runs && p.state != nil && survey.Fingerprint == p.state.Fingerprint.ValueString():
		p.plan.keepSurvey(p.state)
	case refreshed:
		p.plan.setSurvey(survey)
	default:
		p.plan.forgetSurvey()
	}
	switch {
	case p.plan.RunOnApply.IsUnknown():
		p.plan.LastRun, p.plan.WithheldCount = types.ObjectUnknown(runType()), types.Int64Unknown()
	case runs:
		p.planRun(ctx, strings.Join(reasons, "; "), survey, refreshed)
	}
}

// planRun plans a run that is due.
func (p *exportPlan) planRun(ctx context.Context, reason string, survey *export.Survey, refreshed bool) {
	if p.used != nil {
		if err := p.used.client.CheckReadScopes(ctx); err != nil {
			addError(p.diags, p.used.blame(err))
			return
		}
	}
	p.plan.LastRun = plannedRun(reason)
	p.plan.ListProfileCount, p.plan.WithheldCount = types.Int64Unknown(), types.Int64Unknown()
	warnSurvey(p.diags, survey, refreshed)
}

// reasons says why a run is due, in words for who reviews the plan. None means
// that none is. Only a survey that was refreshed gives figures: Terraform makes
// the plan again when it applies it, and by then another one may find others.
func (p *exportPlan) reasons(ctx context.Context, survey *export.Survey, refreshed bool) []string {
	if p.state == nil {
		return []string{"first run"}
	}
	last := p.state.lastRun(ctx, p.diags)
	if last == nil {
		return []string{"first run"}
	}
	var reasons []string
	if !p.state.Enabled.ValueBool() {
		reasons = append(reasons, "enabled again")
	}
	before, now := p.lastInputs(ctx), p.plan.inputs(p.export)
	if before.AccountID != now.AccountID {
		reasons = append(reasons, "account changed")
	}
	if before.ListID != now.ListID {
		reasons = append(reasons, "list changed")
	}
	lost := last.ListProfileCount.ValueInt64() - p.state.ListProfileCount.ValueInt64()
	counted := !last.ListProfileCount.IsNull() && !p.state.ListProfileCount.IsNull()
	if lost > 0 && counted && before.sameList(now) && before.sameList(p.state.inputs(p.export)) {
		reasons = append(reasons, "list lost "+export.Count(lost, "member"))
	}
	switch same := survey.Fingerprint == last.Fingerprint.ValueString(); {
	case !p.sameMapping():
		reasons = append(reasons, "mapping changed")
	case !p.sameSource():
		reasons = append(reasons, "segments changed")
	case !same && refreshed:
		reasons = append(reasons, changeOfSegment(last.ProfilesSubmitted.ValueInt64()+p.state.WithheldCount.ValueInt64(), survey.Profiles))
	case !same:
		reasons = append(reasons, "segment changed")
	}
	if before.SyncMode != now.SyncMode {
		reasons = append(reasons, "sync mode changed")
	}
	if before.OptOuts != now.OptOuts {
		reasons = append(reasons, "opt_outs changed")
	}
	if p.plan.Triggers.IsUnknown() {
		return append(reasons, "triggers changed")
	}
	for _, name := range slices.Sorted(maps.Keys(before.changedTriggers(now.Triggers))) {
		reasons = append(reasons, "trigger "+name+" changed")
	}
	return reasons
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
		return fmt.Sprintf("segment changed: %s, not all the same as before", export.Count(after, "profile"))
	}
	return fmt.Sprintf("segment changed: %s -> %s", export.Thousands(before), export.Count(after, "profile"))
}

const rowsCounted = "Rows are counted from the first one after the header."

// warnSurvey sums up what a run is about where the plan itself cannot show it,
// and what of the segments does not go to Klaviyo.
func warnSurvey(diags *diag.Diagnostics, s *export.Survey, refreshed bool) {
	if !refreshed {
		diags.AddAttributeWarning(path.Root("segments"), "Profiles To Be Exported",
			fmt.Sprintf("%s, from %s: %s, and %s that cannot be exported. This is what the segments hold now. "+
				"What they hold when the plan is applied is exported, so the counts are known only then.",
				export.Count(s.Profiles, "profile"), export.Count(s.Rows, "row"), export.Count(s.Duplicates, "duplicate"), export.Count(s.Rejected.Total, "row")))
	}
	if s.Rejected.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Rows That Cannot Be Exported",
			export.Count(s.Rejected.Total, "row")+" cannot be exported and will be skipped:\n"+s.Rejected.String()+rowsCounted)
	}
	if s.Dropped.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Values That Are Left Out",
			"Some profiles are exported without a value that Klaviyo would refuse:\n"+s.Dropped.String()+rowsCounted)
	}
}

// warnResult sums up what Klaviyo did not take.
func warnResult(diags *diag.Diagnostics, r *export.Result) {
	if r.Refused.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Profiles That Klaviyo Refused",
			fmt.Sprintf("Klaviyo took %s of %s. It refused:\n%sCorrect these rows in the source; the next run tries them again. %s",
				export.Thousands(r.Exported), export.Count(r.Submitted(), "profile"), r.Refused.String(), rowsCounted))
	}
	if r.Unwanted.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Values That Klaviyo Refused",
			"Some profiles were exported without a value that Klaviyo refused:\n"+r.Unwanted.String()+rowsCounted)
	}
}
