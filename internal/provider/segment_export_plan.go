package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

	limit   time.Duration // for reading
	export  *export.Export
	used    *access    // nil while the key or the account is not known
	refresh *refreshed // what the plan rests on; nil on create, and without a refresh
}

// complete fills in every computed attribute of the plan. What depends on
// unknown inputs stays unknown. limit bounds how long it may read.
func (p *exportPlan) complete(ctx context.Context, limit time.Duration) {
	ctx, cancel := withTimeout(ctx, "read", limit)
	defer cancel()
	p.limit = limit
	p.export = p.plan.export(ctx, p.diags)
	if p.diags.HasError() {
		return
	}
	p.plan.setID(p.export)
	if !p.plan.Enabled.IsUnknown() && !p.plan.Enabled.ValueBool() {
		p.keep()
		return
	}
	if found := (refreshed{}); p.state != nil && load(ctx, p.private, keyRefresh, &found, p.diags) {
		p.refresh = &found
	}
	p.checkRejects()
	p.checkDestination(ctx)
	if p.diags.HasError() {
		return
	}
	p.checkList(ctx)
	if p.diags.HasError() {
		return
	}
	survey := p.survey(ctx)
	if p.diags.HasError() {
		return
	}
	p.decide(ctx, survey)
	p.plan.setNextRun(ctx, p.diags)
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
	if d.checkGuardRails(p.diags); p.diags.HasError() {
		return
	}
	used, err := p.data.access(d.keyRef())
	if errors.Is(err, errAccessUnknown) {
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
		p.fail(ctx, "the account of the API key", used.blame(err))
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
		p.fail(ctx, "the list", p.used.blame(err))
	}
}

// fail reports an error of reading something.
func (p *exportPlan) fail(ctx context.Context, reading string, err error) {
	addError(p.diags, explainTimeout(ctx, reading, err))
}

// survey looks at the segments: what refreshing found, if they are declared as
// they were then, else what is there now. It is nil while they are not known.
func (p *exportPlan) survey(ctx context.Context) *export.Survey {
	if !p.plan.sourceKnown(ctx) {
		return nil
	}
	if p.surveyRefreshed() {
		if err := p.export.CheckSurvey(p.refresh.Survey); err != nil {
			addError(p.diags, err)
		}
		return p.refresh.Survey
	}
	if err := p.data.surveys.timedOut(p.plan.source(), p.limit); err != nil {
		addError(p.diags, err)
		return nil
	}
	survey, err := p.export.SurveyUnless(ctx, loadSurveyed(ctx, p.private, p.plan, p.diags))
	if err != nil {
		p.fail(ctx, "what the segments hold", err)
		return nil
	}
	p.data.surveys.keep(p.plan.source(), survey)
	return survey
}

// surveyRefreshed reports whether refreshing read the segments as they are
// declared now. Only then do figures of them belong into the plan: Terraform
// makes it again when it applies it, and by then another survey may find
// others.
func (p *exportPlan) surveyRefreshed() bool {
	return p.refresh != nil && p.refresh.Survey != nil && p.sameSource()
}

// sameSource reports whether segments and mapping are those of the state.
func (p *exportPlan) sameSource() bool {
	return p.state != nil && p.plan.Segments.Equal(p.state.Segments) && p.sameMapping()
}

func (p *exportPlan) sameMapping() bool {
	return p.plan.DataMatching.Equal(p.state.DataMatching) && p.plan.Attributes.Equal(p.state.Attributes) &&
		p.plan.Properties.Equal(p.state.Properties) && p.plan.SegmentProperty.Equal(p.state.SegmentProperty)
}

