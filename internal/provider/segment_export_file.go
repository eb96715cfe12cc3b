package provider

import (
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

type fileModel struct {
	Path      types.String `tfsdk:"path"`
	PathEnv   types.String `tfsdk:"path_env"`
	Delimiter types.String `tfsdk:"delimiter"`
}

func fileAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "A CSV file: RFC 4180, UTF-8 with or without byte order mark, the column names in the first row.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"path": schema.StringAttribute{
				MarkdownDescription: "Path of the file. A relative one starts at the directory that Terraform runs in, as with `file()`; use `\"${path.module}/...\"` for a file of a module. " +
					"Or where it is elsewhere: `s3://bucket/key`, `gs://bucket/key`, `azblob://container/key` or `https://...`; see [Where files are](#where-files-are). Exactly one of `path` and `path_env`.",
				Optional:   true,
				Validators: []validator.String{notBlank, noSignature{}, stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("path_env"))},
			},
			"path_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable that holds the path where Terraform runs. For signed URLs: what is in `path` is kept in the state.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable},
			},
			"delimiter": schema.StringAttribute{
				MarkdownDescription: "The character between fields, such as `;` or `\\t`. Defaults to `,`.",
				Optional:            true,
				Validators:          []validator.String{delimiter},
			},
		},
	}
}

func (m *fileModel) source() segment.Source {
	file := segment.File{Path: m.Path.ValueString()}
	if !m.Delimiter.IsNull() {
		file.Delimiter, _ = utf8.DecodeRuneInString(m.Delimiter.ValueString())
	}
	if !m.PathEnv.IsNull() {
		return segment.FileFromEnv{Variable: m.PathEnv.ValueString(), File: file}
	}
	return file
}
