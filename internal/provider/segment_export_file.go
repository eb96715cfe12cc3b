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
		MarkdownDescription: "A file, or several files with the same columns: CSV, TSV, NDJSON, Parquet, a Delta table, or an entity of the Common Data Model. Exactly one of `path` and `path_env` is required. See [Files](../guides/files.md#files).",
		Validators:          []validator.Object{blockNeedsOne{"file", []string{"path", "path_env"}}, entityOfModel{}},
		Attributes: map[string]schema.Attribute{
			"path": schema.StringAttribute{
				MarkdownDescription: "Path of the file on a disk; or `s3://bucket/key`, `gs://bucket/key`, `azblob://container/key`, `sftp://user@host/path` or `https://...`: see [Where files are](../guides/files.md#where-files-are). **The path is kept in the state**, so use `path_env` for signed URLs. " +
					"A relative path starts in the directory in which Terraform runs, as with `file()`. For a file of a module, write `\"${path.module}/...\"`. " +
					"A path with `*`, `?` or `[...]` is a pattern for several files, such as `segments/vip-*.csv`, unless a file has exactly that name. `**` stands for any number of folders: `segments/**/*.csv`. The files are read in the order of their names. A pattern does not match `rejects_path` of the export. " +
					"With `format = \"delta\"` it is the folder of the table, with `format = \"cdm\"` the `model.json`.",
				Optional:   true,
				Validators: []validator.String{notBlank, noSignature{}},
			},
			"path_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable with the path, set where Terraform runs. For signed URLs, which do not belong in the state.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable},
			},
			"format": schema.StringAttribute{
				MarkdownDescription: "Format of the file: " + oneOf(formats) + ". " +
					"`delta` is a Delta table. Its log says which Parquet files belong to it. A table with the same version as at the last run is not read again. " +
					"A table with deletion vectors, column mapping or another feature that is not supported is an error. " +
					"`cdm` is an entity of the Common Data Model, as Customer Insights exports it. `model.json` says where the parts of the `entity` are, which format they have, and the types of the columns. " +
					"Defaults to the format of the extension (`.csv`; `.tsv`, `.tab`; `.ndjson`, `.jsonl`, `.json`; `.parquet`), and to `csv` for any other extension.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(formats...)},
			},
			"entity": schema.StringAttribute{
				MarkdownDescription: "Name of the entity in `model.json`, with its capitals. Required with `format = \"cdm\"`, an error with any other format.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"delimiter": schema.StringAttribute{
				MarkdownDescription: "Character between the fields of a CSV file, such as `;`. It cannot be a quote or a line end; a tab is `\"\\t\"`. An error with any other format. Defaults to `,`. If the first line is `sep=;`, as Excel writes it, that character is the default.",
				Optional:            true,
				Validators:          []validator.String{delimiter},
			},
			"decimal_comma": schema.BoolAttribute{
				MarkdownDescription: "Whether numbers that are text in the file have a decimal comma, so that `1.234,50` is 1234.5. It applies to properties of the type `number`, and to `latitude` and `longitude`. Defaults to `false`.",
				Optional:            true,
			},
			"encoding": schema.StringAttribute{
				MarkdownDescription: "Character encoding of a text file: " + oneOf(file.Encodings()) + ". Excel's \"CSV UTF-8\" is `utf-8`; its \"CSV\" is `windows-1252` in Western Europe and America. Defaults to `utf-8`.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.OneOf(file.Encodings()...)},
			},
			"skip_lines": schema.Int64Attribute{
				MarkdownDescription: "Number of lines before the header of a CSV or TSV file, such as the title of a report: 0 to 10,000. Empty lines count. An error with any other format. Defaults to `0`.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(0, maxSkipLines)},
			},
			"comment": schema.StringAttribute{
				MarkdownDescription: "Text that marks lines to skip in a CSV or TSV file, such as `#` or `Total`. All lines that begin with it are skipped, also before the header, but not lines within a quoted field. An error with any other format. By default, no line is skipped.",
				Optional:            true,
				Validators:          []validator.String{comment},
			},
			"columns": schema.ListAttribute{
				MarkdownDescription: "Names of all columns, in the order of the file, for a CSV or TSV file without a header, as `UNLOAD` of Redshift, `COPY` of PostgreSQL and Hive write it. " +
					"It is an error if the first row has another number of fields, or holds these names. By default, the first row is the header.",
				ElementType: types.StringType,
				Optional:    true,
				Validators:  []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(notBlank), listvalidator.NoNullValues()},
			},
			"null_values": schema.ListAttribute{
				MarkdownDescription: "Texts that count as empty values, such as `[\"NULL\", \"#N/A\"]`. A value must be equal letter by letter. " +
					"Defaults to `[\"\\\\N\", \"NULL\"]` for TSV, and to none for other formats.",
				ElementType: types.StringType,
				Optional:    true,
				Validators:  []validator.List{listvalidator.NoNullValues()},
			},
			"newest": schema.BoolAttribute{
				MarkdownDescription: "Whether to read only one of the folders that a pattern in the path matches: the one whose path comes last. For folders by date: `2026-11-27` in `exports/*/*.csv`, `2026/11/27/0600` in `exports/**/*.parquet`. " +
					"Numbers in names are compared as numbers. A warning of the plan says which folder is read. Defaults to `false`: all folders are read. If they look like dates, the plan warns, unless you write `false`.",
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
