package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// segmentArgument is the name of the blocks that say who is exported.
const segmentArgument = "segment"

// segmentModel is a named source; exactly one of the sources is set.
type segmentModel struct {
	Name      types.String    `tfsdk:"name"`
	Where     types.Map       `tfsdk:"where"`
	File      *fileModel      `tfsdk:"file"`
	SQL       *sqlModel       `tfsdk:"sql"`
	Dataverse *dataverseModel `tfsdk:"dataverse"`
}

func segmentBlock() schema.Block {
	sources := map[string]schema.Block{"file": fileBlock(), "sql": sqlBlock(), "dataverse": dataverseBlock()}
	return schema.ListNestedBlock{
		MarkdownDescription: "A segment to export, with exactly one source: `file`, `sql` or `dataverse`. At least one segment is required. The union of all segments is exported. If several rows have the same email address, the first row of the first segment with it counts.",
		Validators: []validator.List{
			blockRequired{segmentArgument, "  segment {\n    name = \"vip\"\n    file {\n      path = \"segments/vip.csv\"\n    }\n  }"},
			uniqueNames{segmentArgument, "Each segment needs a name of its own."},
		},
		NestedObject: schema.NestedBlockObject{
			Attributes: map[string]schema.Attribute{
				"name": schema.StringAttribute{
					MarkdownDescription: "Name of the segment, unique within the export. Messages and `segment_property` use it.",
					Required:            true,
					Validators:          []validator.String{notBlank},
				},
				pipeline.WhereArgument: whereAttribute(),
			},
			Blocks:     sources,
			Validators: []validator.Object{oneSource{slices.Sorted(maps.Keys(sources))}},
		},
	}
}

// whereAttribute limits a segment to some rows of its source.
func whereAttribute() schema.Attribute {
	return schema.MapAttribute{
		MarkdownDescription: "Which rows of the source are in the segment: column = list of values, such as `{ \"Accepts Email Marketing\" = [\"yes\", \"TRUE\"] }`. " +
			"A row is in the segment if each of these columns has one of its values. `filtered_count` counts the other rows. " +
			"Values must be equal letter by letter, apart from white space around them. `\"\"` stands for an empty cell. See [Some rows of a source](../guides/rows.md#some-rows-of-a-source). " +
			"Defaults to all rows.",
		ElementType: types.ListType{ElemType: types.StringType},
		Optional:    true,
		Validators: []validator.Map{
			mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues(), mapvalidator.KeysAre(notBlank),
			mapvalidator.ValueListsAre(listvalidator.SizeAtLeast(1), listvalidator.NoNullValues()),
		},
	}
}

// oneSource makes sure that a segment has exactly one source.
type oneSource struct{ sources []string }

var _ validator.Object = oneSource{}

// Description implements validator.Object.
func (oneSource) Description(context.Context) string { return "must have exactly one source" }

// MarkdownDescription implements validator.Object.
func (oneSource) MarkdownDescription(context.Context) string { return "must have exactly one source" }

// ValidateObject implements validator.Object.
func (r oneSource) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsUnknown() {
		return
	}
	var set []string
	for _, name := range r.sources {
		source := req.ConfigValue.Attributes()[name]
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
	detail := "It has none."
	if len(set) > 1 {
		detail = "It has " + strings.Join(set, " and ") + ". Make a segment of each; their union is exported."
	}
	resp.Diagnostics.AddAttributeError(req.Path, "A Segment Needs One Source", "Each segment comes from exactly one source: "+oneOf(r.sources)+", each a block. "+detail)
}

// segments are the sources in the order in which they are written.
func (m *segmentExportModel) segments(ctx context.Context, diags *diag.Diagnostics) []pipeline.Segment {
	var models []segmentModel
	diags.Append(m.Segments.ElementsAs(ctx, &models, false)...)
	leaveOut := export.RejectsFiles(m.RejectsPath.ValueString())
	var out []pipeline.Segment
	for _, model := range models {
		if source := model.source(leaveOut); source != nil {
			s := pipeline.Segment{Name: model.Name.ValueString(), Source: source, DecimalComma: model.File != nil && model.File.DecimalComma.ValueBool()}
			diags.Append(model.Where.ElementsAs(ctx, &s.Where, false)...)
			out = append(out, s)
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
