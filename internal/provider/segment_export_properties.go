package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Custom properties come from a map of columns, or from blocks if they need more
// than the column.
const (
	propertiesArgument = "properties"
	propertyArgument   = "property"
)

// propertyModel is a property block.
type propertyModel struct {
	Name  types.String `tfsdk:"name"`
	Field types.String `tfsdk:"field"`
	Type  types.String `tfsdk:"type"`
	Empty types.String `tfsdk:"empty"`
}

// What an empty value of a property does.
const (
	emptyKeep  = "keep"
	emptyClear = "clear"
)

func propertiesAttribute() schema.Attribute {
	return schema.MapAttribute{
		MarkdownDescription: fmt.Sprintf("Custom properties of the profiles: name in Klaviyo = column. A name has at most %d characters and no white space around it; names that begin with `$` are Klaviyo's own and refused. An empty value leaves what the profile has; a `property` block may clear it. "+
			"The type is what the source has, which for text is `string`; a `property` block gives another one.", maxPropertyName),
		ElementType: types.StringType,
		Optional:    true,
		Validators:  []validator.Map{mapvalidator.KeysAre(propertyName), mapvalidator.ValueStringsAre(notBlank)},
	}
}

func propertyBlock() schema.Block {
	return schema.ListNestedBlock{
		MarkdownDescription: "A custom property that needs more than its column, such as a type or that an empty value clears it. A name is either here or in `properties`.",
		Validators:          []validator.List{uniqueNames{propertyArgument, "A property comes from one column."}, notInProperties{}},
		NestedObject: schema.NestedBlockObject{
			Attributes: map[string]schema.Attribute{
				"name": schema.StringAttribute{
					MarkdownDescription: "Name of the property in Klaviyo, as in `properties`.",
					Required:            true,
					Validators:          []validator.String{propertyName},
				},
				"field": schema.StringAttribute{
					MarkdownDescription: "Column with the value.",
					Required:            true,
					Validators:          []validator.String{notBlank},
				},
				"type": schema.StringAttribute{
					MarkdownDescription: "Type of the property: " + oneOf(profile.TypeNames()) + ". A value that is not of its type is an error before anything is sent. " +
						"A `datetime` is ISO 8601 or month/day/year; a `list` is a JSON array or separated by semicolons. Defaults to what the source has, which for text is `string`.",
					Optional:   true,
					Validators: []validator.String{stringvalidator.OneOf(profile.TypeNames()...)},
				},
				"empty": schema.StringAttribute{
					MarkdownDescription: "What an empty value does: `" + emptyKeep + "` leaves the property of the profile as it is, `" + emptyClear + "` removes it. " +
						"Only custom properties can be cleared: a bulk import has no means to empty Klaviyo's own attributes. Defaults to `" + emptyKeep + "`.",
					Optional:   true,
					Validators: []validator.String{stringvalidator.OneOf(emptyKeep, emptyClear)},
				},
			},
		},
	}
}

// blockNames are the names of blocks, empty where one is not known.
func blockNames(blocks types.List) []string {
	names := make([]string, len(blocks.Elements()))
	for i, block := range blocks.Elements() {
		names[i] = attributeOf[types.String](block, "name").ValueString()
	}
	return names
}

// notInProperties refuses property blocks whose names are in the map, too.
type notInProperties struct{}

var _ validator.List = notInProperties{}

// Description implements validator.List.
func (notInProperties) Description(context.Context) string { return "must not be one of properties" }

// MarkdownDescription implements validator.List.
func (notInProperties) MarkdownDescription(context.Context) string {
	return "must not be one of `properties`"
}

// ValidateList implements validator.List.
func (notInProperties) ValidateList(ctx context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	var properties types.Map
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName(propertiesArgument), &properties)...)
	for i, name := range blockNames(req.ConfigValue) {
		if _, twice := properties.Elements()[name]; twice {
			resp.Diagnostics.AddAttributeError(nameAt(req.Path, i), "Property Mapped Twice",
				fmt.Sprintf("The property %q already comes from a column, in properties. Take it out of there, or give this block another name.", name))
		}
	}
}

// notMapped refuses the name of a property that a column fills.
type notMapped struct{}

var _ validator.String = notMapped{}

// Description implements validator.String.
func (notMapped) Description(context.Context) string { return "must not be a property of a column" }

// MarkdownDescription implements validator.String.
func (notMapped) MarkdownDescription(context.Context) string {
	return "must not be one of `properties`, nor the name of a `property`"
}

// ValidateString implements validator.String.
func (notMapped) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	name := req.ConfigValue.ValueString()
	where, diags := mappedIn(ctx, req.Config, req.Path.ParentPath(), name)
	resp.Diagnostics.Append(diags...)
	if where != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Property Mapped Twice",
			fmt.Sprintf("The property %q already comes from a column, in %s. Choose another name for the one that receives the segments.", name, where))
	}
}

// mappedIn says which argument of an export maps a property, empty if none does.
func mappedIn(ctx context.Context, config tfsdk.Config, export path.Path, name string) (string, diag.Diagnostics) {
	var properties types.Map
	var blocks types.List
	diags := config.GetAttribute(ctx, export.AtName(propertiesArgument), &properties)
	diags.Append(config.GetAttribute(ctx, export.AtName(propertyArgument), &blocks)...)
	if _, mapped := properties.Elements()[name]; mapped {
		return propertiesArgument, diags
	}
	if slices.Contains(blockNames(blocks), name) {
		return "a property block", diags
	}
	return "", diags
}

// properties are the custom properties of the mapping, by name.
func (m *segmentExportModel) properties(ctx context.Context, diags *diag.Diagnostics) map[string]profile.Property {
	out := map[string]profile.Property{}
	for name, value := range m.Properties.Elements() {
		if column, ok := value.(types.String); ok {
			out[name] = profile.Property{Column: column.ValueString()}
		}
	}
	var blocks []propertyModel
	diags.Append(m.Property.ElementsAs(ctx, &blocks, false)...)
	for _, p := range blocks {
		kind, _ := profile.ParseType(p.Type.ValueString()) // null keeps the type of the source
		out[p.Name.ValueString()] = profile.Property{Column: p.Field.ValueString(), Type: kind, Clear: p.Empty.ValueString() == emptyClear}
	}
	return out
}
