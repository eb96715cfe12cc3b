package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// trinoSession runs one query in a transaction that the server keeps read-only, by
// https://trino.io/docs/current/develop/client-protocol.html
type trinoSession struct {
	config      *trinoConfig
	client      *restClient
	transaction string // its id; empty before it has begun
	prepared    string // the prepared query, as the server has encoded it
	running     string // where the next results of a statement are; empty if none runs
}

var (
	trinoSyntax  = syntax{}
	trinoDialect = &dialect{connect: connectTrino, check: trinoSyntax.checkReadOnly}
)

const (
	trinoPrepared     = "klaviyo"
	trinoPrepare      = "PREPARE " + trinoPrepared + " FROM\n"
	trinoPrepareLines = 1 // before the query

	trinoOtherText = -1 // in place of the number of lines: positions are not those of the query
)

func connectTrino(ctx context.Context, address string) (session, error) {
	config, problem := parseTrino(address)
	if problem != nil {
		return nil, problem
	}
	s := &trinoSession{config: config}
	s.client = newRESTClient(func(_ context.Context, r *http.Request, _ bool) error {
		if config.authorization != "" {
			r.Header.Set("Authorization", config.authorization)
		}
		return nil
	})
	if err := config.tls.apply(s.client); err != nil {
		return nil, err
	}
	err := s.command(ctx, "START TRANSACTION READ ONLY", trinoOtherText)
	if err == nil && s.transaction == "" {
		err = argumentError("url", "Check that the URL is that of a Trino server or of one that speaks its protocol.", "The server at %s has begun no read-only transaction.", config.endpoint.Host)
	}
	if err != nil {
		s.close() //nolint:contextcheck // the context may have ended
		return nil, err
	}
	return s, nil
}

// query implements session. The server describes the query first, so that wrong
// columns and parameters are found before it runs.
func (s *trinoSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	text, _ := trinoSyntax.statement(query)
	if err := s.command(ctx, trinoPrepare+text, trinoPrepareLines); err != nil {
		return nil, err
	}
	parameters, err := s.describe(ctx, "DESCRIBE INPUT "+trinoPrepared, 1)
	if err != nil {
		return nil, err
	}
	if len(parameters) != len(args) {
		return nil, argsError(len(parameters), len(args), "?")
	}
	described, err := s.describe(ctx, "DESCRIBE OUTPUT "+trinoPrepared, 0, 4)
	if err != nil {
		return nil, err
	}
	cursor := &trinoCursor{types: make([]trinoType, len(described)), columns: make([]columnInfo, len(described))}
	for i, column := range described {
		cursor.types[i], cursor.columns[i] = trinoColumn(column[0], column[1])
	}
	if err := check(cursor.columns); err != nil {
		return nil, err
	}
	statement, linesBefore := text, 0
	if len(args) > 0 {
		types := make([]string, len(args))
		for i, parameter := range parameters {
			types[i] = parameter[0]
		}
		statement, linesBefore = trinoExecute(trinoPrepared, args, types), trinoOtherText
	} else {
		s.prepared = "" // is of no more use
	}
	cursor.result, err = s.start(ctx, statement, linesBefore)
	return cursor, err
}

