// Package sql reads segments from databases and warehouses: the rows of a query to
// PostgreSQL, MySQL, MariaDB, SQL Server and what speaks their protocols, and over HTTP
// to BigQuery, ClickHouse, Databricks, Snowflake and Trino.
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

// Source is a segment that is the result of a query.
type Source struct {
	URL          string // of the database: postgres://user:password@host/name
	URLEnv       string // the environment variable that holds the URL instead
	Query        string
	Args         []*string // the values of the query's parameters; nil is NULL
	VersionQuery string    // its result changes when that of Query does; optional

	MaxBytesBilled int64 // a statement that would scan more is not run; 0 for no limit; of BigQuery only
}

// connectFunc opens a session with the database of a URL.
type connectFunc func(ctx context.Context, address string) (session, error)

// dialect is a protocol with the servers that speak it.
type dialect struct {
	connect connectFunc

	// check refuses a query that does more than read, before it is sent. It is
	// nil if the server describes a statement before it runs.
	check func(query string) *segment.Error

	billsBytes bool // its sessions are [byteLimiter]s
}

// byteLimiter is a session with a server that bills for the bytes that a statement
// scans.
type byteLimiter interface {
	// limitBytes refuses statements that would scan more.
	limitBytes(maxBytes int64)
}

// noticer is a session that may have something to say of its statement, as in
// [segment.Noticer].
type noticer interface{ notices() []string }

var (
	postgresDialect = &dialect{connect: connectPostgres}
	mysqlDialect    = &dialect{connect: connectMySQL, check: checkReadOnly}

	// A batch may have more statements than the first, which SQL Server describes.
	sqlServerDialect = &dialect{connect: connectSQLServer, check: checkTransact}
)

// dialects by the scheme of the URL.
var dialects = map[string]*dialect{
	"postgres":   postgresDialect,
	"postgresql": postgresDialect,
	"mysql":      mysqlDialect,
	"mariadb":    mysqlDialect,
	"snowflake":  snowflakeDialect,
	"trino":      trinoDialect,
	"bigquery":   bigqueryDialect,
	"databricks": databricksDialect,
	"clickhouse": clickhouseDialect,
	"sqlserver":  sqlServerDialect,
}

// session is a connection that can only read, for one statement. Its errors
// are [segment.Error]s that blame {"url"}, {"query"} or {"args"}.
type session interface {
	// query starts a statement. It calls check with the columns as soon as they
	// are known, if possible before the server does any work. An error of check
	// ends the statement.
	query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error)

	// close ends the connection, and on the server a statement that still runs.
	close()
}

// cursor yields the rows of a statement as they arrive.
type cursor interface {
	// next advances to the next row. After the last row it returns io.EOF.
	next() error

	// append appends the value of a column of the current row. NULL is empty.
	append(dst []byte, column int) ([]byte, error)
}

type columnInfo struct {
	name   string
	json   bool   // values are JSON
	list   bool   // values are lists, with commas between their items
	binary string // type name if values are binary, which cannot be mapped
}

const (
	// connectTimeout applies if the URL has no timeout of its own.
	connectTimeout = 30 * time.Second

	applicationName = "terraform-provider-klaviyo"
)

// cancelTimeout bounds how long ending a statement on the server takes. Ctrl-C may
// take a second in all.
var cancelTimeout = 700 * time.Millisecond

// SetCancelTimeout changes how long ending a statement on the server may take. Tests need
// it: on a busy machine a second connection takes longer than Ctrl-C may.
func SetCancelTimeout(d time.Duration) { cancelTimeout = d }

// Open implements [segment.Source].
func (s Source) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	ctx, cancel := context.WithCancel(ctx)
	rows := &rows{ctx: ctx, cancel: cancel}
	err := s.start(ctx, s.Query, s.Args, &rows.statement, func(available []columnInfo) error {
		return rows.selectColumns(columns, available)
	})
	if err != nil {
		_ = rows.Close()
		return nil, s.blame("query", err)
	}
	rows.blame = func(err error) error { return s.blame("query", err) }
	return rows, nil
}

// statement is a running statement.
type statement struct {
	session session
	cursor  cursor
}

// start connects and starts a statement. The caller closes into.session, if it
// is set, even after an error.
func (s Source) start(ctx context.Context, query string, args []*string, into *statement, check func([]columnInfo) error) error {
	address, server, err := s.server()
	if err != nil {
		return err
	}
	if s.MaxBytesBilled > 0 && !server.billsBytes {
		return argumentError("max_bytes_billed", "Leave it out.", "The server of the URL does not bill for the bytes that a query scans; only BigQuery does.")
	}
	if server.check != nil {
		if err := server.check(query); err != nil {
			return err
		}
	}
	if into.session, err = server.connect(ctx, address); err != nil {
		into.session = nil
		return preferContextError(ctx, err)
	}
	if limiter, ok := into.session.(byteLimiter); ok && s.MaxBytesBilled > 0 {
		limiter.limitBytes(s.MaxBytesBilled)
	}
	into.cursor, err = into.session.query(ctx, query, args, check)
	return preferContextError(ctx, err)
}

