package provider

import (
	"context"
	"errors"
	"time"

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
// limit bounds how long it may read.
func (r *exportRefresh) refresh(ctx context.Context, limit time.Duration) refreshed {
	ctx, cancel := withTimeout(ctx, "read", limit)
	defer cancel()
	found := refreshed{At: r.data.now().UTC()}
	r.export = r.state.export(ctx, r.diags)
	d, _ := r.state.destination(ctx, r.diags)
	used, err := r.data.access(d.keyRef())
	if err == nil {
		err = explainTimeout(ctx, "the list", r.list(ctx, used.client, &found))
	}
	if err != nil {
		logging.Warn(ctx, "The list was not refreshed", logging.Fields{"list": r.export.ListID, "reason": err.Error()})
		r.state.ListName, r.state.ListProfileCount = types.StringNull(), types.Int64Null()
	}
	switch {
	case r.state.Segments.IsNull(): // imported
	case ctx.Err() != nil: // the list has taken all the time
	case err == nil && r.state.MembershipCheck.ValueString() == membershipFull:
		found.Survey, found.Membership, err = r.export.Compare(ctx, used.client)
		err = explainTimeout(ctx, "who is on the list", err)
	default:
		found.Survey, err = r.survey(ctx)
		err = explainTimeout(ctx, "what the segments hold", err)
	}
	if err != nil {
		logging.Warn(ctx, "Not all was refreshed", logging.Fields{"reason": err.Error()})
		r.noteTimeout(ctx, err)
	}
	return found
}

// noteTimeout warns of an error that is there because time is up. Where nothing is
// planned nobody else would say why refreshing took so long. If it was a segment
// that could not be read in time, the plan does not wait for it as long again.
func (r *exportRefresh) noteTimeout(ctx context.Context, err error) {
	var over timeoutOver
	var explained *export.Error
	if !errors.As(context.Cause(ctx), &over) || !errors.As(err, &explained) {
		return
	}
	r.diags.AddWarning("Not All Was Refreshed", explained.Detail)
	var unread *export.UnreadError
	if errors.As(err, &unread) {
		r.data.surveys.keepTimeout(r.state.source(), over.limit, err)
	}
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
