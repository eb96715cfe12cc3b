package sql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// clickhouseSession runs one query over the HTTP interface of ClickHouse, after a
// description of it. https://clickhouse.com/docs/interfaces/http
type clickhouseSession struct {
	config  *clickhouseConfig
	client  *restClient // for what is answered at once
	patient *restClient // for the query, whose answer begins when the server has the first rows

	server  clickhouseServer
	fixed   bool   // the user may change no settings, being read-only already
	running string // beginning of the ids of the query's attempts; empty if it has ended
}

// clickhouseServer is what a server says of itself.
type clickhouseServer struct {
	year    int            // of the version: 23 of 23.8.2
	zone    *time.Location // of times whose type has none
	partial []string       // settings of the user that let a result lack rows without an error
}

var clickhouseSyntax = syntax{backslashes: "'\"`", withExpressions: true}

var clickhouseDialect = &dialect{connect: connectClickHouse, check: clickhouseSyntax.checkReadOnly}

func connectClickHouse(ctx context.Context, address string) (session, error) {
	config, problem := parseClickHouse(address)
	if problem != nil {
		return nil, problem
	}
	s := &clickhouseSession{config: config}
	for _, client := range []**restClient{&s.client, &s.patient} {
		*client = newRESTClient(config.authorize)
		(*client).isRetryable = func(refused *restError) bool { return clickhouseFailureOf(refused.body).code == clickhouseBusy }
		if err := config.tls.apply(*client); err != nil {
			return nil, err
		}
	}
	s.patient.transport.ResponseHeaderTimeout = 0 // the statement has a time limit of its own, or none
	if err := s.greet(ctx); err != nil {
		s.close() //nolint:contextcheck // the context may have ended
		return nil, err
	}
	return s, nil
}

// clickhousePartial selects the names of settings with which a result may lack rows
// without an error: it ends at a limit, or leaves out a shard that does not answer.
// https://clickhouse.com/docs/operations/settings/query-complexity
const clickhousePartial = "SELECT arrayStringConcat(groupArray(name), ',') FROM system.settings" +
	" WHERE (name LIKE '%overflow_mode%' AND value != 'throw') OR (name IN ('skip_unavailable_shards', 'limit', 'offset') AND value != '0')"

// greet finds out what the server is, and whether the user may change settings.
func (s *clickhouseSession) greet(ctx context.Context) error {
	const query = "SELECT version(), timezone(), (" + clickhousePartial + ")"
	rows, err := s.all(ctx, query, nil)
	var failure *clickhouseFailure
	if errors.As(err, &failure) && failure.code == clickhouseReadOnly {
		if s.config.timeout > 0 {
			return argumentError("url", "Remove statement_timeout from the URL; the user's profile sets the limit.", "The user of the URL may change no settings, so the query can have no statement_timeout.")
		}
		s.fixed = true
		rows, err = s.all(ctx, query, nil)
	}
	if err != nil {
		return s.explained(err, clickhouseGreeting)
	}
	if len(rows) != 1 || len(rows[0]) != 3 {
		return s.undocumented()
	}
	if partial := rows[0][2]; partial != "" {
		s.server.partial = strings.Split(partial, ",")
	}
	if s.fixed && s.server.partial != nil {
		return argumentError("url", "Set *_overflow_mode to throw and the others to 0 in the profile of the user, or let the user change settings with readonly = 2.",
			"A result may lack rows without an error, since the profile of the user has the settings %s, and the user may change no settings.", segment.Quoted(s.server.partial))
	}
	major, _, _ := strings.Cut(rows[0][0], ".")
	if s.server.year, err = strconv.Atoi(major); err != nil {
		return s.undocumented()
	}
	if s.server.zone, err = time.LoadLocation(rows[0][1]); err != nil {
		s.server.zone = nil // times without a zone cannot be mapped then
	}
	return nil
}

