package provider

import (
	"context"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

// countsMembers reports whether plans of an export compare the number of members of
// the list with that after the last run.
func countsMembers(m *segmentExportModel) bool {
	check := m.MembershipCheck.ValueString()
	return check != membershipNone && check != membershipSample
}

// sample surveys the segments and looks up a sample of their people on the list. The
// segments are read even if they have not changed, because a sample cannot be kept
// without keeping addresses. It warns if the list could not be looked at.
func (r *exportRefresh) sample(ctx context.Context, used *access, found *refreshed) (*export.Survey, error) {
	survey, sample, err := r.export.SurveySampled(ctx)
	if err != nil {
		return survey, err
	}
	r.keepSurvey(ctx, survey)
	last := export.LastSent{
		Fingerprint: r.state.lastRun().text(runFingerprint).ValueString(),
		Absent:      r.plan.loadAbsent(ctx),
	}
	if found.Sample, err = r.export.CheckSample(ctx, used.client, survey, sample, last); err != nil {
		r.warnList(explainTimeout(ctx, "a sample of the people on the list", used.blame(err)))
	}
	return survey, nil
}

func (p *exportPlan) loadAbsent(ctx context.Context) *export.Absent {
	absent := &export.Absent{}
	if !load(ctx, p.private, keyAbsent, absent, p.diags) {
		return nil
	}
	return absent
}

// newSample is filled by a run; nil if plans look up no sample.
func (p *exportPlan) newSample() *export.Sample {
	if p.plan.MembershipCheck.ValueString() != membershipSample {
		return nil
	}
	return &export.Sample{}
}

// rememberAbsent records who of the sample is not on the list after a run, so that
// later plans do not take them for lost.
func (p *exportPlan) rememberAbsent(ctx context.Context, sample *export.Sample) {
	if sample == nil {
		store(ctx, p.private, keyAbsent, nil, p.diags)
		return
	}
	absent, err := p.export.SampleAbsent(ctx, p.used.client, sample, p.loadAbsent(ctx))
	if err != nil {
		logging.Warn(ctx, "The sample was not looked up after the run", logging.Fields{"list": p.export.ListID, "reason": err.Error()})
		return
	}
	store(ctx, p.private, keyAbsent, absent, p.diags)
}

// beginSampling records who of a sample is not on the list when plans begin to look one
// up and no run is made: the last run may have been long ago, but the refresh has
// compared the list in another way.
func (p *exportPlan) beginSampling(ctx context.Context) {
	if p.newSample() == nil || p.state == nil || p.plan.lastRun() == nil || p.state.MembershipCheck.ValueString() == membershipSample {
		return
	}
	_, sample, err := p.export.SurveySampled(ctx)
	if err != nil {
		logging.Warn(ctx, "No sample was taken", logging.Fields{"list": p.export.ListID, "reason": err.Error()})
		return
	}
	p.rememberAbsent(ctx, sample)
}
