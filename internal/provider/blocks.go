package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Arguments with fixed names are in blocks rather than in nested attributes:
// Terraform silently drops unknown names in a nested attribute
// (https://github.com/hashicorp/terraform/issues/33570), and refuses them in a
// block. The framework requires a required attribute of a single block even where
// the block is not written, so these rules replace Required.

// blockRequired refuses a configuration without the block.
type blockRequired struct {
	name    string
	example string // how it is written, in HCL
}

var (
	_ validator.Object = blockRequired{}
	_ validator.List   = blockRequired{}
)

// Description implements validator.Object and validator.List.
func (r blockRequired) Description(context.Context) string {
	return "the block " + r.name + " is required"
}

// MarkdownDescription implements validator.Object and validator.List.
func (r blockRequired) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateObject implements validator.Object.
func (r blockRequired) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() {
		resp.Diagnostics.AddAttributeError(req.Path, "Block Missing", r.detail())
	}
}

// ValidateList implements validator.List.
func (r blockRequired) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	if !req.ConfigValue.IsUnknown() && len(req.ConfigValue.Elements()) == 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Block Missing", r.detail())
	}
}

func (r blockRequired) detail() string {
	return fmt.Sprintf("The block %s is missing. Write it with the names of your own columns and files:\n\n%s", r.name, r.example)
}

// blockNeeds refuses a block without one of its arguments.
type blockNeeds struct{ block, argument, example string }

var _ validator.Object = blockNeeds{}

// Description implements validator.Object.
func (r blockNeeds) Description(context.Context) string {
	return fmt.Sprintf("the block %s needs the argument %s", r.block, r.argument)
}

// MarkdownDescription implements validator.Object.
func (r blockNeeds) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateObject implements validator.Object.
func (r blockNeeds) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || !isNull(req, r.argument) {
		return
	}
	resp.Diagnostics.AddAttributeError(besideSecrets(req.Path, req.ConfigValue, r.argument), "Argument Missing In Block",
		fmt.Sprintf("The block %s needs the argument %s, such as %s = %s.", r.block, r.argument, r.argument, r.example))
}

// blockNeedsOne refuses a block that does not have exactly one of some arguments.
type blockNeedsOne struct {
	block     string
	arguments []string
}

var _ validator.Object = blockNeedsOne{}

// Description implements validator.Object.
func (r blockNeedsOne) Description(context.Context) string {
	return fmt.Sprintf("the block %s needs exactly one of %s", r.block, strings.Join(r.arguments, ", "))
}

// MarkdownDescription implements validator.Object.
func (r blockNeedsOne) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateObject implements validator.Object.
func (r blockNeedsOne) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	var set []string
	for _, name := range r.arguments {
		if req.ConfigValue.Attributes()[name].IsUnknown() { // it may turn out to be null
			return
		}
		if !isNull(req, name) {
			set = append(set, name)
		}
	}
	found := "It has none of them."
	switch len(set) {
	case 0:
	case 1:
		return
	default:
		found = "It has " + strings.Join(set, " and ") + "."
	}
	resp.Diagnostics.AddAttributeError(req.Path, "One Argument Needed In Block",
		fmt.Sprintf("The block %s needs exactly one of the arguments %s. %s Write exactly one of them.", r.block, strings.Join(r.arguments, " and "), found))
}

func isNull(req validator.ObjectRequest, argument string) bool {
	value, ok := req.ConfigValue.Attributes()[argument]
	return !ok || value.IsNull()
}

// uniqueNames refuses blocks of one kind with the same name.
type uniqueNames struct{ block, why string }

var _ validator.List = uniqueNames{}

// Description implements validator.List.
func (r uniqueNames) Description(context.Context) string {
	return "the names of the blocks " + r.block + " must be unique"
}

// MarkdownDescription implements validator.List.
func (r uniqueNames) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateList implements validator.List.
func (r uniqueNames) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	seen := map[string]bool{}
	for i, name := range blockNames(req.ConfigValue) {
		if name == "" { // not known yet
			continue
		}
		if seen[name] {
			resp.Diagnostics.AddAttributeError(nameAt(req.Path, i), "Name Used Twice",
				fmt.Sprintf("There is another block %s of the name %q before this one. %s", r.block, name, r.why))
		}
		seen[name] = true
	}
}

func nameAt(blocks path.Path, i int) path.Path { return blocks.AtListIndex(i).AtName("name") }