// query implements session. The server describes the query first, so that wrong
// columns are found before it runs.
func (s *clickhouseSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	query, _ = clickhouseSyntax.statement(query)
	if n := countClickHouseParameters(query); n != len(args) {
		return nil, argsError(n, len(args), "of the parameters {p1:String}, {p2:UInt64} and so on")
	}
	if len(args) > 0 && s.server.year < clickhouseParametersSince {
		return nil, argumentError("args", "Write the values into the query, or update the server.", "The server is ClickHouse %d, and queries have parameters from version %d on.", s.server.year, clickhouseParametersSince)
	}
	described, err := s.all(ctx, clickhouseDescribe+query+"\n)", args)
	if err != nil {
		return nil, s.explained(err, clickhouseDescription)
	}
	var columns []columnInfo
	var types []clickhouseType
	for _, row := range described {
		if len(row) < 2 {
			return nil, s.undocumented()
		}
		of, column := clickhouseColumn(row[0], row[1], s.server.zone)
		types, columns = append(types, of), append(columns, column)
	}
	if err := check(columns); err != nil {
		return nil, err
	}
	rows, err := s.open(ctx, s.patient, query, args)
	if err != nil {
		return nil, s.explained(err, clickhouseQuery)
	}
	result := &clickhouseCursor{clickhouseSession: s, rows: rows, types: types}
	if err := result.matchMeta(columns); err != nil {
		return nil, err
	}
	return result, nil
}

const (
	clickhouseDescribe = "DESCRIBE TABLE (\n" // one line before the query

	// clickhouseParametersSince is the year of the first version with parameters, and
	// with times in ISO 8601.
	clickhouseParametersSince = 21
)

// countClickHouseParameters returns the number n of parameters {p1:...} to {pn:...}.
func countClickHouseParameters(query string) (n int) {
	tokens, _ := clickhouseSyntax.tokens(query) // the check has read it without an error
	for i := 0; i+2 < len(tokens); i++ {
		if digits, found := strings.CutPrefix(tokens[i+1].text, "P"); found && tokens[i].text == "{" && tokens[i+2].text == ":" {
			if number, err := strconv.Atoi(digits); err == nil {
				n = max(n, number)
			}
		}
	}
	return n
}

// open starts a statement. Its errors are not explained yet.
func (s *clickhouseSession) open(ctx context.Context, client *restClient, statement string, args []*string) (*jsonRows, error) {
	s.running = rand.Text()
	address := func(attempt int) string { // the server refuses an id that still runs
		u := *s.config.endpoint
		u.RawQuery = s.parameters(s.running+"-"+strconv.Itoa(attempt), args).Encode()
		return u.String()
	}
	answer, err := client.open(ctx, restRequest{
		method: http.MethodPost, url: address(1), repeatURL: address, repeatable: true,
		header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, body: []byte(statement),
	})
	var refused *restError
	if errors.As(err, &refused) {
		s.running = ""
		failure := clickhouseFailureOf(refused.body)
		failure.status = refused.status
		return nil, failure
	}
	if err != nil {
		return nil, err
	}
	return newJSONRows(answer.body, "data"), nil
}

// parameters are those of a request. The server enforces readonly=2: nothing is
// written, and the mode cannot be left.
func (s *clickhouseSession) parameters(id string, args []*string) url.Values {
	values := url.Values{"query_id": {id}, "default_format": {"JSONCompact"}}
	if s.config.database != "" {
		values.Set("database", s.config.database)
	}
	if !s.fixed {
		values.Set("readonly", "2")
		values.Set("output_format_json_quote_64bit_integers", "0") // 1 would quote those within the type JSON, too
		if s.config.timeout > 0 {
			values.Set("max_execution_time", strconv.Itoa(int(s.config.timeout.Seconds())))
		}
		if s.server.year >= clickhouseParametersSince {
			values.Set("date_time_output_format", "iso")
			values.Set("cancel_http_readonly_queries_on_client_close", "1") // KILL QUERY may reach another replica
		}
		for _, name := range s.server.partial {
			value := "0"
			if strings.Contains(name, "overflow_mode") {
				value = "throw"
			}
			values.Set(name, value)
		}
	}
	for i, arg := range args {
		value := `\N`
		if arg != nil {
			value = clickhouseEscaper.Replace(*arg)
		}
		values.Set(fmt.Sprint("param_p", i+1), value)
	}
	return values
}

// clickhouseEscaper escapes the value of a parameter.
// https://clickhouse.com/docs/interfaces/http#tabs-in-url-parameters
var clickhouseEscaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// maxClickHouseLines bounds the rows that all holds: the columns of a query.
const maxClickHouseLines = 10_000

