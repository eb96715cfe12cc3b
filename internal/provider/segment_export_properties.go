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
	Name      types.String `tfsdk:"name"`
	Field     types.String `tfsdk:"field"`
	Type      types.String `tfsdk:"type"`
	Empty     types.String `tfsdk:"empty"`
	Separator types.String `tfsdk:"separator"`
	DayFirst  types.Bool   `tfsdk:"day_first"`
	OnInvalid types.String `tfsdk:"on_invalid"`
}

// What an empty value of a property does.
const (
	emptyKeep  = "keep"
	emptyClear = "clear"
)

// onInvalid is what a value that is not of its type does, by name. The first is the
// default.
var onInvalid = []struct {
	name string
	does profile.OnInvalid
}{
	{"leave_out", profile.LeaveOut},
	{"reject_row", profile.RejectRow},
	{"stop", profile.Stop},
}

func onInvalidNames() []string {
	names := make([]string, len(onInvalid))
	for i, o := range onInvalid {
		names[i] = o.name
	}
	return names
}

func propertiesAttribute() schema.Attribute {
	return schema.MapAttribute{
		MarkdownDescription: fmt.Sprintf("Custom properties of the profiles: name in Klaviyo = column. A name has at most %d characters, does not begin with `$`, and has no white space around it. An empty value does not change the profile. A value keeps the type that it has in the source; text is a `string`. "+
			"To set a type, or to clear empty values, write a `property` block instead.", maxPropertyName),
		ElementType: types.StringType,
		Optional:    true,
		Validators:  []validator.Map{mapvalidator.KeysAre(propertyName), mapvalidator.ValueStringsAre(notBlank)},
	}
}

func propertyBlock() schema.Block {
	return schema.ListNestedBlock{
		MarkdownDescription: "A custom property that needs more than its column, such as a type. A name may be in a `property` block or in `properties`, not in both.",
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
					MarkdownDescription: "Type of the property: " + oneOf(profile.TypeNames()) + ". For values of another type see `on_invalid`. " +
						"A `datetime` is a date or a point in time, in any notation that can be read in one way only, or month/day/year: see [Dates](../guides/rows.md#dates). A time without an offset is in UTC. " +
						"A `list` is a JSON array, or text with a `separator`. A `SET` of MySQL is always a list. Defaults to the type that the value has in the source; text is a `string`.",
					Optional:   true,
					Validators: []validator.String{stringvalidator.OneOf(profile.TypeNames()...)},
				},
				"empty": schema.StringAttribute{
					MarkdownDescription: "What an empty value does. `" + emptyKeep + "`: leaves the property of the profile as it is. `" + emptyClear + "`: removes the property from the profile. " +
						"Klaviyo's own attributes, such as `first_name`, cannot be cleared. Defaults to `" + emptyKeep + "`.",
					Optional:   true,
					Validators: []validator.String{stringvalidator.OneOf(emptyKeep, emptyClear)},
				},
				"separator": schema.StringAttribute{
					MarkdownDescription: "Text between the items of a `list`, such as `,` or `|`: 1 to 10 characters. An item in double quotes may contain it. Only with the type `list`. Defaults to `;`.",
					Optional:            true,
					Validators:          []validator.String{stringvalidator.LengthBetween(1, 10), onlyWithType(profile.List)},
				},
				"day_first": schema.BoolAttribute{
					MarkdownDescription: "Whether `3/4/2026` is the third of April, and not the fourth of March. With `true`, `3.4.2026` and `3-4-2026` are also read. Only with the type `datetime`. Defaults to `false`.",
					Optional:            true,
					Validators:          []validator.Bool{onlyWithType(profile.Datetime)},
				},
				"on_invalid": schema.StringAttribute{
					MarkdownDescription: "What happens if a value is not of the type of the property. `leave_out`: the profile is exported without the value, and the plan warns with the numbers of the rows. `reject_row`: the row is rejected. " +
						"`stop`: the plan or the run fails before anything is sent. A date such as `0000-00-00`, `infinity` or one after the year 9999 is always left out. Defaults to `leave_out`.",
					Optional:   true,
					Validators: []validator.String{stringvalidator.OneOf(onInvalidNames()...)},
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
		property := profile.Property{
			Column: p.Field.ValueString(), Type: kind, Clear: p.Empty.ValueString() == emptyClear,
			Separator: p.Separator.ValueString(), DayFirst: p.DayFirst.ValueBool(),
		}
		for _, o := range onInvalid {
			if o.name == p.OnInvalid.ValueString() {
				property.OnInvalid = o.does
			}
		}
		out[p.Name.ValueString()] = property
	}
	return out
}

// onlyWithType refuses an argument of a property block that has no meaning with the
// type of the property.
func onlyWithType(kind profile.Type) typeRequired { return typeRequired{kind} }

type typeRequired struct{ kind profile.Type }

var (
	_ validator.String = typeRequired{}
	_ validator.Bool   = typeRequired{}
)

// Description implements validator.String and validator.Bool.
func (r typeRequired) Description(context.Context) string {
	return "must only be written with type = " + r.kind.String()
}

// MarkdownDescription implements validator.String and validator.Bool.
func (r typeRequired) MarkdownDescription(context.Context) string {
	return "must only be written with `type = \"" + r.kind.String() + "\"`"
}

// ValidateString implements validator.String.
func (r typeRequired) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !req.ConfigValue.IsNull() {
		resp.Diagnostics.Append(r.check(ctx, req.Config, req.Path)...)
	}
}

// ValidateBool implements validator.Bool.
func (r typeRequired) ValidateBool(ctx context.Context, req validator.BoolRequest, resp *validator.BoolResponse) {
	if !req.ConfigValue.IsNull() {
		resp.Diagnostics.Append(r.check(ctx, req.Config, req.Path)...)
	}
}

func (r typeRequired) check(ctx context.Context, config tfsdk.Config, at path.Path) (diags diag.Diagnostics) {
	var kind types.String
	diags.Append(config.GetAttribute(ctx, at.ParentPath().AtName("type"), &kind)...)
	if kind.IsUnknown() || kind.ValueString() == r.kind.String() {
		return diags
	}
	diags.AddAttributeError(at, "Argument Of Another Type", fmt.Sprintf("%s has a meaning only in a property with type = %q. Write that type, or leave the argument out.", at, r.kind.String()))
	return diags
}
