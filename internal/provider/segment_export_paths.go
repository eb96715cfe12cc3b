package provider

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
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
	switch name, rest := steps[1], steps[2:]; steps[0] {
	case segmentArgument:
		i := slices.Index(blockNames(m.Segments), name)
		if i < 0 {
			return path.Root(segmentArgument)
		}
		return segmentPath(path.Root(segmentArgument).AtListIndex(i), m.Segments.Elements()[i], rest)
	case profile.GroupProperties:
		i := slices.Index(blockNames(m.Property), name)
		if i < 0 {
			return path.Root(propertiesArgument).AtMapKey(name)
		}
		return within(path.Root(propertyArgument).AtListIndex(i), rest)
	default:
		return attributePath(steps)
	}
}

// segmentPath is the path of an argument of a segment.
func segmentPath(at path.Path, value attr.Value, steps []string) path.Path {
	switch {
	case len(steps) != 2:
		return within(at, steps)
	case steps[0] == pipeline.WhereArgument:
		return at.AtName(steps[0]).AtMapKey(steps[1]) // of a column
	default:
		return besideSecrets(at.AtName(steps[0]), attributeOf[attr.Value](value, steps[0]), steps[1])
	}
}

// within is the path of an argument of a block with a name.
func within(block path.Path, steps []string) path.Path {
	if len(steps) == 0 { // Terraform shows the line of an argument, not that of a block
		return block.AtName("name")
	}
	for _, step := range steps {
		block = block.AtName(step)
	}
	return block
}
