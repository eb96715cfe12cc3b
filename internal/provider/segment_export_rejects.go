package provider

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

func rejectsPathAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "Path of a CSV file in which each run lists the rows that it did not export: segment, number of the row, reason, code, file and line, but no values of the row. " +
			"The run creates missing folders. It replaces a file that an earlier run wrote; any other existing file is an error. Each export needs a file of its own. " +
			"Only its owner may read it. By default there is no file, and warnings sum the rows up.",
		Optional:   true,
		Validators: []validator.String{notBlank, noControlCharacters, notASegment{}},
	}
}

// noControlCharacters accepts paths that a message or a log can show.
var noControlCharacters = stringRule{"must not contain control characters", "Control Character In Path", func(text string) string {
	if at := strings.IndexFunc(text, unicode.IsControl); at >= 0 {
		return fmt.Sprintf("The path %q contains a control character, such as a line end or a tab, after %d bytes. Take it out.", text, at)
	}
	return ""
}}

// notASegment refuses the path of one of the segments. The plan finds out whether
// another path leads to the same file.
type notASegment struct{}

var _ validator.String = notASegment{}

// Description implements validator.String.
func (notASegment) Description(context.Context) string { return "must not be the path of a segment" }

// MarkdownDescription implements validator.String.
func (notASegment) MarkdownDescription(context.Context) string {
	return "must not be the path of a segment"
}

// ValidateString implements validator.String.
func (notASegment) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	var segments types.List
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName(segmentArgument), &segments)...)
	rejects := req.ConfigValue.ValueString()
	for i, value := range segments.Elements() {
		file := attributeOf[types.Object](value, "file")
		if read := attributeOf[types.String](file, "path"); read.ValueString() != "" && filepath.Clean(read.ValueString()) == filepath.Clean(rejects) {
			resp.Diagnostics.AddAttributeError(req.Path, "Rejects File Is A Segment",
				fmt.Sprintf("The segment %q is read from %q, which a run would overwrite with the rows that it did not export. Name another path in rejects_path.", blockNames(segments)[i], rejects))
		}
	}
}

// attributeOf returns an attribute of an object, the zero value if it is not
// there or not known.
func attributeOf[T attr.Value](object attr.Value, name string) (value T) {
	if o, ok := object.(types.Object); ok {
		value, _ = o.Attributes()[name].(T)
	}
	return value
}

// checkRejects makes sure that the runs of the export may write their rejects
// file, as far as its path is known.
func (p *exportPlan) checkRejects() {
	rejects := p.plan.RejectsPath.ValueString() // empty while it is not known
	if rejects == "" {
		return
	}
	if err := p.export.CheckRejects(); err != nil {
		p.plan.addError(p.diags, err)
		return
	}
	name := p.plan.DisplayName.ValueString()
	if other := p.data.rejects.claim(rejects, name, fmt.Sprint(p.plan.DisplayName, p.plan.ListID, p.plan.source())); other != nil {
		p.diags.AddAttributeError(path.Root("rejects_path"), "Rejects File Of Another Export",
			fmt.Sprintf("The export %q has the rejects_path %q, and the export %q has %q, which is the same file: each run would replace the list of the other. "+
				"Nothing was sent. Name a path of its own for each export.", name, rejects, other.name, other.path))
	}
}

// rejectsFiles are the rejects files of the exports in a configuration.
// Terraform plans the exports of a configuration in any order, in one process,
// and each again before it applies it: the first one has the file.
type rejectsFiles struct {
	mu     sync.Mutex
	claims []rejectsClaim
}

type rejectsClaim struct {
	path   string
	at     segment.Location
	name   string // of the export, for people
	export string // identifies it
}

// claim returns the claim of another export on the file, nil if it is free. An
// export may claim its file again.
func (r *rejectsFiles) claim(path, name, export string) *rejectsClaim {
	claim := rejectsClaim{path, segment.Locate(path), name, export}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.claims {
		if r.claims[i].export != export && r.claims[i].at.Same(claim.at) {
			return &r.claims[i]
		}
	}
	r.claims = append(r.claims, claim)
	return nil
}