// command runs a statement without rows to its end.
func (s *trinoSession) command(ctx context.Context, statement string, linesBefore int) error {
	result, err := s.start(ctx, statement, linesBefore)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = result.next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// describe runs a statement about the prepared query, and returns some of its columns.
func (s *trinoSession) describe(ctx context.Context, statement string, columns ...int) ([][]string, error) {
	result, err := s.start(ctx, statement, trinoOtherText)
	if err != nil {
		return nil, err
	}
	var all [][]string
	for {
		raw, err := result.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		var cells []any
		if json.Unmarshal(raw, &cells) != nil || len(cells) <= columns[len(columns)-1] {
			return nil, brokenError(s.config.endpoint.Host)
		}
		row := make([]string, len(columns))
		for i, column := range columns {
			row[i], _ = cells[column].(string)
		}
		all = append(all, row)
	}
}

// start starts a statement. linesBefore is how many of its lines are before the query.
func (s *trinoSession) start(ctx context.Context, statement string, linesBefore int) (*trinoResult, error) {
	header := s.config.headers()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Trino-Transaction-Id", "NONE") // which says that the client knows transactions
	if s.transaction != "" {
		header.Set("X-Trino-Transaction-Id", s.transaction)
	}
	if s.prepared != "" {
		header.Set("X-Trino-Prepared-Statement", s.prepared)
	}
	result := &trinoResult{trinoSession: s, ctx: ctx, linesBefore: linesBefore}
	err := result.open(restRequest{
		method: http.MethodPost, url: s.config.endpoint.JoinPath("v1/statement").String(), header: header, body: []byte(statement), repeatable: true,
	})
	return result, err
}

// close implements session.
func (s *trinoSession) close() {
	defer s.client.close()
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the statement when the caller's context has ended.
	defer cancel()
	// A statement whose answer has not arrived has no address yet. Trino gives it up
	// when nobody asks for its rows (query.client.timeout).
	if s.running != "" {
		_ = s.client.call(ctx, restRequest{method: http.MethodDelete, url: s.running}, nil, nil) // it may have ended by now
	}
	if s.transaction != "" {
		s.prepared = ""
		_ = s.command(ctx, "ROLLBACK", trinoOtherText) // the server does so by itself after a while
	}
}

// trinoResult reads the documents of a statement's result, one after the other.
type trinoResult struct {
	*trinoSession
	ctx         context.Context //nolint:containedctx // of the statement, whose rows are read one by one
	linesBefore int
	page        *jsonRows
	idle        time.Duration // wait before the next document, if the last ones had no rows
}

// trinoMaxIdle bounds the time between two questions for rows. Trino itself waits for
// about a second before it answers without rows, but what is before it may not.
const trinoMaxIdle = 500 * time.Millisecond

// open requests a document and reads its beginning.
func (r *trinoResult) open(request restRequest) error {
	answer, err := r.client.open(r.ctx, request)
	if err != nil {
		return r.refusal(err)
	}
	if id := answer.header.Get("X-Trino-Started-Transaction-Id"); id != "" {
		r.transaction = id
	}
	if answer.header.Get("X-Trino-Clear-Transaction-Id") != "" {
		r.transaction = ""
	}
	if added := answer.header.Get("X-Trino-Added-Prepare"); added != "" {
		r.prepared = added
	}
	r.page = newJSONRows(answer.body, "data")
	if _, err := r.page.peek(); err != nil {
		return r.lost(err)
	}
	if next, err := r.nextURL(); err == nil && next != "" {
		r.running = next
	}
	return nil
}

// next returns the next row of the result.
func (r *trinoResult) next() (json.RawMessage, error) {
	for {
		row, err := r.page.next()
		if err == nil {
			r.idle = 0
			return row, nil
		} else if !errors.Is(err, io.EOF) {
			return nil, r.lost(err)
		}
		if text := r.page.fields["error"]; len(text) > 0 && !isNull(text) {
			r.running = ""
			var failure trinoFailure
			_ = json.Unmarshal(text, &failure) // it stays empty
			return nil, failure.queryError(r.linesBefore)
		}
		next, err := r.nextURL()
		if err != nil {
			return nil, err
		}
		if r.running = next; next == "" {
			return nil, io.EOF
		}
		if err := r.client.clock.Wait(r.ctx, r.idle, nil); err != nil {
			return nil, err
		}
		r.idle = min(max(2*r.idle, time.Millisecond), trinoMaxIdle)
		if err := r.open(restRequest{method: http.MethodGet, url: next, repeatable: true}); err != nil {
			return nil, err
		}
	}
}

// nextURL returns where the next document is; empty after the last one. It must be on
// the server of the URL, since it is asked with its credentials.
func (r *trinoResult) nextURL() (string, error) {
	text := r.page.fields["nextUri"]
	if len(text) == 0 || isNull(text) {
		return "", nil
	}
	var next string
	if err := json.Unmarshal(text, &next); err != nil {
		return "", brokenError(r.config.endpoint.Host)
	}
	address, err := url.Parse(next)
	if err != nil || address.Scheme != r.config.endpoint.Scheme || hostAndPort(address) != hostAndPort(r.config.endpoint) {
		return "", argumentError("url", "If a proxy is before the coordinator, set http-server.process-forwarded=true there, so that it answers with the address of the proxy; or write the address of the coordinator in the URL.",
			"The server at %s says that the rows are at another address, to which no credentials are sent.", r.config.endpoint.Host)
	}
	return next, nil
}

func hostAndPort(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	return strings.ToLower(address.Hostname()) + ":" + port
}

// lost reports a document that broke off, or is not what Trino documents.
func (r *trinoResult) lost(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return err
	}
	return brokenError(r.config.endpoint.Host)
}

