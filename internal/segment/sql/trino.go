package sql

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
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
		_ = s.client.call(ctx, restRequest{method: http.MethodDelete, url: s.running, repeatable: true}, nil, nil) // it may have ended by now
	}
	if s.transaction != "" {
		s.prepared = ""
		_ = s.command(ctx, "ROLLBACK", trinoOtherText) // the server does so by itself after a while
	}
}
