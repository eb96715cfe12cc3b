// Package sql reads segments from databases: the rows of a query to PostgreSQL,
// MySQL, MariaDB and what speaks their protocols.
package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// Source is a segment that a query yields.
type Source struct {
	URL          string // of the database: postgres://user:password@host/name
	URLEnv       string // the environment variable that holds the URL instead
	Query        string
	Args         []*string // the values of the query's parameters; nil is NULL
	VersionQuery string    // whose answer changes when that of the query does; may be empty
}

// sqlConnect opens a session with the database of a URL.
type sqlConnect func(ctx context.Context, address string) (sqlSession, error)

// sqlServer is a kind of servers.
type sqlServer struct {
	connect sqlConnect

	// refuse says what a query does besides reading, before anything is sent.
	// It is nil where the server describes a statement before it runs.
	refuse func(query string) *segment.Error
}

var (
	postgresServer = &sqlServer{connect: connectPostgres}
	mysqlServer    = &sqlServer{connect: connectMySQL, refuse: onlyReads}
)

// sqlServers are the kinds of servers, by the scheme of their URLs.
var sqlServers = map[string]*sqlServer{
	"postgres":   postgresServer,
	"postgresql": postgresServer,
	"mysql":      mysqlServer,
	"mariadb":    mysqlServer,
}

// sqlSession is a connection that can only read, for one statement. Its errors
// are [segment.Error]s that blame {"url"}, {"query"} or {"args"}.
type sqlSession interface {
	// query begins a statement. check is called with its columns as soon as
	// they are known, at best before the server does any work; its error ends
	// the statement.
	query(ctx context.Context, query string, args []*string, check func([]sqlColumn) error) (sqlCursor, error)

	// close ends the connection, and on the server what is still under way.
	close()
}

// sqlCursor yields the rows of a statement as they arrive.
type sqlCursor interface {
	// next goes to the next row; after the last one the error is io.EOF.
	next() error

	// append appends the value that a column has in the row; NULL is nothing.
	append(dst []byte, column int) ([]byte, error)
}

type sqlColumn struct {
	name   string
	json   bool   // its values are JSON texts
	binary string // the type, where its values are no text at all
}

const (
	// connectTimeout is for servers that do not answer, unless the URL has one.
	connectTimeout = 30 * time.Second

	// cancelTimeout bounds ending a statement on the server. It leaves the rest
	// of the second that Ctrl-C may take to everything else.
	cancelTimeout = 700 * time.Millisecond

	applicationName = "terraform-provider-klaviyo"
)

// Open implements [segment.Source].
func (s Source) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	ctx, cancel := context.WithCancel(ctx)
	rows := &sqlRows{ctx: ctx, cancel: cancel}
	err := s.start(ctx, s.Query, s.Args, &rows.sqlStatement, func(available []sqlColumn) error {
		return rows.choose(columns, available)
	})
	if err != nil {
		_ = rows.Close()
		return nil, s.blame("query", err)
	}
	rows.blame = func(err error) error { return s.blame("query", err) }
	return rows, nil
}

// sqlStatement is a statement under way.
type sqlStatement struct {
	session sqlSession
	cursor  sqlCursor
}

// start connects and begins a statement. After an error too the session, if
// there is one, has to be closed.
func (s Source) start(ctx context.Context, query string, args []*string, into *sqlStatement, check func([]sqlColumn) error) error {
	address, server, err := s.server()
	if err != nil {
		return err
	}
	if server.refuse != nil {
		if refused := server.refuse(query); refused != nil {
			return refused
		}
	}
	if into.session, err = server.connect(ctx, address); err != nil {
		into.session = nil
		return ended(ctx, err)
	}
	into.cursor, err = into.session.query(ctx, query, args, check)
	return ended(ctx, err)
}

