package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
)

type sqlModel struct {
	URL          types.String   `tfsdk:"url"`
	URLEnv       types.String   `tfsdk:"url_env"`
	Query        types.String   `tfsdk:"query"`
	Args         []types.String `tfsdk:"args"`
	VersionQuery types.String   `tfsdk:"version_query"`
	MaxBytes     types.Int64    `tfsdk:"max_bytes_billed"`
}

func sqlBlock() schema.Block {
	return schema.SingleNestedBlock{
		MarkdownDescription: "A query to a database or a [warehouse](../guides/warehouses.md): PostgreSQL and what speaks its protocol, such as Amazon Redshift or CockroachDB, MySQL, MariaDB, BigQuery, ClickHouse, Databricks, Snowflake, SQL Server, Azure SQL, Microsoft Fabric, Trino. It only reads: a query that does more is refused. " +
			"Exactly one of `url` and `url_env` is needed.",
		Validators: []validator.Object{
			blockNeedsOne{"sql", []string{"url", "url_env"}},
			blockNeeds{"sql", "query", `"SELECT email, first_name FROM customers"`},
		},
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				MarkdownDescription: "URL of the database, such as `postgres://user:password@host:5432/database?sslmode=verify-full` or `mysql://user:password@host:3306/database?tls=true`; or of a [warehouse](../guides/warehouses.md): " +
					"`bigquery://`, `clickhouse://`, `databricks://`, `snowflake://`, `sqlserver://`, `trino://`. " +
					"A server on another machine is asked within TLS unless the URL says otherwise. **The URL is kept in the state**, so prefer `url_env`.",
				Optional:   true,
				Sensitive:  true,
				Validators: []validator.String{notBlank},
			},
			"url_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable that holds the URL of the database where Terraform runs.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable},
			},
			"query": schema.StringAttribute{
				MarkdownDescription: "The query. It may return more columns than are mapped. Required.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"args": schema.ListAttribute{
				MarkdownDescription: "Values of the parameters of `query`, in order: `$1`, `$2` and so on for PostgreSQL, `?` for MySQL, BigQuery, Snowflake and Trino, `@p1` for SQL Server, `:p1` for Databricks, `{p1:String}` for ClickHouse. They are sent beside the query and never become part of it. `null` is NULL.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"version_query": schema.StringAttribute{
				MarkdownDescription: "A cheap query whose answer changes whenever that of `query` does, such as `SELECT max(updated_at), count(*) FROM customers`.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"max_bytes_billed": schema.Int64Attribute{
				MarkdownDescription: "BigQuery only: how many bytes `query`, and `version_query`, may scan each time that it runs. A query that would scan more is refused before it runs and costs nothing, and a plan says how many bytes a reading scans. Defaults to no limit but those of the project.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.AtLeast(1)},
			},
		},
	}
}

func (m *sqlModel) source() segment.Source {
	source := sql.Source{
		URL: m.URL.ValueString(), URLEnv: m.URLEnv.ValueString(), Query: m.Query.ValueString(), VersionQuery: m.VersionQuery.ValueString(),
		MaxBytesBilled: m.MaxBytes.ValueInt64(),
	}
	for _, arg := range m.Args {
		source.Args = append(source.Args, arg.ValueStringPointer())
	}
	return source
}
