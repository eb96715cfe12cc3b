package provider

import (
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

type fileModel struct {
	Path      types.String `tfsdk:"path"`
	Delimiter types.String `tfsdk:"delimiter"`
}

func fileAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "A CSV file: RFC 4180, UTF-8 with or without byte order mark, the column names in the first row.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"path": schema.StringAttribute{
				MarkdownDescription: "Path of the file. A relative one starts at the directory that Terraform runs in, as with `file()`; use `\"${path.module}/...\"` for a file of a module.",
				Required:            true,
				Validators:          []validator.String{notBlank},
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
	return file
}