// keep plans that nothing is read and nothing sent.
func (p *exportPlan) keep() {
	kept := segmentExportModel{LastRun: types.ObjectNull(runType())}
	if p.state != nil {
		kept = *p.state
	}
	p.plan.NextRunAt = types.StringNull()
	if p.state == nil || p.state.Enabled.ValueBool() {
		p.diags.AddAttributeWarning(path.Root("enabled"), "Export Is Disabled",
			"With enabled = false the segments are not read and nothing is sent, until it is true again.")
	}
	p.plan.keepSurvey(&kept)
	p.plan.LastRun, p.plan.WithheldCount = kept.LastRun, kept.WithheldCount
	p.plan.ListName, p.plan.ListProfileCount = kept.ListName, kept.ListProfileCount
}

// decide plans a run if one is due. survey is nil when the segments are not
// known yet.
func (p *exportPlan) decide(ctx context.Context, survey *export.Survey) {
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
	due := p.reasons(ctx, survey)
	if !due.any() {
		p.plan.keepSurvey(p.state)
		return
	}
	runs := p.plan.RunOnApply.IsUnknown() || p.plan.RunOnApply.ValueBool()
	switch {
	case !runs && p.state != nil && survey.Fingerprint == p.state.Fingerprint.ValueString():
		p.plan.keepSurvey(p.state)
	case p.surveyRefreshed() || p.plan.PinToPlan.ValueBool():
		p.plan.setSurvey(survey)
	default:
		p.plan.forgetSurvey()
	}
	switch {
	case p.plan.RunOnApply.IsUnknown():
		p.plan.LastRun, p.plan.WithheldCount = types.ObjectUnknown(runType()), types.Int64Unknown()
	case runs:
		p.planRun(ctx, due, survey)
	}
}

// planRun plans a run that is due.
func (p *exportPlan) planRun(ctx context.Context, due dueReasons, survey *export.Survey) {
	if p.used != nil {
		p.checkBeforeRun(ctx, survey)
		if p.diags.HasError() {
			return
		}
	}
	reason := due.planned(p.refresh != nil || p.state == nil)
	if p.surveyRefreshed() {
		reason = types.StringValue(reason.ValueString() + " " + estimate(survey.Profiles))
	}
	p.plan.LastRun = plannedRun(reason)
	p.plan.ListProfileCount, p.plan.WithheldCount = types.Int64Unknown(), types.Int64Unknown()
	warnSurvey(p.diags, survey, p.surveyRefreshed())
}

// checkBeforeRun makes sure that the key can do what a run needs, as far as
// that can be tried, and that the run mails nobody by accident.
func (p *exportPlan) checkBeforeRun(ctx context.Context, survey *export.Survey) {
	if err := p.used.client.CheckReadScopes(ctx); err != nil {
		p.fail(ctx, "what the API key may do", p.used.blame(err))
		return
	}
	if p.plan.ListID.IsUnknown() {
		return
	}
	err := p.export.CheckFlows(ctx, p.used.client, survey.Profiles)
	var unchecked *export.FlowsUnknownError
	switch {
	case errors.As(err, &unchecked):
		p.diags.AddAttributeWarning(path.Root("list_id"), "Flows Were Not Checked",
			"The API key lacks the scope flows:read, so nobody has checked whether joining the list starts a live flow, which would send messages to everybody who is new on it. "+
				"Use a key with that scope, or set safeguards.allow_live_flows = true if that is meant.")
	case err != nil:
		p.fail(ctx, "the flows of the list", p.used.blame(err))
	}
}

// estimate says what a run of so many profiles takes.
func estimate(profiles int64) string {
	return fmt.Sprintf("(%s, %s at best)", export.Count(export.Jobs(profiles), "import job"), max(export.Shortest(profiles), time.Second))
}

// dueReasons say why a run is due, in words for who reviews the plan.
type dueReasons struct {
	lasting []string // that hold whenever the plan is made again
	passing []string // found out just now: they may be others then
}

func (d dueReasons) any() bool { return len(d.lasting)+len(d.passing) > 0 }

func (d dueReasons) String() string { return strings.Join(slices.Concat(d.lasting, d.passing), "; ") }

