package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// segmentModel is one source; exactly one of its arguments is set.
type segmentModel struct {
	File      *fileModel      `tfsdk:"file"`
	SQL       *sqlModel       `tfsdk:"sql"`
	Dataverse *dataverseModel `tfsdk:"dataverse"`
}

func segmentsAttribute() schema.Attribute {
	return schema.MapNestedAttribute{
		MarkdownDescription: "The segments to export, by name, each with one source. Their union is exported: of several rows with one email address, the first counts, in the order of the names and then of the rows.",
		Required:            true,
		Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
		NestedObject: schema.NestedAttributeObject{
			Attributes: map[string]schema.Attribute{
				"file":      fileAttribute(),
				"sql":       sqlAttribute(),
				"dataverse": dataverseAttribute(),
			},
			Validators: []validator.Object{oneSource{}},
		},
	}
}

// oneSource makes sure that a segment has exactly one source.
type oneSource struct{}

var _ validator.Object = oneSource{}

// Description implements validator.Object.
func (oneSource) Description(context.Context) string { return "must have exactly one source" }

// MarkdownDescription implements validator.Object.
func (oneSource) MarkdownDescription(context.Context) string { return "must have exactly one source" }

// ValidateObject implements validator.Object.
func (oneSource) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsUnknown() {
		return
	}
	var all, set []string
	for name, source := range req.ConfigValue.Attributes() {
		all = append(all, name)
		if source.IsUnknown() { // it may turn out to be null
			return
		}
		if !source.IsNull() {
			set = append(set, name)
		}
	}
	if len(set) == 1 {
		return
	}
	slices.Sort(all)
	slices.Sort(set)
	detail := "It has none."
	if len(set) > 1 {
		detail = "It has " + strings.Join(set, " and ") + ". Make a segment of each; their union is exported."
	}
	resp.Diagnostics.AddAttributeError(req.Path, "A Segment Needs One Source", "Each segment comes from exactly one source: "+oneOf(all)+". "+detail)
}

// segments are the sources in the order of their names.
func (m *segmentExportModel) segments(ctx context.Context, diags *diag.Diagnostics) []export.Segment {
	var models map[string]segmentModel
	diags.Append(m.Segments.ElementsAs(ctx, &models, false)...)
	leaveOut := export.RejectsFiles(m.RejectsPath.ValueString())
	var out []export.Segment
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if source := models[name].source(leaveOut); source != nil {
			out = append(out, export.Segment{Name: name, Source: source})
		}
	}
	return out
}

// source is the segment as the engine takes it, nil if there is none. leaveOut
// are files that are not part of it.
func (m segmentModel) source(leaveOut []string) segment.Source {
	switch {
	case m.File != nil:
		return m.File.source(leaveOut)
	case m.Dataverse != nil:
		return m.Dataverse.source()
	case m.SQL != nil:
		return m.SQL.source()
	default:
		return nil
	}
}
