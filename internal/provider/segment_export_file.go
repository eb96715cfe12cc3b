package provider

import (
	"context"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

type fileModel struct {
	Path       types.String   `tfsdk:"path"`
	Format     types.String   `tfsdk:"format"`
	Entity     types.String   `tfsdk:"entity"`
	PathEnv    types.String   `tfsdk:"path_env"`
	Delimiter  types.String   `tfsdk:"delimiter"`
	Encoding   types.String   `tfsdk:"encoding"`
	SkipLines  types.Int64    `tfsdk:"skip_lines"`
	Comment    types.String   `tfsdk:"comment"`
	Columns    []types.String `tfsdk:"columns"`
	NullValues []types.String `tfsdk:"null_values"`
	Newest     types.Bool     `tfsdk:"newest"`

	DecimalComma types.Bool `tfsdk:"decimal_comma"`
}

func fileBlock() schema.Block {
	formats := make([]string, len(file.Formats))
	for i, format := range file.Formats {
		formats[i] = string(format)
	}
	return schema.SingleNestedBlock{
		MarkdownDescription: "A file, or several of the same columns: CSV, TSV, NDJSON or Parquet, a Delta table, or an entity of the Common Data Model. See [Files](../guides/files.md#files).",
		Validators:          []validator.Object{blockNeedsOne{"file", []string{"path", "path_env"}}, entityOfModel{}},
		Attributes: map[string]schema.Attribute{
			"path": schema.StringAttribute{
				MarkdownDescription: "Path of the file. A relative one starts at the directory that Terraform runs in, as with `file()`; use `\"${path.module}/...\"` for a file of a module. " +
					"Where there is no file of that very name, `*`, `?` and `[...]` match several: `segments/vip-*.csv`, and `**` stands for any number of folders: `segments/**/*.csv`. They are read in the order of their names; `rejects_path` of the export is not one of them. " +
					"Or where it is elsewhere: `s3://bucket/key`, `gs://bucket/key`, `azblob://container/key`, `sftp://user@host/path` or `https://...`; see [Where files are](../guides/files.md#where-files-are). Of `delta` it is the folder of the table, of `cdm` its `model.json`. Exactly one of `path` and `path_env`.",
				Optional:   true,
				Validators: []validator.String{notBlank, noSignature{}},
			},
			"path_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable that holds the path where Terraform runs. For signed URLs: what is in `path` is kept in the state.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable},
			},
			"format": schema.StringAttribute{
				MarkdownDescription: "How the rows are written: " + oneOf(formats) + ". Defaults to what the extension says (`.csv`; `.tsv`, `.tab`; `.ndjson`, `.jsonl`, `.json`; `.parquet`), and to `csv` with any other. " +
					"`delta` is a Delta table: its log says which Parquet files are in it, and its version tells whether anything changed, so an unchanged table is not read again. " +
					"A table with deletion vectors, column mapping or another feature that is not supported is an error. " +
					"`cdm` is an entity of the Common Data Model, as Customer Insights exports it: `model.json` says where the parts of the `entity` are, how they are written, and the types of the columns.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(formats...)},
			},
			"entity": schema.StringAttribute{
				MarkdownDescription: "Name of the entity in the `model.json` to read, case included. Required with `format = \"cdm\"`, an error with any other format.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"delimiter": schema.StringAttribute{
				MarkdownDescription: "The character between the fields of CSV, such as `;`. Defaults to `,`, or to what a first line `sep=;` of Excel says. An error with any other format.",
				Optional:            true,
				Validators:          []validator.String{delimiter},
			},
			"decimal_comma": schema.BoolAttribute{
				MarkdownDescription: "Whether numbers in the texts of the file have a decimal comma: `1.234,50` is 1234.5. It holds for properties of the type `number` and for `latitude` and `longitude`. Defaults to `false`.",
				Optional:            true,
			},
			"encoding": schema.StringAttribute{
				MarkdownDescription: "How the characters of a text file are encoded: " + oneOf(file.Encodings()) + ". Defaults to `utf-8`. Excel's \"CSV\", unlike its \"CSV UTF-8\", is `windows-1252` in Western Europe and America.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.OneOf(file.Encodings()...)},
			},
			"skip_lines": schema.Int64Attribute{
				MarkdownDescription: "Number of lines before the header of CSV or TSV, such as the title of a report. Defaults to 0. Lines are counted as an editor counts them, empty ones included.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, maxSkipLines)},
			},
			"comment": schema.StringAttribute{
				MarkdownDescription: "Lines of CSV or TSV that begin with this text, such as `#` or `Total`, are skipped, before the header as well. A line within a field in quotes is not one of them. An error with any other format.",
				Optional:            true,
				Validators:          []validator.String{comment},
			},
			"columns": schema.ListAttribute{
				MarkdownDescription: "Names of the columns of CSV or TSV without a header, all of them in the order of the file, as `UNLOAD` of Redshift, `COPY` of PostgreSQL and Hive write it. " +
					"It is an error if the first row has another number of fields, or holds these names.",
				ElementType: types.StringType,
				Optional:    true,
				Validators:  []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(notBlank), listvalidator.NoNullValues()},
			},
			"null_values": schema.ListAttribute{
				MarkdownDescription: "Texts that stand for no value, letter by letter, such as `[\"NULL\", \"#N/A\"]`; such a value is not sent, as an empty one is not. " +
					"Defaults to `[\"\\\\N\", \"NULL\"]` for TSV and to none for other formats.",
				ElementType: types.StringType,
				Optional:    true,
				Validators:  []validator.List{listvalidator.NoNullValues()},
			},
			"newest": schema.BoolAttribute{
				MarkdownDescription: "Whether to read, of all that a pattern in the path matches, only the folder whose path comes last: `exports/*/*.csv` with folders such as `2026-11-27`, or `exports/**/*.parquet` with `2026/11/27/0600`. " +
					"Numbers in names are compared as numbers. A warning of the plan says which folder is read. Defaults to `false`, with a warning if the folders look dated; `false` in the configuration means that all of them are meant.",
				Optional: true,
			},
		},
	}
}