// refusal explains an answer that is no document.
func (r *trinoResult) refusal(err error) error {
	var refused *restError
	if !errors.As(err, &refused) {
		return err
	}
	const maxSaid = 300
	said, host := fmt.Sprintf("status %d", refused.status), r.config.endpoint.Host
	if strings.HasPrefix(refused.header.Get("Content-Type"), "text/plain") && len(refused.body) > 0 {
		said = maskMessage(strings.ToValidUTF8(string(refused.body[:min(len(refused.body), maxSaid)]), ""), true) + " (" + said + ")"
	}
	switch refused.status {
	case http.StatusUnauthorized:
		return argumentError("url", "Check user and password or token; special characters of the password must be percent-encoded. Without TLS a server takes no password.", "Trino at %s refuses %s: %s.", host, r.config.origin, said)
	case http.StatusForbidden:
		return argumentError("url", "Check the user in the URL, and the access control of the server.", "Trino at %s denies access with %s: %s.", host, r.config.origin, said)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return argumentError("url", "Check host and port in the URL. "+trinoExample, "The server at %s does not speak Trino's protocol: %s.", host, said)
	case http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestURITooLong:
		return argumentError("query", "Make a view of the query, or raise http-server.max-request-header-size of the server.", "The query is longer than the server at %s takes: %s.", host, said)
	}
	return argumentError("url", "Plan again. If the error returns, the log of the server has its cause.", "Trino at %s refuses the request: %s.", host, said)
}

// trinoCursor yields the rows of the query.
type trinoCursor struct {
	result  *trinoResult
	types   []trinoType
	columns []columnInfo // as they were described
	checked bool         // the columns of the result are those
	cells   [][]byte
}

// next implements cursor.
func (c *trinoCursor) next() error {
	row, err := c.result.next()
	if err != nil {
		return err
	}
	if err := c.checkColumns(); err != nil {
		return err
	}
	c.cells = c.cells[:0]
	err = walkJSON(row, func(_, value []byte) error {
		c.cells = append(c.cells, value)
		return nil
	})
	if err != nil || len(c.cells) != len(c.types) {
		return brokenError(c.result.config.endpoint.Host)
	}
	return nil
}

// checkColumns compares the columns of the first rows with the description, and takes
// their types.
func (c *trinoCursor) checkColumns() error {
	text := c.result.page.fields["columns"]
	if c.checked || len(text) == 0 || isNull(text) {
		return nil
	}
	c.checked = true
	var columns []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &columns); err != nil {
		return brokenError(c.result.config.endpoint.Host)
	}
	same := len(columns) == len(c.columns)
	for i := 0; same && i < len(columns); i++ {
		of, column := trinoColumn(columns[i].Name, columns[i].Type)
		same = column.name == c.columns[i].name && column.json == c.columns[i].json && (column.binary == "") == (c.columns[i].binary == "")
		c.types[i] = of
	}
	if !same {
		return argumentError("query", "Plan again.", "What the query reads has got other columns while it ran.")
	}
	return nil
}

// append implements cursor.
func (c *trinoCursor) append(dst []byte, column int) ([]byte, error) {
	return c.types[column].append(dst, c.cells[column])
}