// all returns the rows of a statement with a short result.
func (s *clickhouseSession) all(ctx context.Context, statement string, args []*string) (all [][]string, err error) {
	rows, err := s.open(ctx, s.client, statement, args)
	if err != nil {
		return nil, err
	}
	for len(all) < maxClickHouseLines {
		raw, err := rows.next()
		if errors.Is(err, io.EOF) {
			s.running = ""
			return all, s.failureIn(rows.fields)
		}
		if err != nil {
			return nil, err
		}
		var row []string
		if err := walkJSON(raw, func(_, value []byte) error {
			text, err := unquoted(value)
			row = append(row, string(text))
			return err
		}); err != nil {
			return nil, s.undocumented()
		}
		all = append(all, row)
	}
	return nil, s.undocumented()
}

func (s *clickhouseSession) undocumented() error {
	return argumentError("url", clickhouseExample, "The answer of the server at %s is not one of ClickHouse.", s.config.endpoint.Host)
}

// close implements session. The server would finish the query, so it is told not to.
func (s *clickhouseSession) close() {
	defer s.client.close()
	defer s.patient.close()
	if s.running == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the query when the caller's context has ended.
	defer cancel()
	// The id is letters and digits.
	_ = s.client.call(ctx, restRequest{
		method: http.MethodPost, url: s.config.endpoint.String(), header: http.Header{"Content-Type": {"text/plain"}}, repeatable: true,
		body: []byte("KILL QUERY WHERE startsWith(query_id, '" + s.running + "-') ASYNC"),
	}, nil, nil) // it may have ended by now
}

// clickhouseCursor reads the rows of a query.
type clickhouseCursor struct {
	*clickhouseSession
	rows  *jsonRows
	types []clickhouseType
	count int64
	cells [][]byte
}

// matchMeta takes the types from the result, whose columns must be those that were
// described: the tables may have changed since.
func (c *clickhouseCursor) matchMeta(columns []columnInfo) error {
	if _, err := c.rows.peek(); err != nil {
		return c.broken(err)
	}
	meta, err := clickhouseMeta(c.rows.fields["meta"])
	if err != nil || len(meta) != len(columns) {
		return argumentError("query", "Plan again.", "The columns of the query have changed while it was read.")
	}
	for i, column := range meta {
		of, info := clickhouseColumn(column.Name, column.Type, c.server.zone)
		if info != columns[i] {
			return argumentError("query", "Plan again.", "The columns of the query have changed while it was read.")
		}
		c.types[i] = of
	}
	return nil
}

// next implements cursor. A result is complete if it ends with the number of its rows:
// an error of the server, too, comes with status 200 once rows were sent.
func (c *clickhouseCursor) next() error {
	raw, err := c.rows.next()
	switch {
	case errors.Is(err, io.EOF):
		c.running = ""
		return c.end()
	case err != nil:
		return c.broken(err)
	}
	c.count++
	c.cells = c.cells[:0]
	if err := walkJSON(raw, func(_, value []byte) error {
		c.cells = append(c.cells, value)
		return nil
	}); err != nil || len(c.cells) != len(c.types) {
		return c.undocumented()
	}
	return nil
}

// end returns io.EOF if the result is complete. One that an error has ended early has
// the number of its rows as well.
func (c *clickhouseCursor) end() error {
	if err := c.failureIn(c.rows.fields); err != nil {
		return c.explained(err, clickhouseQuery)
	}
	if string(c.rows.fields["rows"]) != strconv.FormatInt(c.count, 10) {
		return brokenError(c.config.endpoint.Host)
	}
	return io.EOF
}

// broken explains a result that breaks off, with the error that the server writes in
// the middle of it.
func (c *clickhouseCursor) broken(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return err
	}
	if failure := clickhouseFailureOf(c.rows.rest); failure.code != 0 {
		c.running = ""
		return c.explained(failure, clickhouseQuery)
	}
	return brokenError(c.config.endpoint.Host)
}

// append implements cursor.
func (c *clickhouseCursor) append(dst []byte, column int) ([]byte, error) {
	return c.types[column].append(dst, c.cells[column])
}
