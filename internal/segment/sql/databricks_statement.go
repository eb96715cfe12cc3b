package sql

import (
	"strings"
	"time"
)

// databricksRequest submits a statement.
// https://docs.databricks.com/api/statement-execution/v1/execute-statement
type databricksRequest struct {
	Statement   string                `json:"statement"`
	Warehouse   string                `json:"warehouse_id"`
	Catalog     string                `json:"catalog,omitempty"`
	Schema      string                `json:"schema,omitempty"`
	Parameters  []databricksParameter `json:"parameters,omitempty"`
	Disposition string                `json:"disposition"`
	Format      string                `json:"format"`
	WaitTimeout string                `json:"wait_timeout"`
}

// Dispositions: rows within the answer, up to 25 MiB, or behind links.
const (
	databricksInline = "INLINE"
	databricksLinks  = "EXTERNAL_LINKS"
)

// request returns the request for a statement. It does not wait for its end, so that
// the id, which ending it takes, is known from the start.
func (c *databricksConfig) request(statement, disposition string, args []*string) *databricksRequest {
	return &databricksRequest{
		Statement: statement, Warehouse: c.warehouse, Catalog: c.catalog, Schema: c.schema, Parameters: databricksParameterValues(args),
		Disposition: disposition, Format: "JSON_ARRAY", WaitTimeout: "0s",
	}
}

// databricksStatement is a statement and its progress.
// https://docs.databricks.com/api/statement-execution/v1/get-statement-result
type databricksStatement struct {
	ID     string `json:"statement_id"`
	Status struct {
		State    string             `json:"state"`
		Error    *databricksFailure `json:"error"`
		SQLState string             `json:"sql_state"`
	} `json:"status"`
	Manifest struct {
		Schema struct {
			Columns []struct {
				Name string `json:"name"`
				Type string `json:"type_text"`
			} `json:"columns"`
		} `json:"schema"`
		Rows      int64 `json:"total_row_count"`
		Truncated bool  `json:"truncated"`
	} `json:"manifest"`
	Result databricksResult `json:"result"`
}

// databricksResult is a chunk of rows, or a link to it.
type databricksResult struct {
	Rows  [][]*string      `json:"data_array"`
	Next  *int             `json:"next_chunk_index"` // of data_array
	Links []databricksLink `json:"external_links"`
}

// databricksLink is where a chunk can be had for a while, without credentials of
// Databricks but with the headers that it names.
type databricksLink struct {
	URL     string            `json:"external_link"`
	Expires time.Time         `json:"expiration"`
	Headers map[string]string `json:"http_headers"`
	Rows    int64             `json:"row_count"`
	Next    *int              `json:"next_chunk_index"`
}

// hasEnded reports whether the state of a statement is final.
func (s *databricksStatement) hasEnded() bool {
	return s.Status.State != "PENDING" && s.Status.State != "RUNNING"
}

// describeQuery describes the columns of a query, which it refuses unless it selects.
// https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-aux-describe-query
const describeQuery = "DESCRIBE QUERY\n"

var describeLines = strings.Count(describeQuery, "\n")
