package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

var (
	_ resource.Resource                = (*segmentExportResource)(nil)
	_ resource.ResourceWithConfigure   = (*segmentExportResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*segmentExportResource)(nil)
	_ resource.ResourceWithImportState = (*segmentExportResource)(nil)
)

type segmentExportResource struct {
	data *providerData
}

func newSegmentExportResource() resource.Resource { return &segmentExportResource{} }

// Metadata implements resource.Resource.
func (r *segmentExportResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_segment_export"
	resp.ResourceBehavior.MutableIdentity = true // account and list may change in place
}

// Configure implements resource.ResourceWithConfigure.
func (r *segmentExportResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = toProviderData(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan implements resource.ResourceWithModifyPlan.
func (r *segmentExportResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	switch {
	case r.data == nil:
		return
	case req.Plan.Raw.IsNull():
		warnDestroy(ctx, req, resp)
		return
	}
	var plan segmentExportModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	p := exportPlan{
		data: r.data, plan: &plan, private: resp.Private, diags: &resp.Diagnostics,
		edited: !req.Plan.Raw.Equal(req.State.Raw), configured: req.Config.Raw.IsFullyKnown(),
	}
	if !req.State.Raw.IsNull() {
		p.state = &segmentExportModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, p.state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	p.complete(ctx, plan.readTimeout(ctx, &resp.Diagnostics))
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// Create implements resource.Resource. When it fails nothing is in the state:
// there is nothing to clean up, and sending again is harmless.
func (r *segmentExportResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan segmentExportModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	p := exportPlan{data: r.data, plan: &plan, private: resp.Private, diags: &resp.Diagnostics}
	if err := r.data.turns.create(ctx, plan.ID.ValueString()); err != nil {
		plan.addError(&resp.Diagnostics, err)
		return
	}
	p.apply(ctx, "create", timeout)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// Read reads the list and the segments. It never fails: the plan reads again what
// could not be read here and reports the error.
func (r *segmentExportResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state segmentExportModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	if !state.Enabled.IsNull() && !state.Enabled.ValueBool() {
		return
	}
	look := exportRefresh{data: r.data, state: &state, private: resp.Private, diags: &resp.Diagnostics}
	if found := look.refresh(ctx, state.readTimeout(ctx, &resp.Diagnostics)); found != nil {
		store(ctx, resp.Private, keyRefresh, found, &resp.Diagnostics)
	} else {
		store(ctx, resp.Private, keyRefresh, nil, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// Update implements resource.Resource. When it fails the state stays as it
// was, so the next plan shows the run as still due.
func (r *segmentExportResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state segmentExportModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	p := exportPlan{data: r.data, plan: &plan, state: &state, private: resp.Private, diags: &resp.Diagnostics}
	p.apply(ctx, "update", timeout)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// apply executes the plan. Terraform has planned again just before, with everything
// known.
func (p *exportPlan) apply(ctx context.Context, operation string, timeout time.Duration) {
	ctx, cancel := withTimeout(ctx, operation, timeout)
	defer cancel()
	p.export = p.plan.export(ctx, p.diags)
	p.export.Clock, p.export.NewSalt = p.data.clock, p.data.salt
	p.loadRefresh(ctx)
	p.track(ctx)
	surveyed := p.surveyed(ctx)
	store(ctx, p.private, keyRefresh, nil, p.diags) // only the plan needed it
	if p.plan.send() == due.SendEverything {
		p.storeSketches(ctx, nil, nil)
		p.forgetSubscribed(ctx)
	}
	if p.diags.HasError() || !p.plan.Enabled.ValueBool() {
		return
	}
	d, _ := p.plan.destination(ctx, p.diags)
	if d.checkGuardRails(p.diags); p.diags.HasError() {
		return
	}
	var err error
	if p.used, err = p.data.access(d.keyRef()); err != nil {
		p.plan.addError(p.diags, err)
		return
	}
	run := p.plan.lastRun()
	if run == nil || !run.text(runID).IsUnknown() {
		p.save(ctx)
		p.beginSampling(ctx)
		p.plan.setNextRun(ctx, p.diags)
		return
	}
	p.run(ctx, p.chooseSent(ctx, run, surveyed), surveyed)
	p.plan.setNextRun(ctx, p.diags)
}

// surveyed is the survey of the refresh or of the plan just before, if the
// declaration is the same.
func (p *exportPlan) surveyed(ctx context.Context) *export.Survey {
	if p.surveyRefreshed(ctx) {
		return p.refresh.Survey
	}
	since := ""
	if p.export.Acknowledged != nil {
		since = p.export.Acknowledged.Identity()
	}
	return p.data.surveys.find(p.plan.source(), since)
}

// run exports, and records it.
func (p *exportPlan) run(ctx context.Context, reason string, surveyed *export.Survey) {
	sample := p.newSample()
	result, err := p.export.Run(ctx, p.used.client, export.RunOptions{Surveyed: surveyed, Fingerprint: p.pinned(), Sample: sample})
	if err != nil {
		p.keepPartlySent(ctx, err)
		p.keepUnfinished(ctx, err)
		p.keepSubscribed(ctx, err)
		p.plan.addError(p.diags, p.used.blame(err))
		return
	}
	p.keepUnsure(ctx, result.Unsure)
	store(ctx, p.private, keyUnfinished, nil, p.diags)
	store(ctx, p.private, keyWithdrawn, nil, p.diags)
	result.LeaversUnknown = result.LeaversUnknown || p.leaversUnknown()
	p.data.runs.add(result.ID)
	warnChanged(p.diags, p.plan.name(), p.plan.Fingerprint, p.plan.ProfileCount, result)
	p.plan.LastRun = finishedRun(reason, result).object()
	p.plan.ListProfileCount = countOrNull(result.ListProfileCount)
	p.plan.WithheldCount = types.Int64Value(result.Withheld)
	if p.plan.ListName.IsUnknown() {
		p.plan.ListName = types.StringValue(result.ListName)
	}
	if p.plan.RejectedCount.IsUnknown() {
		p.plan.setSurvey(&result.Survey) // a fingerprint that was pinned is the same
	}
	p.setSent(result)
	p.storeSketches(ctx, result.Acknowledged, result.AcknowledgedKeys)
	p.storeSubscribed(ctx, result.Subscribed, result.Subscriptions.Left)
	store(ctx, p.private, keyCounts, runCounts{result.Profiles, result.Untaken.Total}, p.diags)
	store(ctx, p.private, keyInputs, p.plan.inputs(p.export), p.diags)
	storeSurveyed(ctx, p.private, p.plan, p.export, &result.Survey, p.diags)
	p.rememberMissing(ctx)
	p.rememberAbsent(ctx, sample)
	warnResult(p.diags, p.plan.name(), p.used, result)
}

// pinned is the fingerprint that the plan promised, empty if the export is not pinned.
func (p *exportPlan) pinned() string {
	if !p.plan.PinToPlan.ValueBool() {
		return ""
	}
	return p.plan.Fingerprint.ValueString()
}

// rememberMissing records which members are missing right after the run, if plans
// check for them: Klaviyo may have merged profiles, or skipped some.
func (p *exportPlan) rememberMissing(ctx context.Context) {
	if p.plan.MembershipCheck.ValueString() != membershipFull {
		store(ctx, p.private, keyMissing, nil, p.diags)
		return
	}
	_, m, err := p.export.Compare(ctx, p.used.client)
	if err != nil {
		logging.Warn(ctx, "The members of the list were not read after the run", logging.Fields{"list": p.export.ListID, "reason": err.Error()})
		return
	}
	store(ctx, p.private, keyMissing, missingIn(m), p.diags)
}

// save sets what is still unknown when nothing is sent.
func (p *exportPlan) save(ctx context.Context) {
	if p.plan.Fingerprint.IsUnknown() {
		survey, err := p.export.Survey(ctx)
		if err != nil {
			p.fail(ctx, "what the segments hold", err)
			return
		}
		p.plan.setSurvey(survey)
	}
	if p.plan.WithheldCount.IsUnknown() {
		p.plan.WithheldCount = types.Int64Null()
	}
	if !p.plan.ListName.IsUnknown() && !p.plan.ListProfileCount.IsUnknown() {
		return
	}
	list, err := p.used.client.ListWithCount(ctx, p.export.ListID)
	if err != nil {
		p.fail(ctx, "the list", p.used.blame(export.ListError(p.export.ListID, err)))
		return
	}
	if p.plan.ListName.IsUnknown() {
		p.plan.ListName = types.StringValue(list.Name)
	}
	p.plan.ListProfileCount = types.Int64Value(list.ProfileCount)
}
