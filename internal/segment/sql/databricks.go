package sql

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// databricksSession runs one query on a SQL warehouse, after a description of it.
type databricksSession struct {
	config    *databricksConfig
	client    *restClient
	statement string // id of the one that runs; empty if there is none
}

var databricksDialect = &dialect{connect: connectDatabricks, check: databricksSyntax.checkReadOnly}

func connectDatabricks(_ context.Context, address string) (session, error) {
	config, problem := parseDatabricks(address)
	if problem != nil {
		return nil, problem
	}
	s := &databricksSession{config: config}
	s.client = newRESTClient(bearer(s.token()))
	return s, nil
}

// query implements session.
func (s *databricksSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	query, _ = databricksSyntax.statement(query)
	if parameters := countDatabricksParameters(query); parameters != len(args) {
		return nil, argsError(parameters, len(args), "of the parameters :p1, :p2 and so on")
	}
	types, columns, err := s.describe(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if err := check(columns); err != nil {
		return nil, err
	}
	result, err := s.run(ctx, s.config.request(query, databricksLinks, args), 0, false)
	if err != nil {
		return nil, err
	}
	if err := matchManifest(result, columns, types); err != nil {
		return nil, err
	}
	rows := &databricksCursor{databricksSession: s, ctx: ctx, id: result.ID, types: types, total: result.Manifest.Rows}
	if len(result.Result.Links) > 0 {
		rows.link = &result.Result.Links[0]
	}
	return rows, nil
}

// describe returns the columns of a query, without running it.
func (s *databricksSession) describe(ctx context.Context, query string, args []*string) (types []databricksType, columns []columnInfo, err error) {
	statement, err := s.run(ctx, s.config.request(describeQuery+query, databricksInline, args), describeLines, true)
	if err != nil {
		return nil, nil, err
	}
	for result := statement.Result; ; {
		for _, row := range result.Rows {
			if len(row) < 2 || row[0] == nil || row[1] == nil {
				return nil, nil, s.undocumented()
			}
			of, column := databricksColumn(*row[0], *row[1])
			types, columns = append(types, of), append(columns, column)
		}
		next := result.Next
		if next == nil {
			return types, columns, nil
		}
		result = databricksResult{}
		if err := s.get(ctx, s.config.url(statement.ID, "result", "chunks", strconv.Itoa(*next)), &result); err != nil {
			return nil, nil, err
		}
	}
}

// matchManifest takes the types from a result, whose columns must be those that were
// described: the tables may have changed since.
func matchManifest(result *databricksStatement, columns []columnInfo, types []databricksType) error {
	found := result.Manifest.Schema.Columns
	if len(found) != len(columns) {
		return errColumnsChanged
	}
	for i, column := range found {
		of, info := databricksColumn(column.Name, column.Type)
		if info.binary != "" && columns[i].binary != "" {
			continue
		}
		if info != columns[i] {
			return errColumnsChanged
		}
		types[i] = of
	}
	return nil
}

// run submits a statement and waits for its end. before and described are as in
// said of [databricksFailure]. A query that may have begun is not submitted again: it
// would be paid for twice. A description costs nothing.
func (s *databricksSession) run(ctx context.Context, request *databricksRequest, before int, described bool) (*databricksStatement, error) {
	var statement databricksStatement
	submitCtx, done := withGrace(ctx, submitGrace)
	err := s.client.call(submitCtx, restRequest{method: http.MethodPost, url: s.config.url(), repeatable: described}, request, &statement)
	done()
	if err != nil {
		return nil, s.failure(err)
	}
	s.statement = statement.ID
	id := statement.ID
	for delay := minDatabricksPoll; !statement.hasEnded(); delay = min(delay*2, maxDatabricksPoll) {
		if err := s.client.clock.Wait(ctx, delay, nil); err != nil {
			return nil, err
		}
		statement = databricksStatement{}
		if err := s.get(ctx, s.config.url(id), &statement); err != nil {
			return nil, err
		}
	}
	s.statement = ""
	statement.ID = id
	return &statement, s.ended(&statement, before, described)
}

// submitGrace is how much longer than its context a request that submits a statement
// may take, since a statement can only be ended by the id that the answer has.
var submitGrace = 300 * time.Millisecond // longer in tests

// withGrace returns a context that ends some time after another one.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

const (
	minDatabricksPoll = 100 * time.Millisecond
	maxDatabricksPoll = 5 * time.Second
)

// ended reports a statement that ended without its whole result.
func (s *databricksSession) ended(statement *databricksStatement, before int, described bool) error {
	switch statement.Status.State {
	case "SUCCEEDED":
		if statement.Manifest.Truncated {
			return argumentError("query", "Select fewer rows or columns, or export the segment in parts.", "Databricks has cut the result of the query, which is larger than the limit of 100 GiB.")
		}
		return nil
	case "CANCELED":
		return argumentError("query", "Find out who or what did so: the query history of the workspace has the query.", "The query was cancelled on the server.")
	case "CLOSED":
		return errDatabricksGone
	}
	failure := statement.Status.Error
	if failure == nil {
		return s.undocumented()
	}
	failure.sqlState = statement.Status.SQLState
	return failure.queryError(before, described)
}

// close implements session.
func (s *databricksSession) close() {
	defer s.client.close()
	if s.statement == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the statement when the caller's context has ended.
	defer cancel()
	_ = s.client.call(ctx, restRequest{method: http.MethodPost, url: s.config.url(s.statement, "cancel"), repeatable: true}, nil, nil) // it may have ended by now
}

// get requests what is safe to request again.
func (s *databricksSession) get(ctx context.Context, address string, answer any) error {
	err := s.client.call(ctx, restRequest{method: http.MethodGet, url: address, repeatable: true}, nil, answer)
	var refused *restError
	if errors.As(err, &refused) && (refused.status == http.StatusNotFound || refused.status == http.StatusGone) {
		return errDatabricksGone
	}
	return s.failure(err)
}

// errDatabricksGone reports a result that Databricks has no more. It keeps one for an
// hour.
var errDatabricksGone = argumentError("url", "Plan again. If it takes longer to read the segment, export it in parts.", "Databricks no longer has the result of the query, which it keeps for an hour.")

func (c *databricksConfig) url(path ...string) string {
	return c.endpoint.JoinPath(append([]string{"api", "2.0", "sql", "statements"}, path...)...).String()
}

// failure explains the error of a request.
func (s *databricksSession) failure(err error) error {
	var refused *restError
	if !errors.As(err, &refused) {
		return err
	}
	failure := databricksFailureOf(refused.body)
	return s.config.requestError(refused.status, &failure)
}

func (s *databricksSession) undocumented() error {
	return argumentError("url", "Check that the URL is that of a SQL warehouse.", "The answer of the server at %s is not one of Databricks.", s.config.endpoint.Host)
}

// databricksCursor reads the chunks of a result, one after the other.
type databricksCursor struct {
	*databricksSession
	ctx   context.Context //nolint:containedctx // of the statement, whose rows are read one by one
	id    string          // of the statement
	types []databricksType
	chunk int
	link  *databricksLink // to the chunk; nil after the last one
	rows  *jsonRows       // of the chunk; nil before it is opened
	read  int64           // rows of the chunk
	all   int64           // rows so far
	total int64           // rows of the result
	cells [][]byte
}

// next implements cursor.
func (c *databricksCursor) next() error {
	for {
		if c.rows == nil {
			if c.link == nil {
				if c.all != c.total {
					return argumentError("url", "Plan again.", "Databricks has given %d of the %d rows of the result.", c.all, c.total)
				}
				return io.EOF
			}
			if err := c.openChunk(); err != nil {
				return err
			}
		}
		row, err := c.rows.next()
		if err == nil {
			c.read++
			c.all++
			return c.split(row)
		}
		if !errors.Is(err, io.EOF) || c.read != c.link.Rows {
			return c.lost(err)
		}
		if err := c.nextChunk(); err != nil {
			return err
		}
	}
}

// nextChunk fetches the link to the next chunk, if there is one.
func (c *databricksCursor) nextChunk() error {
	next := c.link.Next
	c.rows, c.link, c.read = nil, nil, 0
	if next == nil {
		return nil
	}
	if *next <= c.chunk {
		return c.undocumented()
	}
	c.chunk = *next
	return c.fetchLink()
}

// fetchLink fetches a new link to the chunk.
// https://docs.databricks.com/api/statement-execution/v1/get-result-data
func (c *databricksCursor) fetchLink() error {
	var result databricksResult
	if err := c.get(c.ctx, c.config.url(c.id, "result", "chunks", strconv.Itoa(c.chunk)), &result); err != nil {
		return err
	}
	if len(result.Links) == 0 {
		return c.undocumented()
	}
	c.link = &result.Links[0]
	return nil
}

// openChunk requests the chunk, with a new link if the one that is known has expired.
// What storage answers to an expired link depends on the cloud.
func (c *databricksCursor) openChunk() error {
	const reserve = 30 * time.Second
	if !c.link.Expires.IsZero() && !c.client.clock.Now().Add(reserve).Before(c.link.Expires) {
		if err := c.fetchLink(); err != nil {
			return err
		}
	}
	answer, err := c.download()
	var refused *restError
	if errors.As(err, &refused) && refused.status >= http.StatusBadRequest && refused.status < http.StatusInternalServerError {
		if err := c.fetchLink(); err != nil {
			return err
		}
		answer, err = c.download()
	}
	if errors.As(err, &refused) {
		return argumentError("url", "Check that the machine that runs Terraform may reach the storage of the workspace. Otherwise plan again.", "The storage of Databricks refuses a part of the result: it answers %d.", refused.status)
	}
	if err == nil {
		c.rows = newJSONRows(answer.body, "")
	}
	return err
}

// download requests the chunk, without the credentials of Databricks.
func (c *databricksCursor) download() (*restAnswer, error) {
	address, err := url.Parse(c.link.URL)
	if err != nil || address.Host == "" || address.Scheme != "https" && (address.Scheme != "http" || !httpx.IsLoopback(address.Hostname())) {
		return nil, argumentError("url", "", "Databricks has given a link to a part of the result that is not https.")
	}
	header := http.Header{}
	for name, value := range c.link.Headers {
		header.Set(name, value)
	}
	return c.client.open(c.ctx, restRequest{method: http.MethodGet, url: c.link.URL, header: header, repeatable: true, foreign: true})
}

// split splits a row, an array of texts and nulls, into its values.
func (c *databricksCursor) split(row []byte) error {
	c.cells = c.cells[:0]
	err := walkJSON(row, func(name, value []byte) error {
		if name != nil {
			return errDatabricksValue
		}
		c.cells = append(c.cells, value)
		return nil
	})
	if err != nil || len(c.cells) != len(c.types) {
		return c.undocumented()
	}
	return nil
}

// lost reports a chunk that broke off, or has not the rows that it should.
func (c *databricksCursor) lost(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return err
	}
	return brokenError(c.config.endpoint.Host)
}

// append implements cursor.
func (c *databricksCursor) append(dst []byte, column int) ([]byte, error) {
	return c.types[column].append(dst, c.cells[column])
}
