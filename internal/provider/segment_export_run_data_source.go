package provider

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

var (
	_ datasource.DataSource              = (*segmentExportRunDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*segmentExportRunDataSource)(nil)
)

// maxRequestAge is how far the time of a request may be in the past or in the future.
// An older one is a forgotten literal, which must not send the segment with every
// plan; one further ahead is a mistake.
const maxRequestAge = 15 * time.Minute

// runSkipped is the status of a request that was too old.
const runSkipped = "skipped"

type segmentExportRunDataSource struct {
	data *providerData
}

func newSegmentExportRunDataSource() datasource.DataSource { return &segmentExportRunDataSource{} }

// Metadata implements datasource.DataSource.
func (d *segmentExportRunDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_segment_export_run"
}

// Schema implements datasource.DataSource.
func (d *segmentExportRunDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		exportArgument: exportAttribute(ctx),
		"requested_at": schema.StringAttribute{
			MarkdownDescription: fmt.Sprintf("Time of the request, RFC 3339. Use `timestamp()`: it is known only during apply, so a plan sends nothing. "+
				"If the time is more than %d minutes ago, nothing runs. If it is more than %d minutes ahead, that is an error.", int(maxRequestAge.Minutes()), int(maxRequestAge.Minutes())),
			Required:   true,
			Validators: []validator.String{rfc3339},
		},
	}
	for name, attribute := range answerAttributes() {
		attributes[name] = attribute
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Runs an export on demand, when Terraform reads the data source. With `requested_at = timestamp()` that is during apply.",
		Attributes:          attributes,
	}
}

// answerAttributes are those of last_run of an export. The data source may answer
// with that run, or with one of its own.
func answerAttributes() map[string]resourceschema.Attribute {
	attributes := lastRunSchema()
	attributes[runReason] = computedString("Why the run was made: `requested at` and the time. If a run of the export itself answered the request, the reason of that run.")
	attributes[runStatus] = computedString("`succeeded`, `partial` or `" + statusNotSubscribed + "`, as in `last_run` of the export; or `" + runSkipped + "` if the request was too old. With `" + runSkipped + "`, all other values are those of the last run of the export.")
	attributes[runListProfileCount] = computedInt64("Number of members of the list after the run.")
	return attributes
}

// rfc3339 accepts points in time.
var rfc3339 = stringRule{"must be a time of RFC 3339", "Not A Time", func(text string) string {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return fmt.Sprintf("%q is not a time of RFC 3339. Use timestamp(), or a time such as \"2026-11-24T09:30:00Z\".", text)
	}
	return ""
}}

// Configure implements datasource.DataSourceWithConfigure.
func (d *segmentExportRunDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = toProviderData(req.ProviderData, &resp.Diagnostics)
}

// Read implements datasource.DataSource. Terraform calls it once all arguments
// are known.
func (d *segmentExportRunDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var value types.Object
	var requestedAt types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(exportArgument), &value)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("requested_at"), &requestedAt)...)
	if resp.Diagnostics.HasError() {
		return
	}
	requested := newRequestedExport(ctx, d.data, value, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	run := requested.answer(ctx, requestedAt.ValueString(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.State.Raw = req.Config.Raw
	for name, value := range run {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
}

// answer runs the export, unless the last run of the export answers the request or
// the request is too old.
func (r *requestedExport) answer(ctx context.Context, at string, diags *diag.Diagnostics) lastRun {
	requested, err := time.Parse(time.RFC3339, at)
	if err != nil {
		diags.AddAttributeError(path.Root("requested_at"), rfc3339.summary, rfc3339.check(at))
		return nil
	}
	now := r.data.now()
	age := now.Sub(requested)
	if age < -maxRequestAge {
		diags.AddAttributeError(path.Root("requested_at"), "Request Of The Future",
			fmt.Sprintf("requested_at is %s, %s from now. A run cannot be put off. Nothing was sent. Use timestamp(), check the clock of this machine, "+
				"or let schedule of the export say when it runs.", at, tally.Span(requested.Sub(now)))) // -age could overflow
		return nil
	}
	last := r.model.lastRun()
	switch {
	case last != nil && r.data.runs.has(last.text(runID).ValueString()):
		return last // of this apply, in which timestamp() was evaluated after it
	case age > maxRequestAge:
		return skip(last, at, age, diags)
	case last != nil && last.completedSince(requested):
		return last
	}
	result := r.run(ctx, nil, diags)
	if result == nil {
		return nil
	}
	var found diag.Diagnostics
	warnRows(&found, r.model.name(), &result.Survey)
	diags.Append(atExport(found)...)
	return finishedRun("requested at "+at, result)
}

// skip answers a request that is too old. last may be nil.
func skip(last lastRun, at string, age time.Duration, diags *diag.Diagnostics) lastRun {
	diags.AddAttributeWarning(path.Root("requested_at"), "Request Too Old To Run",
		fmt.Sprintf("requested_at is %s, %s ago, and after %d minutes a request is no longer acted on: otherwise a time that was left in a configuration would send the segment again with every plan. "+
			"Nothing was sent. Use requested_at = timestamp(), or take the data source out when no run is wanted.", at, tally.Span(age), int(maxRequestAge.Minutes())))
	run := nullRun()
	maps.Copy(run, last)
	run[runStatus] = types.StringValue(runSkipped)
	return run
}
