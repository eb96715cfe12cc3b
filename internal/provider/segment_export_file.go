package provider

import (
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

type fileModel struct {
	Path      types.String `tfsdk:"path"`
	Format    types.String `tfsdk:"format"`
	PathEnv   types.String `tfsdk:"path_env"`
	Delimiter types.String `tfsdk:"delimiter"`

	DecimalComma types.Bool `tfsdk:"decimal_comma"`
}

func fileBlock() schema.Block {
	formats := make([]string, len(file.Formats))
	for i, format := range file.Formats {
		formats[i] = string(format)
	}
	return schema.SingleNestedBlock{
		MarkdownDescription: "A file, or several of the same columns: CSV, TSV, NDJSON or Parquet. See [Files](#files).",
		Validators:          []validator.Object{blockNeedsOne{"file", []string{"path", "path_env"}}},
		Attributes: map[string]schema.Attribute{
			"path": schema.StringAttribute{
				MarkdownDescription: "Path of the file. A relative one starts at the directory that Terraform runs in, as with `file()`; use `\"${path.module}/...\"` for a file of a module. " +
					"Where there is no file of that very name, `*`, `?` and `[...]` match several: `segments/vip-*.csv`. They are read in the order of their names; `rejects_path` of the export is not one of them. " +
					"Or where it is elsewhere: `s3://bucket/key`, `gs://bucket/key`, `azblob://container/key` or `https://...`; see [Where files are](#where-files-are). Exactly one of `path` and `path_env`.",
				Optional:   true,
				Validators: []validator.String{notBlank, noSignature{}},
			},
			"path_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable that holds the path where Terraform runs. For signed URLs: what is in `path` is kept in the state.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable},
			},
			"format": schema.StringAttribute{
				MarkdownDescription: "How the rows are written: " + oneOf(formats) + ". Defaults to what the extension says (`.csv`; `.tsv`, `.tab`; `.ndjson`, `.jsonl`, `.json`; `.parquet`), and to `csv` with any other.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.OneOf(formats...)},
			},
			"delimiter": schema.StringAttribute{
				MarkdownDescription: "The character between the fields of CSV, such as `;`. Defaults to `,`. An error with any other format.",
				Optional:            true,
				Validators:          []validator.String{delimiter},
			},
			"decimal_comma": schema.BoolAttribute{
				MarkdownDescription: "Whether numbers in the texts of the file have a decimal comma: `1.234,50` is 1234.5. It holds for properties of the type `number` and for `latitude` and `longitude`. Defaults to `false`.",
				Optional:            true,
			},
		},
	}
}

func (m *fileModel) source(leaveOut []string) segment.Source {
	source := file.Source{Path: m.Path.ValueString(), Format: file.Format(m.Format.ValueString()), LeaveOut: leaveOut}
	if !m.Delimiter.IsNull() {
		source.Delimiter, _ = utf8.DecodeRuneInString(m.Delimiter.ValueString())
	}
	if !m.PathEnv.IsNull() {
		return file.FromEnv{Variable: m.PathEnv.ValueString(), File: source}
	}
	return source
}
