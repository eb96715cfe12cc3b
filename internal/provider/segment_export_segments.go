package provider

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// segmentModel is one source; exactly one of its arguments is set.
type segmentModel struct {
	File *fileModel `tfsdk:"file"`
}

func segmentsAttribute() schema.Attribute {
	sources := map[string]schema.Attribute{
		"file": fileAttribute(),
	}
	return schema.MapNestedAttribute{
		MarkdownDescription: "The segments to export, by name, each with one source. Their union is exported: of several rows with one email address, the first counts, in the order of the names and then of the rows.",
		Required:            true,
		Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
		NestedObject: schema.NestedAttributeObject{
			Attributes: sources,
			Validators: []validator.Object{oneSource(sources)},
		},
	}
}

// oneSource makes sure that a segment has exactly one source.
func oneSource(sources map[string]schema.Attribute) validator.Object {
	var paths []path.Expression
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		paths = append(paths, path.MatchRelative().AtName(name))
	}
	return objectvalidator.ExactlyOneOf(paths...)
}

// segments are the sources in the order of their names.
func (m *segmentExportModel) segments(ctx context.Context, diags *diag.Diagnostics) []export.Segment {
	var models map[string]segmentModel
	diags.Append(m.Segments.ElementsAs(ctx, &models, false)...)
	var out []export.Segment
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if source := models[name].source(); source != nil {
			out = append(out, export.Segment{Name: name, Source: source})
		}
	}
	return out
}

// source is the segment as the engine takes it, nil if there is none.
func (m segmentModel) source() segment.Source {
	switch {
	case m.File != nil:
		return m.File.source()
	default:
		return nil
	}
}
