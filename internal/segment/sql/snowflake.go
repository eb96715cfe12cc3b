package sql

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// snowflakeSession runs one query by version 2 of the SQL API:
// https://docs.snowflake.com/en/developer-guide/sql-api/reference
type snowflakeSession struct {
	config *snowflakeConfig
	client *restClient

	submission *restRequest // of a statement that may run on the server; nil if none does
	handle     string       // of that statement; empty until the server has told it
}

var snowflakeDialect = &dialect{connect: connectSnowflake, check: checkSnowflake}

var snowflakeSyntax = syntax{backslashes: `'`, slashComments: true, dollarQuotes: true}

// checkSnowflake refuses a query, before anything is sent, that SELECT * FROM (...)
// cannot hold.
func checkSnowflake(query string) *segment.Error {
	if err := snowflakeSyntax.checkReadOnly(query); err != nil {
		return err
	}
	tokens, err := snowflakeSyntax.tokens(query)
	if err != nil {
		return err
	}
	if first := snowflakeSyntax.statementOf(tokens)[0]; first.text != "SELECT" {
		return unreadable("The statement of the query begins with "+shortened(first.text)+", which is not the query of a segment for Snowflake.", "Write one statement that begins with SELECT or WITH.")
	}
	// The flow operator runs further statements with the rows of those before.
	// https://docs.snowflake.com/en/sql-reference/operators-flow
	for i := range tokens {
		if slices.Equal(tokens[i:min(i+3, len(tokens))], []token{{symbolToken, "-"}, {symbolToken, ">"}, {symbolToken, ">"}}) {
			return unreadable("The query has more than one statement: it has the flow operator, ->>.", "Write what it does as one SELECT.")
		}
	}
	return nil
}

func connectSnowflake(_ context.Context, address string) (session, error) {
	config, problem := parseSnowflake(address, wait.System{})
	if problem != nil {
		return nil, problem
	}
	return &snowflakeSession{config: config, client: newRESTClient(config.credential.authorize)}, nil
}

// snowflakeStatement is the body of a request that submits a statement.
type snowflakeStatement struct {
	Statement  string                      `json:"statement"`
	Timeout    int64                       `json:"timeout,omitempty"` // in seconds
	Database   string                      `json:"database,omitempty"`
	Schema     string                      `json:"schema,omitempty"`
	Warehouse  string                      `json:"warehouse,omitempty"`
	Role       string                      `json:"role,omitempty"`
	Bindings   map[string]snowflakeBinding `json:"bindings,omitempty"`
	Parameters map[string]string           `json:"parameters"`
}

type snowflakeBinding struct {
	Type  string  `json:"type"`
	Value *string `json:"value"`
}

// snowflakeResult is the metadata of a result.
type snowflakeResult struct {
	Rows       int64             `json:"numRows"`
	Columns    []snowflakeColumn `json:"rowType"`
	Partitions []struct {
		Rows int64 `json:"rowCount"`
	} `json:"partitionInfo"`
}

// A query is compiled within snowflakeDescription first. Only what reads can be within
// its parentheses, and the filter that nothing passes keeps it from reading, so this
// finds columns, mistakes and whatever writes before there is anything to pay. Then
// the query runs as it is written, since a subquery would lose its order.
const (
	snowflakeDescription      = "SELECT * FROM (\n"
	snowflakeDescriptionEnd   = "\n) WHERE FALSE LIMIT 0"
	snowflakeDescriptionLines = 1 // before the query
)

// query implements session.
func (s *snowflakeSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	text, parameters := snowflakeSyntax.statement(query)
	if parameters != len(args) {
		return nil, argsError(parameters, len(args), "?")
	}
	described, rows, err := s.run(ctx, snowflakeDescription+text+snowflakeDescriptionEnd, args, snowflakeDescriptionLines)
	if err != nil {
		return nil, err
	}
	_ = rows.body.Close()
	_, columns := snowflakeColumns(described.Columns)
	if err := check(columns); err != nil {
		return nil, err
	}
	result, rows, err := s.run(ctx, text, args, 0)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(result.Columns, described.Columns) {
		_ = rows.body.Close()
		return nil, argumentError("query", "Plan again.", "The columns of what the query reads changed while it ran.")
	}
	types, _ := snowflakeColumns(result.Columns)
	return &snowflakeCursor{snowflakeSession: s, ctx: ctx, result: result, types: types, rows: rows}, nil
}

// run runs a statement to its end and returns its result with the first partition.
// linesBefore is how many lines of the statement are before the query.
func (s *snowflakeSession) run(ctx context.Context, statement string, args []*string, linesBefore int) (*snowflakeResult, *jsonRows, error) {
	if err := s.submit(ctx, statement, args); err != nil {
		return nil, nil, s.failure(err, linesBefore)
	}
	body, err := s.await(ctx)
	if err != nil {
		return nil, nil, s.failure(err, linesBefore)
	}
	rows := newJSONRows(body, "data")
	var result snowflakeResult
	if _, err := rows.peek(); err != nil {
		return nil, nil, s.lost(err)
	}
	if err := json.Unmarshal(rows.fields["resultSetMetaData"], &result); err != nil {
		_ = body.Close()
		return nil, nil, s.lost(err)
	}
	return &result, rows, nil
}