// planned is the reason as far as the plan can promise it. Without a refresh
// those that pass cannot be promised; they are known after apply.
func (d dueReasons) planned(refreshed bool) types.String {
	switch {
	case refreshed:
		return types.StringValue(d.String())
	case len(d.lasting) > 0:
		return types.StringValue(strings.Join(d.lasting, "; "))
	default:
		return types.StringUnknown()
	}
}

// reasons says why a run is due. None means that none is.
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
	p.segmentReasons(&due, last, survey)
	if n := last.Unconfirmed.ValueInt64(); n == 1 {
		add("1 profile was not confirmed by Klaviyo")
	} else if n > 1 {
		add(export.Count(n, "profile") + " were not confirmed by Klaviyo")
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
	if s, ok := p.plan.schedule(ctx, p.diags); ok {
		if tick, ok := s.due(last.startedAt(), p.now()); ok {
			due.passing = append(due.passing, "scheduled for "+tick.UTC().Format(time.RFC3339))
		}
	}
	return due
}

// now is when the plan was made: that of the refresh, which stays the same
// when the plan is made again.
func (p *exportPlan) now() time.Time {
	if p.refresh != nil {
		return p.refresh.At
	}
	return p.data.now()
}

// segmentReasons adds what changed in the segments or how they are mapped.
func (p *exportPlan) segmentReasons(due *dueReasons, last *runModel, survey *export.Survey) {
	changed := survey.Fingerprint != last.Fingerprint.ValueString()
	switch {
	case !p.sameMapping():
		due.lasting = append(due.lasting, "mapping changed")
	case !p.sameSource():
		due.lasting = append(due.lasting, "segments changed")
	case changed && p.surveyRefreshed():
		before := last.ProfilesSubmitted.ValueInt64() + p.state.WithheldCount.ValueInt64()
		due.lasting = append(due.lasting, changeOfSegment(before, survey.Profiles))
	case changed:
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
			return []string{"list lost " + export.Count(p.refresh.Lost, "member")}
		}
		return nil
	}
	var before missing
	load(ctx, p.private, keyMissing, &before, p.diags) // without one nobody was missing
	if !missingIn(m).more(before) {
		return nil
	}
	reason := "list lacks " + export.Count(m.Missing, "profile")
	if m.Strangers > 0 {
		reason += " and has " + export.Count(m.Strangers, "stranger")
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
			fmt.Sprintf("%s %s, from %s: %s, and %s that cannot be exported. This is what the segments hold now. "+
				"Unless pin_to_plan is true, what they hold when the plan is applied is exported.",
				export.Count(s.Profiles, "profile"), estimate(s.Profiles), export.Count(s.Rows, "row"), export.Count(s.Duplicates, "duplicate"), export.Count(s.Rejected.Total, "row")))
	}
	if s.Rejected.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Rows That Cannot Be Exported",
			export.Count(s.Rejected.Total, "row")+" cannot be exported and are skipped:\n"+s.Rejected.String()+rowsCounted)
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
	if r.Unconfirmed.Total() > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Profiles That Klaviyo Did Not Confirm",
			fmt.Sprintf("Klaviyo finished its jobs, but counted %s of %s neither as imported nor as failed, so it is not known whether they arrived:\n%s"+
				"Sending them again makes good what is missing and changes nothing else: the next plan shows a run of the export as due, and a run on demand is to be requested again. "+
				"If the same happens then, ask Klaviyo's support about these jobs. %s",
				export.Thousands(r.Unconfirmed.Total()), export.Count(r.Submitted(), "profile"), r.Unconfirmed.String(), rowsCounted))
	}
	if r.Unwanted.Total > 0 {
		diags.AddAttributeWarning(path.Root("segments"), "Values That Klaviyo Refused",
			"Some profiles were exported without a value that Klaviyo refused:\n"+r.Unwanted.String()+rowsCounted)
	}
}
