package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
)

// exportRefresh looks at what an export is about, on both sides.
type exportRefresh struct {
	data    *providerData
	state   *segmentExportModel
	private privateState
	diags   *diag.Diagnostics

	export *export.Export
}

// refresh brings the attributes of the list up to date and returns what the
// next plan rests on. What cannot be read is left for the plan to complain of.
func (r *exportRefresh) refresh(ctx context.Context) refreshed {
	found := refreshed{At: r.data.now().UTC()}
	r.export = r.state.export(ctx, r.diags)
	d, _ := r.state.destination(ctx, r.diags)
	used, err := r.data.access(d.keyRef())
	if err == nil {
		err = r.list(ctx, used.client, &found)
	}
	if err != nil {
		logging.Warn(ctx, "The list was not refreshed", logging.Fields{"list": r.export.ListID, "reason": err.Error()})
		r.state.ListName, r.state.ListProfileCount = types.StringNull(), types.Int64Null()
	}
	switch {
	case r.state.Segments.IsNull(): // imported
	case err == nil && r.state.MembershipCheck.ValueString() == membershipFull:
		found.Survey, found.Membership, err = r.export.Compare(ctx, used.client)
	default:
		found.Survey, err = r.survey(ctx)
	}
	if err != nil {
		logging.Warn(ctx, "Not all was refreshed", logging.Fields{"reason": err.Error()})
	}
	return found
}

// survey looks at the segments, unless they say that they are what they were
// at the last survey.
func (r *exportRefresh) survey(ctx context.Context) (*export.Survey, error) {
	s, err := r.export.SurveyUnless(ctx, loadSurveyed(ctx, r.private, r.state, r.diags))
	if err == nil {
		storeSurveyed(ctx, r.private, r.state, r.export, s, r.diags)
	}
	return s, err
}

// list reads the list, and whom it has lost since the last run.
func (r *exportRefresh) list(ctx context.Context, client *klaviyo.Client, found *refreshed) error {
	if r.state.MembershipCheck.ValueString() == membershipNone {
		list, err := client.List(ctx, r.export.ListID)
		r.state.ListName = types.StringValue(list.Name)
		return err
	}
	list, err := client.ListWithCount(ctx, r.export.ListID)
	if err != nil {
		return err
	}
	r.state.ListName, r.state.ListProfileCount = types.StringValue(list.Name), types.Int64Value(list.ProfileCount)
	last := r.state.lastRun(ctx, r.diags)
	if last == nil || last.ListProfileCount.IsNull() {
		return nil
	}
	found.Lost, err = r.export.Lost(ctx, client, last.ListProfileCount.ValueInt64(), list.ProfileCount, last.startedAt())
	return err
}
