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

// exportPlan completes the plan of an export: it checks what is known, reads
// the segments, and decides whether a run is due.
type exportPlan struct {
	session *session
	plan    *segmentExportModel
	state   *segmentExportModel // nil on create
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
	var survey *export.Survey
	if p.plan.sourceKnown(ctx) {
		var err error
		if survey, err = p.export.Survey(ctx); err != nil {
			addError(p.diags, err)
			return
		}
	}
	p.decide(ctx, survey)
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
	used, err := p.session.access(d.keyRef())
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
	if p.plan.ListID.IsUnknown() {
		p.plan.ListName, p.plan.ListProfileCount = types.StringUnknown(), types.Int64Unknown()
		return
	}
	if err := p.export.CheckListAllowed(); err != nil {
		addError(p.diags, err)
		return
	}
	if p.state != nil && p.state.ListID.Equal(p.plan.ListID) && p.state.ID.Equal(p.plan.ID) && !p.state.ListName.IsNull() {
		p.plan.ListName, p.plan.ListProfileCount = p.state.ListName, p.state.ListProfileCount
		return
	}
	p.plan.ListName, p.plan.ListProfileCount = types.StringUnknown(), types.Int64Unknown()
	if p.used == nil {
		return
	}
	list, err := p.export.CheckList(ctx, p.used.client)
	if err != nil {
		addError(p.diags, p.used.blame(err))
		return
	}
	p.plan.ListName = types.StringValue(list.Name)
}

// keep plans that nothing is read and nothing sent.
func (p *exportPlan) keep() {
	kept := segmentExportModel{LastRun: types.ObjectNull(runType())}
	if p.state != nil {
		kept = *p.state
	}
	p.plan.keepSurvey(&kept)
	p.plan.LastRun = kept.LastRun
	p.plan.ListName, p.plan.ListProfileCount = kept.ListName, kept.ListProfileCount
}

// keepSurvey takes the counts of another model.
func (m *segmentExportModel) keepSurvey(from *segmentExportModel) {
	m.Fingerprint, m.ProfileCount = from.Fingerprint, from.ProfileCount
	m.RejectedCount, m.DuplicateCount = from.RejectedCount, from.DuplicateCount
}

// decide plans a run if one is due. survey is nil when the segments are not
// known yet.
func (p *exportPlan) decide(ctx context.Context, survey *export.Survey) {
	if survey == nil || p.plan.Enabled.IsUnknown() {
		p.plan.keepSurvey(&segmentExportModel{
			Fingerprint: types.StringUnknown(), ProfileCount: types.Int64Unknown(),
			RejectedCount: types.Int64Unknown(), DuplicateCount: types.Int64Unknown(),
		})
		p.plan.LastRun = types.ObjectUnknown(runType())
		return
	}
	reasons := p.reasons(ctx, survey)
	p.plan.LastRun = types.ObjectNull(runType())
	if p.state != nil {
		p.plan.LastRun = p.state.LastRun
	}
	if len(reasons) == 0 {
		p.plan.keepSurvey(p.state)
		return
	}
	p.plan.setSurvey(survey)
	if p.plan.RunOnApply.IsUnknown() {
		p.plan.LastRun = types.ObjectUnknown(runType())
		return
	}
	if !p.plan.RunOnApply.ValueBool() {
		return
	}
	if p.used != nil {
		if err := p.used.client.CheckReadScopes(ctx); err != nil {
			addError(p.diags, p.used.blame(err))
			return
		}
	}
	p.plan.LastRun = plannedRun(strings.Join(reasons, "; "))
	p.plan.ListProfileCount = types.Int64Unknown()
	warnLeftOut(p.diags, &survey.Rejected, &survey.Dropped)
}

// reasons says why a run is due, in words for who reviews the plan. None means
// that none is.
func (p *exportPlan) reasons(ctx context.Context, survey *export.Survey) []string {
	if p.state == nil {
		return []string{"first run"}
	}
	last := p.state.lastRun(ctx, p.diags)
	if last == nil {
		return []string{"first run"}
	}
	var reasons []string
	before, _, _ := strings.Cut(p.state.ID.ValueString(), "/")
	if p.export.Destination.AccountID != before {
		reasons = append(reasons, "account changed")
	}
	if !p.plan.ListID.Equal(p.state.ListID) {
		reasons = append(reasons, "list changed")
	} else if lost := last.ListProfileCount.ValueInt64() - p.state.ListProfileCount.ValueInt64(); lost > 0 && !p.state.ListProfileCount.IsNull() {
		reasons = append(reasons, "list lost "+export.Count(lost, "member"))
	}
	if survey.Fingerprint != last.Fingerprint.ValueString() {
		reasons = append(reasons, p.changeOfSegment(last.ProfilesSubmitted.ValueInt64(), survey.Profiles))
	}
	if !p.plan.SyncMode.Equal(p.state.SyncMode) {
		reasons = append(reasons, "sync mode changed")
	}
	return append(reasons, p.changedTriggers()...)
}

// changeOfSegment says what made the profiles others than those last sent.
func (p *exportPlan) changeOfSegment(before, after int64) string {
	what := "segment changed"
	if !p.plan.DataMatching.Equal(p.state.DataMatching) || !p.plan.Attributes.Equal(p.state.Attributes) || !p.plan.Properties.Equal(p.state.Properties) {
		what = "mapping changed"
	}
	if before == after {
		return fmt.Sprintf("%s: %s, not all the same as before", what, export.Count(after, "profile"))
	}
	return fmt.Sprintf("%s: %s -> %s", what, export.Thousands(before), export.Count(after, "profile"))
}

// changedTriggers names the triggers that are not as they were. A value that
// is not known yet counts as changed.
func (p *exportPlan) changedTriggers() []string {
	if p.plan.Triggers.IsUnknown() {
		return []string{"triggers changed"}
	}
	before, after := p.state.Triggers.Elements(), p.plan.Triggers.Elements()
	names := map[string]struct{}{}
	for name, value := range after {
		if old, ok := before[name]; !ok || !old.Equal(value) {
			names[name] = struct{}{}
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names[name] = struct{}{}
		}
	}
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		reasons = append(reasons, fmt.Sprintf("trigger %s changed", name))
	}
	return reasons
}

// warnLeftOut sums up what of the segments does not go to Klaviyo.
func warnLeftOut(diags *diag.Diagnostics, rejected, dropped *export.Tally) {
	if rejected.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Rows That Cannot Be Exported",
			export.Count(rejected.Total, "row")+" cannot be exported and will be skipped:\n"+rejected.String()+
				"Rows are counted from the first one after the header.")
	}
	if dropped.Total > 0 {
		diags.AddAttributeWarning(path.Root("data_matching"), "Values That Are Left Out",
			"Some profiles are exported without a value that Klaviyo would refuse:\n"+dropped.String()+
				"Rows are counted from the first one after the header.")
	}
}

// warnRefused sums up what Klaviyo did not import.
func warnRefused(diags *diag.Diagnostics, result *export.Result) {
	if result.Refused.Total == 0 {
		return
	}
	diags.AddAttributeWarning(path.Root("segments"), "Profiles That Klaviyo Refused",
		fmt.Sprintf("%s of %s were exported. Klaviyo refused:\n%sCorrect these rows in the source; the next run tries them again.",
			export.Thousands(result.Exported), export.Count(result.Submitted, "profile"), result.Refused.String()))
}
