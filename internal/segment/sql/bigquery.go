package sql

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// bigquerySession runs one query as a job, after a dry run of it:
// https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/jobs
type bigquerySession struct {
	config  *bigqueryConfig
	client  *restClient
	job     *bigqueryReference // nil before there is one
	running bool               // the job has not ended, as far as is known
	scans   int64              // bytes, by the dry run
}

var bigqueryDialect = &dialect{connect: connectBigQuery, check: bigquerySyntax.checkReadOnly, billsBytes: true}

func connectBigQuery(_ context.Context, address string) (session, error) {
	config, problem := parseBigQuery(address)
	if problem != nil {
		return nil, problem
	}
	s := &bigquerySession{config: config}
	s.client = newRESTClient(bearer(new(googleTokens).token))
	s.client.isRetryable = func(refused *restError) bool {
		failure := bigqueryFailureOf(refused.body)
		return refused.status == http.StatusInternalServerError || refused.status == http.StatusForbidden && failure.isRetryable()
	}
	return s, nil
}

// limitBytes implements byteLimiter.
func (s *bigquerySession) limitBytes(maxBytes int64) { s.config.maxBytes = maxBytes }

// notices implements noticer.
func (s *bigquerySession) notices() []string {
	if s.config.maxBytes == 0 {
		return nil
	}
	return []string{fmt.Sprintf("BigQuery scans at most %s each time that the query runs; max_bytes_billed allows %s.", sizeOf(s.scans), sizeOf(s.config.maxBytes))}
}

// query implements session.
func (s *bigquerySession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	if _, parameters := bigquerySyntax.statement(query); parameters != len(args) {
		return nil, argsError(parameters, len(args), "?")
	}
	parameters, err := s.parameters(ctx, query, args)
	if err != nil {
		return nil, err
	}
	job := s.config.job(query, parameters)
	plan, err := s.dryRun(ctx, job)
	if err != nil {
		return nil, err
	}
	types, columns := bigqueryColumns(plan.Schema.Fields)
	if err := check(columns); err != nil {
		return nil, err
	}
	if err := s.start(ctx, job); err != nil {
		return nil, err
	}
	rows := &bigqueryCursor{bigquerySession: s, types: types}
	if err := rows.open(ctx); err != nil {
		return nil, err
	}
	if err := rows.matchSchema(columns); err != nil {
		return nil, err
	}
	return rows, nil
}

// parameters gives the args the types that the query expects, which a dry run without
// values finds. An error of it is left to the dry run with values.
func (s *bigquerySession) parameters(ctx context.Context, query string, args []*string) ([]bigqueryParameter, error) {
	if len(args) == 0 {
		return nil, nil
	}
	job := s.config.job(query, nil)
	job.Configuration.Query.Mode = bigqueryPositional
	job.Configuration.DryRun = true
	var answer bigqueryJob
	var refused *restError
	err := s.post(ctx, s.config.url("jobs"), job, &answer)
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusBadRequest:
	case err != nil:
		return nil, s.failure(err, false)
	}
	found := answer.Statistics.Query.Undeclared
	if n := slices.IndexFunc(found, func(p bigqueryParameter) bool { return p.Type.Name == "ARRAY" || p.Type.Name == "STRUCT" }); n >= 0 {
		return nil, argumentError("args", "Pass a list as text, and split it in the query: UNNEST(SPLIT(?)).", "The query expects an %s as its parameter number %d, and args are texts.", found[n].Type.Name, n+1)
	}
	return bigqueryParameterValues(args, found), nil
}

// dryRun finds out what a query is and how much it scans. It is free and runs nothing.
func (s *bigquerySession) dryRun(ctx context.Context, job *bigqueryJob) (*bigqueryQueryPlan, error) {
	dry := *job
	dry.Configuration.DryRun = true
	var answer bigqueryJob
	if err := s.post(ctx, s.config.url("jobs"), &dry, &answer); err != nil {
		return nil, s.failure(err, false)
	}
	if answer.Status.Error != nil {
		return nil, s.config.queryError(http.StatusOK, answer.Status.Error, false)
	}
	plan := &answer.Statistics.Query
	if plan.StatementType != "SELECT" {
		return nil, argumentError("query", "Use a query that only selects.", "The query is not a SELECT for BigQuery but %q, and segments are only read. It was not run.", plan.StatementType)
	}
	s.scans = max(plan.Bytes, answer.Statistics.Bytes)
	if limit := s.config.maxBytes; limit > 0 && s.scans > limit {
		return nil, argumentError("max_bytes_billed", "Make the query read less, such as fewer columns or one partition, or raise max_bytes_billed.",
			"The query would scan %s, and max_bytes_billed allows %s. It was not run.", sizeOf(s.scans), sizeOf(limit))
	}
	return plan, nil
}

