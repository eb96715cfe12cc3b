package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

var (
	_ action.Action               = (*segmentExportRunAction)(nil)
	_ action.ActionWithConfigure  = (*segmentExportRunAction)(nil)
	_ action.ActionWithModifyPlan = (*segmentExportRunAction)(nil)
)

type segmentExportRunAction struct {
	data *providerData
}

func newSegmentExportRunAction() action.Action { return &segmentExportRunAction{} }

// Metadata implements action.Action.
func (a *segmentExportRunAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_segment_export_run"
}

// Schema implements action.Action.
func (a *segmentExportRunAction) Schema(ctx context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Runs an export each time the action is invoked, and reports the progress. Needs Terraform 1.14.1 or later.",
		Attributes:          map[string]schema.Attribute{exportArgument: exportAttribute(ctx)},
	}
}

// Configure implements action.ActionWithConfigure.
func (a *segmentExportRunAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.data = toProviderData(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan implements action.ActionWithModifyPlan. It checks what the plan of
// the export itself would check, as far as the export is known: a triggered action
// that fails on apply is not tried again.
func (a *segmentExportRunAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	requested := a.requested(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || requested == nil || a.data == nil {
		return
	}
	requested.check(ctx, &resp.Diagnostics)
}

// Invoke implements action.Action.
func (a *segmentExportRunAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	requested := a.requested(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || requested == nil {
		return
	}
	result := requested.run(ctx, func(p export.Progress) {
		resp.SendProgress(action.InvokeProgressEvent{Message: p.String()})
	}, &resp.Diagnostics)
	if result == nil {
		return
	}
	resp.SendProgress(action.InvokeProgressEvent{Message: summary(result)})
}

// requested is the export of the configuration, nil while it is not known.
func (a *segmentExportRunAction) requested(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) *requestedExport {
	var value types.Object
	diags.Append(config.GetAttribute(ctx, path.Root(exportArgument), &value)...)
	if diags.HasError() || value.IsUnknown() {
		return nil
	}
	return newRequestedExport(ctx, a.data, value, diags)
}

// summary says what a run did: how many were exported where and how long it
// took, which profiles were not exported and why. A warning of its own has what
// Klaviyo refused.
func summary(r *export.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Exported %s of %s to the list %q in %s, with %s.", tally.Thousands(r.Exported), tally.Count(r.Profiles, "profile"),
		r.ListName, r.CompletedAt.Sub(r.StartedAt).Round(time.Second/10), tally.Count(r.Jobs, "import job"))
	if r.ListProfileCount >= 0 {
		fmt.Fprintf(&b, " The list has %s.", tally.Count(r.ListProfileCount, "member"))
	}
	line := func(count int64, noun, what string) {
		if count > 0 {
			fmt.Fprintf(&b, "\n%s %s", tally.Count(count, noun), what)
		}
	}
	reasons := func(t tally.Tally) string { return strings.TrimSuffix(t.String(), "\n") }
	line(r.Filtered, "row", "left out by where.")
	line(r.Duplicates, "row", "left out: an earlier row has the same email address.")
	line(r.Withheld, "profile", "withheld: "+r.OptOuts.String()+".")
	line(r.Unconsented, "row", "left out: no consent to marketing.")
	line(r.Subscriptions.Subscribed, "profile", "subscribed.")
	line(r.Subscriptions.Pending, "profile", "asked for a confirmation by Klaviyo.")
	line(r.Removed, "member", "removed from the list.")
	line(r.Failed(), "profile", "refused by Klaviyo.")
	line(r.Unconfirmed.Total(), "profile", "not confirmed by Klaviyo.")
	line(r.Rejected.Total, "row", "that cannot be exported:\n"+reasons(r.Rejected))
	line(r.Dropped.Total, "value", "left out of the profiles:\n"+reasons(r.Dropped))
	line(r.Doubtful.Total, "value", "exported that may not be what is meant:\n"+reasons(r.Doubtful))
	line(r.Shared.Total, "shared identifier", "left out of the profiles:\n"+reasons(r.Shared))
	return b.String()
}
