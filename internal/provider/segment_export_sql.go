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
		MarkdownDescription: "A query to a database or a [warehouse](../guides/warehouses.md): PostgreSQL, MySQL, MariaDB, BigQuery, ClickHouse, Databricks, Snowflake, SQL Server, Azure SQL, Microsoft Fabric, Trino, or a database with the protocol of PostgreSQL, such as Amazon Redshift or CockroachDB. A query that does more than read is refused. " +
			"Exactly one of `url` and `url_env` is required.",
		Validators: []validator.Object{
			blockNeedsOne{"sql", []string{"url", "url_env"}},
			blockNeeds{"sql", "query", `"SELECT email, first_name FROM customers"`},
		},
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				MarkdownDescription: "URL of the database, such as `postgres://user:password@host:5432/database?sslmode=verify-full` or `mysql://user:password@host:3306/database?tls=true`; or of a [warehouse](../guides/warehouses.md): " +
					"`bigquery://`, `clickhouse://`, `databricks://`, `snowflake://`, `sqlserver://`, `trino://`. " +
					"Connections to another machine use TLS unless the URL says otherwise. **The URL is kept in the state**, so prefer `url_env`.",
				Optional:   true,
				Sensitive:  true,
				Validators: []validator.String{notBlank},
			},
			"url_env": schema.StringAttribute{
				MarkdownDescription: "Name of the environment variable with the URL of the database, set where Terraform runs.",
				Optional:            true,
				Validators:          []validator.String{environmentVariable},
			},
			"query": schema.StringAttribute{
				MarkdownDescription: "Required. SQL query that returns the rows of the segment. It may return more columns than are mapped.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"args": schema.ListAttribute{
				MarkdownDescription: "Values of the parameters of `query`, in order. The parameters are `$1`, `$2` and so on for PostgreSQL; `?` for MySQL, BigQuery, Snowflake and Trino; `@p1` for SQL Server; `:p1` for Databricks; `{p1:String}` for ClickHouse. The values are sent separately and never become part of the query. `null` is NULL.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"version_query": schema.StringAttribute{
				MarkdownDescription: "A cheap query whose result changes whenever the result of `query` changes, such as `SELECT max(updated_at), count(*) FROM customers`. A plan then runs `query` only if this result has changed since the last run. By default, every plan runs `query`.",
				Optional:            true,
				Validators:          []validator.String{notBlank},
			},
			"max_bytes_billed": schema.Int64Attribute{
				MarkdownDescription: "Maximum number of bytes that `query`, and `version_query`, may scan each time that it runs. BigQuery only. A query that would scan more is refused before it runs, and costs nothing. With a limit, a plan says how many bytes a query scans. Defaults to the limits of the project.",
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
