package provider

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// exportPlan completes the plan of an export: it checks what is known, reads the
// segments, and decides whether a run is due.
type exportPlan struct {
	data    *providerData
	plan    *segmentExportModel
	state   *segmentExportModel // nil on create
	private privateState
	diags   *diag.Diagnostics

	edited        bool          // the configuration differs from that of the state
	configured    bool          // every argument is known
	limit         time.Duration // for reading
	export        *export.Export
	used          *access        // nil while the key or the account is not known
	refresh       *refreshed     // what a refresh found that makes a run due; nil if nothing
	justRefreshed bool           // this process has just refreshed the export
	outcome       refreshOutcome // of that refresh
	partly        *partlySent    // what a run has not sent to the end; nil if there is nothing
	ranBefore     bool           // the last run was to the list of the plan
	known         bool           // which profiles Klaviyo acknowledged in the last run

	unsubscribed   int64 // people whom earlier runs were to subscribe, and did not
	subscribedLost bool  // which consents they have dealt with was kept, and cannot be read

	unfinished *unfinishedRemoval // what a run has not finished; nil if that is nothing
}

// complete sets every computed attribute of the plan. What depends on unknown
// inputs is unknown. limit bounds how long it may read.
func (p *exportPlan) complete(ctx context.Context, limit time.Duration) {
	ctx, cancel := withTimeout(ctx, "read", limit)
	defer cancel()
	ctx, waiting := klaviyo.WithWaiting(ctx)
	defer func() { warnRateLimit(p.diags, p.plan.name(), waiting.Total()) }()
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
	p.loadRefresh(ctx)
	p.track(ctx)
	if p.checkClaims(); p.diags.HasError() {
		return
	}
	if !p.preflight(ctx) {
		return
	}
	if p.needsNoRun(ctx) {
		p.plan.keepSurvey(p.state)
		p.plan.keepRun(p.state)
		p.plan.setNextRun(ctx, p.diags)
		return
	}
	survey := p.survey(ctx)
	if p.diags.HasError() {
		return
	}
	p.decide(ctx, survey)
	p.plan.setNextRun(ctx, p.diags)
}

// check checks that a run could be made now, whatever is planned for the export
// itself.
func (p *exportPlan) check(ctx context.Context) {
	p.export = p.plan.export(ctx, p.diags)
	if p.diags.HasError() {
		return
	}
	if !p.preflight(ctx) {
		return
	}
	survey := p.data.surveys.find(p.plan.source(), "") // of the plan of the export itself
	if survey == nil || p.export.CheckSurvey(survey) != nil {
		survey = p.survey(ctx)
	}
	if survey == nil || p.diags.HasError() {
		return
	}
	if p.used != nil {
		p.checkBeforeRun(ctx, survey)
	}
	if p.used != nil && p.export.Mirror != export.MirrorNone && !p.plan.ListID.IsUnknown() && !p.diags.HasError() {
		p.checkRemovalsNow(ctx, survey)
	}
	if !p.diags.HasError() {
		warnToExport(p.diags, p.plan.name(), survey, survey.Profiles, p.export.Subscribes(survey), "The run exports what they hold then, whatever pin_to_plan says.")
		warnRows(p.diags, p.plan.name(), survey)
	}
}

// preflight makes the checks of a run that come before the segments are read, as
// far as their inputs are known. It reports whether all of them passed.
func (p *exportPlan) preflight(ctx context.Context) bool {
	p.checkRejects()
	d, known := p.plan.destination(ctx, p.diags)
	seen := p.state != nil && p.state.ID.Equal(p.plan.ID) && !p.state.ListName.IsNull()
	list, err := p.export.Preflight(ctx, export.Preflight{
		Connect: func() (*klaviyo.Client, error) {
			if !known {
				return nil, nil
			}
			return p.connect(&d)
		},
		ConsentUnknown: !known || d.DataPrivacyConsent.IsUnknown(),
		ListUnknown:    p.plan.ListID.IsUnknown(),
		ListSeen:       seen && !p.outcome.listFailed,
		Explain: func(reading string, err error) error {
			return explainTimeout(ctx, reading, p.used.blame(p.explainNoList(ctx, err)))
		},
	})
	if err != nil && !errors.Is(err, errReported) {
		p.plan.addError(p.diags, err)
	}
	if p.diags.HasError() {
		return false
	}
	p.planList(list, seen)
	return true
}