// preferContextError returns the error of an ended context in place of an error
// that it may have caused.
func preferContextError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// server returns the URL of the database and its dialect.
func (s Source) server() (address string, server *dialect, err error) {
	address = s.URL
	if s.URLEnv != "" {
		if address = os.Getenv(s.URLEnv); address == "" {
			return "", nil, argumentError("url", "Set it where Terraform runs.", "The environment variable %s, which is to hold the URL of the database, is not set.", s.URLEnv)
		}
	}
	address = strings.TrimSpace(address)
	scheme, _, _ := strings.Cut(address, "://")
	if server = dialects[strings.ToLower(scheme)]; server == nil {
		return "", nil, argumentError("url", "Write a URL such as postgres://user:password@host:5432/database; the guide on warehouses has those of the others.",
			"The scheme of the database URL is not one of %s.", segment.Quoted(slices.Sorted(maps.Keys(dialects))))
	}
	if beforeQuery, _, _ := strings.Cut(address, "?"); redact.IsAmbiguousURL(beforeQuery) {
		return "", nil, argumentError("url", "Special characters of the password must be percent-encoded: / is %2F, # is %23, @ is %40.",
			"The URL of the database has an @ beyond its host, so a password cannot be told from the name of the database.")
	}
	return address, server, nil
}

// blame maps the argument of a session's error to the argument of the source.
// query is the argument that holds the statement.
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

// rows yields the wanted columns of a statement.
type rows struct {
	statement
	ctx     context.Context
	cancel  context.CancelFunc
	blame   func(error) error
	columns []int // indexes of the wanted columns in the statement
	json    []bool
	anyJSON bool // one of them
	lists   []bool
	names   []string
	count   int64 // rows read
	buf     []byte
	ends    []int
}

// selectColumns finds the wanted columns among those of the statement.
func (r *rows) selectColumns(wanted []string, available []columnInfo) error {
	if len(available) == 0 {
		return argumentError("query", "It must be a SELECT, or something else that returns rows.", "The query returns no columns.")
	}
	names := make([]string, len(available))
	for i, c := range available {
		names[i] = c.name
	}
	var err error
	if r.columns, err = segment.FindColumns(wanted, names); err != nil {
		return err
	}
	r.names, r.json, r.lists, r.ends = wanted, make([]bool, len(wanted)), make([]bool, len(wanted)), make([]int, len(wanted))
	for i, at := range r.columns {
		column := available[at]
		if slices.Contains(names[at+1:], column.name) {
			return argumentError("query", "Give each a name of its own, with AS.", "The query returns more than one column %q.", column.name)
		}
		if column.binary != "" {
			return argumentError("query", "Leave the column unmapped, or convert it to text in the query.",
				"The column %q is of the type %s, which cannot be mapped.", column.name, column.binary)
		}
		r.json[i], r.lists[i] = column.json, column.list
		r.anyJSON = r.anyJSON || column.json
	}
	return nil
}

// JSON implements [segment.Rows].
func (r *rows) JSON() []bool { return r.json }

// Lists implements [segment.Lister].
func (r *rows) Lists() []bool { return r.lists }

// Notices implements [segment.Noticer].
func (r *rows) Notices() []string {
	if noticer, ok := r.session.(noticer); ok {
		return noticer.notices()
	}
	return nil
}

// Next implements [segment.Rows]. The values of a row are slices of one string,
// so that a row is one allocation.
func (r *rows) Next(dst []string) ([]string, error) {
	if err := r.cursor.next(); err != nil {
		return dst, r.failure(err)
	}
	r.count++
	buf := r.buf[:0]
	var bad *segment.RowError
	for i, column := range r.columns {
		longer, err := r.cursor.append(buf, column)
		switch {
		case err == nil:
			buf = longer
		case bad == nil:
			bad = &segment.RowError{Code: segment.CodeUnreadableValue, Problem: fmt.Sprintf("has in the column %q %s", r.names[i], err)}
		}
		r.ends[i] = len(buf)
	}
	r.buf = buf
	row, start, first := string(buf), 0, len(dst)
	for _, end := range r.ends {
		dst = append(dst, row[start:end])
		start = end
	}
	if bad == nil && segment.MayHaveNUL(row, r.anyJSON) {
		for i, value := range dst[first:] {
			if segment.HasNUL(value, r.json[i]) {
				bad = segment.NULError()
				break
			}
		}
	}
	if bad != nil {
		return dst[:first], bad.With(dst[first:])
	}
	return dst, nil
}

// failure returns the error that ends the rows.
func (r *rows) failure(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err = preferContextError(r.ctx, err); r.ctx.Err() != nil { //nolint:gocritic // the context decides
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
func (r *rows) Close() error {
	r.cancel()
	if r.session != nil {
		r.session.close()
	}
	return nil
}

// argumentError blames an argument, relative to the source.
func argumentError(argument, remedy, format string, args ...any) *segment.Error {
	return &segment.Error{Argument: []string{argument}, Problem: fmt.Sprintf(format, args...), Remedy: remedy}
}