// ended is why something failed: because the caller gave up, or else err.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// server is where the database is and what kind of server it has.
func (s Source) server() (address string, server *sqlServer, err error) {
	address = s.URL
	if s.URLEnv != "" {
		if address = os.Getenv(s.URLEnv); address == "" {
			return "", nil, sqlError("url", "Set it where Terraform runs.", "The environment variable %s, which is to hold the URL of the database, is not set.", s.URLEnv)
		}
	}
	address = strings.TrimSpace(address)
	scheme, _, _ := strings.Cut(address, "://")
	if server = sqlServers[strings.ToLower(scheme)]; server == nil {
		return "", nil, sqlError("url", "Write postgres://user:password@host:5432/database or mysql://user:password@host:3306/database.",
			"The URL of the database begins with none of the schemes that are known: %s.", segment.Quoted(slices.Sorted(maps.Keys(sqlServers))))
	}
	if beforeQuery, _, _ := strings.Cut(address, "?"); redact.IsAmbiguousURL(beforeQuery) {
		return "", nil, sqlError("url", "Special characters of the password must be percent-encoded: / is %2F, # is %23, @ is %40.",
			"The URL of the database has an @ beyond its host, so a password cannot be told from the name of the database.")
	}
	return address, server, nil
}

// blame turns an error of a session into one on the argument as it is
// declared. query is the argument that the statement is from.
func (s Source) blame(query string, err error) error {
	var e *segment.Error
	if !errors.As(err, &e) {
		return err
	}
	argument := e.Argument[0]
	switch {
	case argument == "url" && s.URLEnv != "":
		argument = "url_env"
	case argument == "query":
		argument = query
	}
	out := *e
	out.Argument = []string{"sql", argument}
	return &out
}

// sqlRows passes on the wanted columns of a statement.
type sqlRows struct {
	sqlStatement
	ctx     context.Context
	cancel  context.CancelFunc
	blame   func(error) error
	columns []int // of the statement, that are wanted
	json    []bool
	names   []string
	count   int64 // rows so far
	buf     []byte
	ends    []int
}

// choose finds the wanted columns among those of the statement.
func (r *sqlRows) choose(wanted []string, available []sqlColumn) error {
	if len(available) == 0 {
		return sqlError("query", "It must be a SELECT, or something else that returns rows.", "The query returns no columns, so it does not read anything.")
	}
	names := make([]string, len(available))
	for i, c := range available {
		names[i] = c.name
	}
	var err error
	if r.columns, err = segment.FindColumns(wanted, names); err != nil {
		return err
	}
	r.names, r.json, r.ends = wanted, make([]bool, len(wanted)), make([]int, len(wanted))
	for i, at := range r.columns {
		column := available[at]
		if slices.Contains(names[at+1:], column.name) {
			return sqlError("query", "Give each a name of its own, with AS.", "The query returns more than one column %q.", column.name)
		}
		if column.binary != "" {
			return sqlError("query", "Leave the column unmapped, or convert it to text in the query.",
				"The column %q is of the type %s, which cannot be mapped.", column.name, column.binary)
		}
		r.json[i] = column.json
	}
	return nil
}

// JSON implements [segment.Rows].
func (r *sqlRows) JSON() []bool { return r.json }

// Next implements [segment.Rows]. All values of a row are cut from one string, so that
// a row is one allocation.
func (r *sqlRows) Next(dst []string) ([]string, error) {
	if err := r.cursor.next(); err != nil {
		return dst, r.failure(err)
	}
	r.count++
	buf := r.buf[:0]
	for i, column := range r.columns {
		var err error
		if buf, err = r.cursor.append(buf, column); err != nil {
			return dst, &segment.RowError{Code: segment.CodeUnreadableValue, Problem: fmt.Sprintf("has in the column %q %s", r.names[i], err)}
		}
		r.ends[i] = len(buf)
	}
	r.buf = buf
	row, start := string(buf), 0
	for _, end := range r.ends {
		dst = append(dst, row[start:end])
		start = end
	}
	return dst, nil
}

// failure is why there is no further row.
func (r *sqlRows) failure(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err = ended(r.ctx, err); r.ctx.Err() != nil { //nolint:gocritic // whose context ended matters more
		return err
	}
	var e *segment.Error
	if errors.As(err, &e) {
		after := *e
		after.Problem = fmt.Sprintf("After row %d: %s", r.count, e.Problem)
		err = &after
	}
	return r.blame(err)
}

// Close implements [segment.Rows].
func (r *sqlRows) Close() error {
	r.cancel()
	if r.session != nil {
		r.session.close()
	}
	return nil
}

// sqlError is an error of a session; the argument is relative to the source.
func sqlError(argument, remedy, format string, args ...any) *segment.Error {
	return &segment.Error{Argument: []string{argument}, Problem: fmt.Sprintf(format, args...), Remedy: remedy}
}