// entityOfModel refuses a model without an entity, and an entity without a model.
type entityOfModel struct{}

var _ validator.Object = entityOfModel{}

// Description implements validator.Object.
func (entityOfModel) Description(context.Context) string {
	return `entity is needed with format = "cdm" and wrong with any other format`
}

// MarkdownDescription implements validator.Object.
func (r entityOfModel) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

// ValidateObject implements validator.Object.
func (entityOfModel) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	format, _ := req.ConfigValue.Attributes()["format"].(types.String)
	if format.IsUnknown() {
		return
	}
	isModel := file.Format(format.ValueString()) == file.CDM
	switch hasEntity := !isNull(req, "entity"); { // it may be unknown
	case isModel && !hasEntity:
		resp.Diagnostics.AddAttributeError(req.Path.AtName("entity"), "Argument Missing In Block",
			`With format = "cdm" the block file needs the argument entity, such as entity = "Customer": the name of one of the entities in the model.json.`)
	case hasEntity && !isModel:
		resp.Diagnostics.AddAttributeError(req.Path.AtName("entity"), "Argument Without Its Format",
			`Only a model.json has entities. Leave entity out, or set format = "cdm".`)
	}
}

// maxSkipLines is far more than a title has.
const maxSkipLines = 10_000

func (m *fileModel) source(leaveOut []string) segment.Source {
	source := file.Source{
		Path: m.Path.ValueString(), Format: file.Format(m.Format.ValueString()), Entity: m.Entity.ValueString(), LeaveOut: leaveOut,
		Encoding: m.Encoding.ValueString(), SkipLines: int(m.SkipLines.ValueInt64()), Comment: m.Comment.ValueString(),
		Columns: textsOf(m.Columns), NullValues: textsOf(m.NullValues), Newest: m.Newest.ValueBoolPointer(),
	}
	if !m.Delimiter.IsNull() {
		source.Delimiter, _ = utf8.DecodeRuneInString(m.Delimiter.ValueString())
	}
	if !m.PathEnv.IsNull() {
		return file.FromEnv{Variable: m.PathEnv.ValueString(), File: source}
	}
	return source
}

// textsOf are the values of a list, nil if there is no list.
func textsOf(values []types.String) []string {
	if values == nil {
		return nil
	}
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = value.ValueString()
	}
	return out
}