// start starts a job. It is named here, so that a repeated request starts no second
// one, and so that it can be cancelled whatever becomes of the answer.
func (s *bigquerySession) start(ctx context.Context, job *bigqueryJob) error {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	job.Reference.ID = "klaviyo_" + hex.EncodeToString(id)
	s.job, s.running = job.Reference, true
	var answer bigqueryJob
	err := s.post(ctx, s.config.url("jobs"), job, &answer)
	var refused *restError
	if errors.As(err, &refused) {
		if refused.status == http.StatusConflict { // the request was repeated, and had arrived before
			return nil
		}
		s.running = false
	}
	if err != nil {
		return s.failure(err, true)
	}
	if answer.Status.Error != nil {
		s.running = false
		return s.config.queryError(http.StatusOK, answer.Status.Error, true)
	}
	if answer.Reference != nil && answer.Reference.Location != "" {
		s.job.Location = answer.Reference.Location
	}
	return nil
}

// close implements session.
func (s *bigquerySession) close() {
	defer s.client.close()
	if s.job == nil || !s.running {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the job when the caller's context has ended.
	defer cancel()
	address := s.config.url("jobs", s.job.ID, "cancel")
	if s.job.Location != "" {
		address += "?location=" + url.QueryEscape(s.job.Location)
	}
	_ = s.post(ctx, address, nil, nil) // it may have ended by now
}

// post sends a request and decodes the answer.
func (s *bigquerySession) post(ctx context.Context, address string, body, answer any) error {
	return s.client.call(ctx, restRequest{method: http.MethodPost, url: address, repeatable: true}, body, answer)
}

// failure explains the error of a request. ran is false if nothing has run yet.
func (s *bigquerySession) failure(err error, ran bool) error {
	var refused *restError
	if !errors.As(err, &refused) {
		return err
	}
	failure := bigqueryFailureOf(refused.body)
	if refused.status == http.StatusUnauthorized {
		return s.config.accessError(&failure)
	}
	return s.config.queryError(refused.status, &failure, ran)
}

// bigqueryCursor reads the pages of a job's result.
type bigqueryCursor struct {
	*bigquerySession
	ctx   context.Context //nolint:containedctx // of the statement, whose rows are read one by one
	types []bigqueryType
	page  *jsonRows
	read  int64
	cells [][]byte
}

// open requests the first page, until the job has ended.
func (c *bigqueryCursor) open(ctx context.Context) error {
	c.ctx = ctx
	for {
		if err := c.request(""); err != nil {
			return err
		}
		more, err := c.page.peek()
		if err != nil {
			return c.lost(err)
		}
		if more || string(c.page.fields["jobComplete"]) != "false" {
			c.running = false
			return nil
		}
	}
}

// matchSchema makes sure that the result has the columns of the dry run: the tables
// may have changed since.
func (c *bigqueryCursor) matchSchema(columns []columnInfo) error {
	text := c.page.fields["schema"]
	if text == nil { // it follows the rows, whose number of values is checked
		return nil
	}
	var schema bigquerySchema
	if err := json.Unmarshal(text, &schema); err != nil {
		return c.lost(err)
	}
	if _, found := bigqueryColumns(schema.Fields); !slices.Equal(found, columns) {
		return errColumnsChanged
	}
	return nil
}

// bigqueryWait is how long BigQuery is to wait for the end of a job before it
// answers, in milliseconds.
const bigqueryWait = 10_000

// bigqueryPageRows bounds the rows of a page, which are 10 MB at most.
const bigqueryPageRows = 50_000

// https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults
func (c *bigqueryCursor) request(token string) error {
	parameters := url.Values{
		"maxResults": {strconv.Itoa(bigqueryPageRows)}, "timeoutMs": {strconv.Itoa(bigqueryWait)},
		"formatOptions.timestampOutputFormat": {"ISO8601_STRING"},
	}
	if token != "" {
		parameters.Set("pageToken", token)
	}
	if c.job.Location != "" {
		parameters.Set("location", c.job.Location)
	}
	answer, err := c.client.open(c.ctx, restRequest{method: http.MethodGet, url: c.config.url("queries", c.job.ID) + "?" + parameters.Encode(), repeatable: true})
	if err != nil {
		return c.failure(err, true)
	}
	c.page = newJSONRows(answer.body, "rows")
	return nil
}

// next implements cursor.
func (c *bigqueryCursor) next() error {
	for {
		row, err := c.page.next()
		if err == nil {
			c.read++
			if c.cells, err = bigqueryCells(c.cells, row); err == nil && len(c.cells) != len(c.types) {
				err = errBigQueryRow
			}
			if err != nil {
				return c.lost(err)
			}
			return nil
		}
		if !errors.Is(err, io.EOF) {
			return c.lost(err)
		}
		var token, total string
		_ = json.Unmarshal(c.page.fields["pageToken"], &token) // a missing field stays empty
		_ = json.Unmarshal(c.page.fields["totalRows"], &total)
		if token == "" {
			if rows, err := strconv.ParseInt(total, 10, 64); err == nil && rows != c.read {
				return argumentError("url", "Plan again.", "BigQuery has given %d of the %d rows of the result.", c.read, rows)
			}
			return io.EOF
		}
		if err := c.request(token); err != nil {
			return err
		}
	}
}

// lost reports a page that broke off, or is not what BigQuery documents.
func (c *bigqueryCursor) lost(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return err
	}
	return brokenError(c.config.endpoint.Host)
}

// append implements cursor.
func (c *bigqueryCursor) append(dst []byte, column int) ([]byte, error) {
	return c.types[column].append(dst, c.cells[column])
}
