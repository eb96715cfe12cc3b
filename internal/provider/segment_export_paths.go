package provider

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// addError is the one of the package for an export. The engine calls segments
// and properties by their names, Terraform calls blocks by their numbers.
func (m *segmentExportModel) addError(diags *diag.Diagnostics, err error) {
	addErrorAt(diags, err, m.attributePath)
}

// attributePath turns the path of an argument of an export into Terraform's
// terms.
func (m *segmentExportModel) attributePath(steps []string) path.Path {
	if len(steps) < 2 {
		return attributePath(steps)
	}
	root, name, rest := steps[0], steps[1], steps[2:]
	var at path.Path
	switch root {
	case segmentArgument:
		i := slices.Index(blockNames(m.Segments), name)
		if i < 0 {
			return path.Root(segmentArgument)
		}
		at = path.Root(segmentArgument).AtListIndex(i)
	case profile.GroupProperties:
		i := slices.Index(blockNames(m.Property), name)
		if i < 0 {
			return path.Root(propertiesArgument).AtMapKey(name)
		}
		at = path.Root(propertyArgument).AtListIndex(i)
	default:
		return attributePath(steps)
	}
	if len(rest) == 0 { // Terraform shows the line of an argument, not that of a block
		return at.AtName("name")
	}
	for i, step := range rest {
		if i == 1 && rest[0] == pipeline.WhereArgument {
			at = at.AtMapKey(step) // of a column
			continue
		}
		at = at.AtName(step)
	}
	return at
}
