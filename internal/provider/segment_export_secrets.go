package provider

import (
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// addresses are the arguments of sources that may hold a password or a signature.
var addresses = []string{"url", "path"}

// besideSecrets is where to report something about an argument of a source, which
// is a block in a segment. Terraform prints the line of the argument, or the first
// line of the block if the argument is not written. Where that line may hold a
// secret, it is the name of the segment.
func besideSecrets(block path.Path, source attr.Value, argument string) path.Path {
	written := attributeOf[attr.Value](source, argument)
	inItsOwnLine := written != nil && !written.IsNull() && !slices.Contains(addresses, argument)
	if inItsOwnLine || !mayHoldSecret(source) {
		return block.AtName(argument)
	}
	return besideSource(block)
}

// besideSource is the name of the segment that a source belongs to.
func besideSource(block path.Path) path.Path { return block.ParentPath().AtName("name") }

// mayHoldSecret reports whether the configuration of a source may have a secret in
// it: any URL of a database, and the path of a file that has user information or
// parameters. What is not known yet may be put together from a secret.
func mayHoldSecret(source attr.Value) bool {
	url, file := attributeOf[types.String](source, "url"), attributeOf[types.String](source, "path")
	return !url.IsNull() || file.IsUnknown() || strings.Contains(file.ValueString(), ":/") && strings.ContainsAny(file.ValueString(), "?@")
}