// errReported means that the diagnostics have the error already.
var errReported = errors.New("reported")

// connect returns the client of a destination, or nil while its key or account is
// not known.
func (p *exportPlan) connect(d *destinationModel) (*klaviyo.Client, error) {
	if d.checkGuardRails(p.diags); p.diags.HasError() {
		return nil, errReported
	}
	used, err := p.data.access(d.keyRef())
	switch {
	case errors.Is(err, errAccessUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	case d.AccountID.IsUnknown(): // the connection is yet to check the key
		return nil, nil
	}
	p.used = used
	return used.client, nil
}

// planList plans what is computed from the list, which refreshing may have seen.
func (p *exportPlan) planList(list klaviyo.List, seen bool) {
	switch {
	case seen && !p.plan.ListID.IsUnknown():
		p.plan.ListName, p.plan.ListProfileCount = p.state.ListName, p.state.ListProfileCount
		return
	case list.ID == "":
		p.plan.ListName = types.StringUnknown()
	default:
		p.plan.ListName = types.StringValue(list.Name)
		if name, ok := p.data.renames.Load(list.ID); ok {
			p.plan.ListName = types.StringValue(fmt.Sprint(name))
		}
	}
	p.plan.ListProfileCount = types.Int64Unknown()
}

// loadRefresh loads what the refresh found.
func (p *exportPlan) loadRefresh(ctx context.Context) {
	if p.state == nil {
		return
	}
	if found := (refreshed{}); load(ctx, p.private, keyRefresh, &found, p.diags) {
		p.refresh = &found
	}
	p.outcome, p.justRefreshed = p.data.refreshes.find(p.state.key())
}

// needsNoRun reports whether an edited export gets no run, whatever the segments
// hold by now: no edit makes a run due, and the refresh found no reason either.
// Terraform plans once more when it applies, without a refresh, and requires the
// same result, so the segments are not read again.
func (p *exportPlan) needsNoRun(ctx context.Context) bool {
	return p.state != nil && p.edited && !p.justRefreshed && p.refresh == nil && p.sameSource(ctx) &&
		p.decidable(ctx) && !p.reasons(ctx, nil).Any()
}

// decidable reports whether everything is known, the segments aside, that decides whether
// and why a run is due. When Terraform plans once more, with what is known when it
// applies, the decision must be the same.
func (p *exportPlan) decidable(ctx context.Context) bool {
	m := p.plan
	if m.Enabled.IsUnknown() {
		return false
	}
	if p.state == nil || p.state.lastRun() == nil { // "first run", whatever the rest may be
		return true
	}
	// What is not known may turn out to be what the state has, and then the export is not edited.
	return (p.configured && !m.ID.IsUnknown() || p.anotherList(ctx)) &&
		allKnown(ctx, m.Triggers, m.SyncMode, m.RemovalScope, m.OptOuts, m.Send, m.FullSendAfter, m.Schedule, m.MembershipCheck)
}

// anotherList reports whether a list that is not known yet is another one than that of the
// last run in any case: that one is gone, or in another account.
func (p *exportPlan) anotherList(ctx context.Context) bool {
	account := p.export.Destination.AccountID
	if account == "" || !p.plan.ListID.IsUnknown() {
		return false
	}
	gone := p.refresh != nil && p.refresh.ListGone
	return gone || p.lastRun(ctx, p.state.lastRun()).Inputs.AccountID != account
}

// fail reports an error of reading something.
func (p *exportPlan) fail(ctx context.Context, reading string, err error) {
	p.plan.addError(p.diags, explainTimeout(ctx, reading, err))
}

// survey returns the survey of the refresh if the declaration is the same, and reads
// the segments otherwise. It is nil while they are unknown.
func (p *exportPlan) survey(ctx context.Context) *export.Survey {
	if !p.plan.sourceKnown(ctx) {
		return nil
	}
	if found := p.refreshedSurvey(ctx); found != nil && p.export.CheckSurvey(found) == nil {
		return found
	}
	if p.justRefreshed && p.sameSource(ctx) {
		if err := p.outcome.timeout.within(p.limit); err != nil {
			p.plan.addError(p.diags, err)
			return nil
		}
	}
	survey, err := p.export.SurveyUnless(ctx, loadSurveyed(ctx, p.private, p.plan, p.diags))
	if err != nil {
		p.fail(ctx, "what the segments hold", err)
		return nil
	}
	p.data.surveys.keep(p.plan.source(), survey)
	return survey
}

// refreshedSurvey is the survey of the refresh for the segments as they are declared
// now, nil if there is none.
func (p *exportPlan) refreshedSurvey(ctx context.Context) *export.Survey {
	switch {
	case p.surveyRefreshed(ctx):
		return p.refresh.Survey
	case p.justRefreshed && p.sameSource(ctx):
		return p.outcome.survey
	default:
		return nil
	}
}

// surveyRefreshed reports whether the refresh read the segments as they are declared
// now. Only then does the plan show their counts: Terraform plans again when it
// applies, and another survey may count differently by then.
func (p *exportPlan) surveyRefreshed(ctx context.Context) bool {
	return p.refresh != nil && p.refresh.Survey != nil && p.sameSource(ctx)
}

// sameSource reports whether segments and mapping are those of the state.
func (p *exportPlan) sameSource(ctx context.Context) bool {
	return p.state != nil && p.plan.Segments.Equal(p.state.Segments) && p.sameMapping(ctx)
}

// sameMapping reports whether the mapping means the same as that of the state,
// however it is written.
func (p *exportPlan) sameMapping(ctx context.Context) bool {
	return p.plan.mappingKnown(ctx) && p.plan.SegmentProperty.Equal(p.state.SegmentProperty) &&
		reflect.DeepEqual(p.plan.mapping(ctx, p.diags), p.state.mapping(ctx, p.diags))
}

// keep plans to read and send nothing.
func (p *exportPlan) keep() {
	kept := p.state
	if kept == nil {
		kept = noRun()
	}
	p.plan.NextRunAt = types.StringNull()
	if p.state == nil || p.state.Enabled.ValueBool() {
		p.diags.AddAttributeWarning(path.Root("enabled"), "Export Is Disabled",
			"With enabled = false the segments are not read and nothing is sent, until it is true again.")
	}
	p.plan.keepSurvey(kept)
	p.plan.keepRun(kept)
	switch {
	case p.state != nil && p.plan.ID.IsUnknown():
		p.plan.forgetList()
	case p.state != nil && !p.plan.ID.Equal(p.state.ID):
		p.plan.ListName, p.plan.ListProfileCount = types.StringNull(), types.Int64Null()
	default:
		p.plan.ListName, p.plan.ListProfileCount = kept.ListName, kept.ListProfileCount
	}
}

// decide plans a run if one is due. survey is nil when the segments are not
// known yet.
func (p *exportPlan) decide(ctx context.Context, survey *export.Survey) {
	p.plan.keepRun(noRun())
	if p.state != nil {
		p.plan.keepRun(p.state)
	}
	runs := p.plan.RunOnApply.IsUnknown() || p.plan.RunOnApply.ValueBool()
	if survey == nil || !p.decidable(ctx) {
		p.leaveToApply(survey, runs)
		return
	}
	why := p.reasons(ctx, survey)
	if !why.Any() {
		p.plan.keepSurvey(p.state)
		return
	}
	switch {
	case !runs && p.sameSource(ctx) && !p.state.Fingerprint.IsNull() &&
		(p.edited && !p.surveyRefreshed(ctx) || survey.Fingerprint == p.state.Fingerprint.ValueString()):
		p.plan.keepSurvey(p.state) // the next refresh finds what has changed
	case p.surveyRefreshed(ctx), !runs && p.plan.PinToPlan.ValueBool():
		p.plan.setSurvey(survey)
	default:
		p.plan.forgetSurvey()
		p.pin(survey)
	}
	switch {
	case p.plan.RunOnApply.IsUnknown():
		p.plan.forgetRun()
	case runs:
		p.planRun(ctx, why, survey)
	}
}

// leaveToApply plans neither that there is a run nor that there is none. runs says
// whether a run that is due is made.
func (p *exportPlan) leaveToApply(survey *export.Survey, runs bool) {
	p.plan.forgetSurvey()
	if survey != nil {
		p.pin(survey)
	}
	if p.plan.Enabled.IsUnknown() {
		p.plan.forgetList()
	}
	if !runs {
		return
	}
	p.plan.forgetRun()
	if survey != nil {
		warnToExport(p.diags, p.plan.name(), survey, survey.Profiles, p.export.Subscribes(survey), "Whether a run is due, and of what, is decided at apply: an argument is not known before.")
	}
}

// pin promises the profiles that the segments hold, if the export is pinned to its plan.
// It leaves the other counts to apply: rows that are not exported may be others by then.
func (p *exportPlan) pin(survey *export.Survey) {
	if p.plan.PinToPlan.ValueBool() {
		p.plan.Fingerprint, p.plan.ProfileCount = types.StringValue(survey.Fingerprint), types.Int64Value(survey.Profiles)
	}
}

// planRun plans a run that is due.
func (p *exportPlan) planRun(ctx context.Context, why due.Reasons, survey *export.Survey) {
	if why.Everything {
		p.export.SendEverything = true
	}
	if p.checkRemovals(ctx, survey); p.diags.HasError() {
		return
	}
	if p.used != nil {
		p.checkBeforeRun(ctx, survey)
		p.checkConfirmations(ctx, survey)
		if p.diags.HasError() {
			return
		}
	}
	p.warnMoved(ctx)
	reason := why.Promised()
	if p.surveyRefreshed(ctx) {
		reason += " " + estimate(p.export.Sends(survey), p.export.Subscribes(survey))
	}
	p.plan.forgetRun()
	p.plan.LastRun = plannedRun(reason).object()
	p.plan.Changes = p.plannedChanges(why, survey)
	if p.leaversUnknown() && p.lastRun(ctx, p.state.lastRun()).Killed {
		warnLeaversUnknown(p.diags, p.plan.name())
	}
	if !p.surveyRefreshed(ctx) {
		warnToExport(p.diags, p.plan.name(), survey, p.export.Sends(survey), p.export.Subscribes(survey), p.plan.ifChanged())
	}
	warnRows(p.diags, p.plan.name(), survey)
	if p.surveyRefreshed(ctx) && p.refresh.Membership != nil && p.plan.OptOuts.Equal(p.state.OptOuts) && p.plan.ListID.Equal(p.state.ListID) {
		warnAbsent(p.diags, p.plan.name(), p.refresh.Membership.OptOuts)
	}
}

// checkBeforeRun checks the scopes of the key, as far as that can be tried, and that
// the run starts no live flow by accident.
func (p *exportPlan) checkBeforeRun(ctx context.Context, survey *export.Survey) {
	if err := p.used.client.CheckReadScopes(ctx); err != nil {
		p.fail(ctx, "what the API key may do", p.used.blame(err))
		return
	}
	if p.plan.ListID.IsUnknown() {
		return
	}
	if err := p.export.CheckFlows(ctx, p.used.client, p.export.Joining(survey)); err != nil {
		p.fail(ctx, "the flows of the list", p.used.blame(err))
	}
}