// submit starts a statement. The server answers before it runs, so that its handle,
// which ending it takes, is known from the start. A repeated request runs nothing
// twice: https://docs.snowflake.com/en/developer-guide/sql-api/submitting-requests
func (s *snowflakeSession) submit(ctx context.Context, statement string, args []*string) error {
	c := s.config
	body, err := json.Marshal(&snowflakeStatement{
		Statement: statement, Timeout: int64((c.timeout + time.Second - 1) / time.Second),
		Database: c.database, Schema: c.schema, Warehouse: c.warehouse, Role: c.role, Bindings: snowflakeBindings(args),
		Parameters: map[string]string{"MULTI_STATEMENT_COUNT": "1", "QUERY_TAG": applicationName}, // one statement, whatever the account allows
	})
	if err != nil {
		return err
	}
	address := s.address() + "?async=true&requestId=" + uuid.NewString()
	s.submission, s.handle = &restRequest{
		method: http.MethodPost, url: address, header: snowflakeHeader, body: body, repeatable: true, repeatURL: func(int) string { return address + "&retry=true" },
	}, ""
	return s.findHandle(ctx)
}

var snowflakeHeader = http.Header{"Accept": {"application/json"}}

func (s *snowflakeSession) address(path ...string) string {
	return s.config.endpoint.JoinPath(append([]string{"api/v2/statements"}, path...)...).String()
}

// findHandle sends the submission and keeps the handle of its statement.
func (s *snowflakeSession) findHandle(ctx context.Context) error {
	var answer struct {
		Handle string `json:"statementHandle"`
	}
	if err := s.client.call(ctx, *s.submission, nil, &answer); err != nil {
		return err
	}
	if answer.Handle == "" {
		return brokenError(s.config.endpoint.Host)
	}
	s.handle = answer.Handle
	return nil
}

// Times between two questions whether a statement has ended.
const (
	snowflakeFirstPoll = 100 * time.Millisecond
	snowflakeLastPoll  = 5 * time.Second
)

// await waits for the end of the statement and returns the answer with its result.
func (s *snowflakeSession) await(ctx context.Context) (io.ReadCloser, error) {
	for delay := snowflakeFirstPoll; ; delay = min(2*delay, snowflakeLastPoll) {
		answer, err := s.client.open(ctx, restRequest{method: http.MethodGet, url: s.address(s.handle), header: snowflakeHeader, repeatable: true})
		if err != nil {
			return nil, err
		}
		if answer.status != http.StatusAccepted {
			s.submission = nil
			return answer.body, nil
		}
		_ = answer.body.Close()
		if err := s.client.clock.Wait(ctx, delay, nil); err != nil {
			return nil, err
		}
	}
}

// snowflakeBindings returns the args as texts, which Snowflake converts to what they
// are compared with.
func snowflakeBindings(args []*string) map[string]snowflakeBinding {
	bindings := map[string]snowflakeBinding{}
	for i, arg := range args {
		bindings[strconv.Itoa(i+1)] = snowflakeBinding{Type: "TEXT", Value: arg}
	}
	return bindings
}

// failure explains the error of a request.
func (s *snowflakeSession) failure(err error, linesBefore int) error {
	var refused *restError
	if !errors.As(err, &refused) {
		return err
	}
	if s.handle == "" || refused.status == http.StatusUnprocessableEntity || refused.status == http.StatusRequestTimeout {
		s.submission = nil // it never ran, or has ended
	}
	failure := snowflakeFailure{Message: "status " + strconv.Itoa(refused.status)}
	_ = json.Unmarshal(refused.body, &failure) // which may be a page of a proxy
	failure.Message = moveLines(failure.Message, linesBefore)
	switch refused.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return failure.accessError(refused.status, &s.config.credential, s.config.endpoint.Host)
	case http.StatusNotFound:
		if s.handle == "" {
			return argumentError("url", "Check the account in the URL.", "There is no account of Snowflake at %s: %s.", s.config.endpoint.Host, failure.said())
		}
	}
	return failure.queryError(refused.status)
}

// lost reports an answer that broke off, or is not what Snowflake documents.
func (s *snowflakeSession) lost(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return err
	}
	return brokenError(s.config.endpoint.Host)
}

// close implements session.
func (s *snowflakeSession) close() {
	defer s.client.close()
	if s.submission == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the statement when the caller's context has ended.
	defer cancel()
	if s.handle == "" { // the answer never came, so ask again
		s.submission.url = s.submission.repeatURL(2)
		if s.findHandle(ctx) != nil {
			return
		}
	}
	address := s.address(s.handle, "cancel") + "?" + url.Values{"requestId": {uuid.NewString()}}.Encode()
	request := restRequest{method: http.MethodPost, url: address, header: snowflakeHeader, repeatable: true}
	_ = s.client.call(ctx, request, nil, nil) // it may have ended by now
}
