package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// notMapped refuses the name of a property that a column fills.
type notMapped struct{}

var _ validator.String = notMapped{}

// Description implements validator.String.
func (notMapped) Description(context.Context) string { return "must not be one of properties" }

// MarkdownDescription implements validator.String.
func (notMapped) MarkdownDescription(context.Context) string {
	return "must not be one of `properties`"
}

// ValidateString implements validator.String.
func (notMapped) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	var properties types.Map
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("properties"), &properties)...)
	if _, twice := properties.Elements()[req.ConfigValue.ValueString()]; !twice || req.ConfigValue.IsNull() {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Property Mapped Twice",
		fmt.Sprintf("The property %q already comes from a column, in properties. Choose another name for the one that receives the segments.", req.ConfigValue.ValueString()))
}
