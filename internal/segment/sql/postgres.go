package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

const (
	// cancelInterval is the time between two cancel requests for one statement.
	cancelInterval = 100 * time.Millisecond

	// connectionCheck is the setting with which PostgreSQL ends a statement whose
	// client has disconnected. Without it the server notices that only when it
	// sends rows.
	connectionCheck = "client_connection_check_interval"
)

// postgresSession is a connection to PostgreSQL or a server with its protocol:
// Redshift, CockroachDB, AlloyDB, Citus.
type postgresSession struct {
	conn   *pgconn.PgConn
	where  string // host and port
	result *pgconn.ResultReader
}

func connectPostgres(ctx context.Context, address string) (session, error) {
	config, secured, err := parsePostgres(address)
	if err != nil { // err quotes the URL
		return nil, argumentError("url", "Write postgres://user:password@host:5432/database?sslmode=verify-full, with the parameters of libpq.",
			"The URL of the database is malformed, or one of its parameters has an invalid value.")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	set := config.RuntimeParams
	set["client_encoding"] = "UTF8"
	set["datestyle"] = "ISO, YMD"
	if set["application_name"] == "" {
		set["application_name"] = applicationName
	}
	where := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, postgresConnectError(config, where, secured, err)
	}
	session := &postgresSession{conn: conn, where: where}
	if err := session.begin(ctx, set[connectionCheck] == ""); err != nil {
		session.close() //nolint:contextcheck // the context may have ended
		return nil, err
	}
	return session, nil
}

// begin starts a read-only transaction. It is never committed, so that a server
// without read-only transactions writes nothing either. With check the server
// looks every second whether the client is still connected.
//
// That setting is local to the transaction: behind a pooler such as PgBouncer
// others use the connection next. Refusing the setting fails the transaction, so
// begin then starts another one without it.
func (p *postgresSession) begin(ctx context.Context, check bool) error {
	var refused *pgconn.PgError
	if check && p.majorVersion() >= 14 {
		err := p.exec(ctx, "BEGIN READ ONLY; SET LOCAL "+connectionCheck+" = '1s'")
		if err == nil {
			return nil
		}
		if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "08") { // a pooler that closes the connection
			return p.failure("", err)
		}
		_ = p.exec(ctx, "ROLLBACK") // fails where BEGIN READ ONLY did
	}
	err := p.exec(ctx, "BEGIN READ ONLY")
	if errors.As(err, &refused) && (refused.Code == "42601" || refused.Code == "0A000") {
		err = p.exec(ctx, "BEGIN")
	}
	if err != nil {
		return p.failure("", err)
	}
	return nil
}

// majorVersion returns the version of PostgreSQL that the server has or is
// compatible with, 0 if unknown.
func (p *postgresSession) majorVersion() int {
	version := p.conn.ParameterStatus("server_version") // "15.4 (Debian 15.4-1)", "14beta1"
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	major, _ := strconv.Atoi(version[:end])
	return major
}

func (p *postgresSession) exec(ctx context.Context, statement string) error {
	return p.conn.Exec(ctx, statement).Close()
}

// query implements session. The server describes the statement first, so that
// wrong columns and parameters are found before it runs.
func (p *postgresSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	described, err := p.conn.Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, p.failure(query, err)
	}
	if n := len(described.ParamOIDs); n != len(args) {
		return nil, argsError(n, len(args), "$1, $2, ...")
	}
	types, err := p.types(ctx, described.Fields)
	if err != nil {
		return nil, err
	}
	cursor := &postgresCursor{postgresSession: p, types: types, query: query}
	columns := make([]columnInfo, len(types))
	for i, t := range types {
		columns[i] = columnInfo{name: described.Fields[i].Name, json: t.json, binary: t.binary}
	}
	if err := check(columns); err != nil {
		return nil, err
	}
	p.result = p.conn.ExecParams(ctx, query, texts(args), nil, nil, nil)
	return cursor, nil
}

// texts encodes values; nil is NULL.
func texts(args []*string) [][]byte {
	values := make([][]byte, len(args))
	for i, arg := range args {
		if arg != nil {
			values[i] = []byte(*arg)
		}
	}
	return values
}

// types returns the types of the columns. It looks up those that are not built
// in.
func (p *postgresSession) types(ctx context.Context, fields []pgconn.FieldDescription) ([]textType, error) {
	types := make([]textType, len(fields))
	var unknown []string
	for i, f := range fields {
		t, known := postgresTypes[f.DataTypeOID]
		if types[i] = t; !known {
			unknown = append(unknown, strconv.FormatUint(uint64(f.DataTypeOID), 10))
		}
	}
	if unknown == nil {
		return types, nil
	}
	results, err := p.conn.Exec(ctx, "SELECT t.oid, t.typname, e.oid, e.typdelim FROM pg_catalog.pg_type t JOIN pg_catalog.pg_type e ON e.oid = t.typelem"+
		" WHERE t.typlen = -1 AND t.oid IN ("+strings.Join(unknown, ", ")+")").ReadAll()
	if err != nil {
		return nil, p.failure("", err)
	}
	for _, row := range results[0].Rows {
		element, _ := strconv.ParseUint(string(row[2]), 10, 32)
		for i, f := range fields {
			if strconv.FormatUint(uint64(f.DataTypeOID), 10) == string(row[0]) {
				types[i] = postgresArray(string(row[1]), uint32(element), string(row[3]))
			}
		}
	}
	return types, nil
}

// close implements session.
func (p *postgresSession) close() {
	if p.result != nil { // does nothing after the last row
		_, _ = p.result.Close() // the context has ended, so this does not wait for the rest
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the connection when the caller's context has ended.
	defer cancel()
	_ = p.conn.Close(ctx) // does nothing if pgconn is closing the connection since a context ended
	p.awaitEnd(ctx)
}

// awaitEnd waits until the server closes the connection, which it does after its
// statement. pgconn has sent one cancel request, but PostgreSQL ignores one that
// arrives just before a statement starts or while it is compiled. At the end of
// the context the connection is dropped, so that a server with connectionCheck
// ends the statement by itself.
func (p *postgresSession) awaitEnd(ctx context.Context) {
	ticker := time.NewTicker(cancelInterval)
	defer ticker.Stop()
	for {
		select {
		case <-p.conn.CleanupDone():
			return
		case <-ctx.Done():
			_ = p.conn.Conn().Close()
			return
		case <-ticker.C:
			_ = p.conn.CancelRequest(ctx)
		}
	}
}

// failure explains an error of an open connection.
func (p *postgresSession) failure(query string, err error) *segment.Error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || strings.HasPrefix(refused.Code, "57P") {
		return brokenError(p.where)
	}
	where := ""
	if refused.Position > 0 && query != "" {
		line, column := lineColumn(query, int(refused.Position))
		where = fmt.Sprintf("line %d, column %d of the query", line, column)
	}
	return queryError(refused.Code, refused.Message, where)
}

func postgresConnectError(config *pgconn.Config, where string, secured bool, err error) *segment.Error {
	var refused *pgconn.PgError
	switch {
	case !errors.As(err, &refused) && secured:
		return connectError(where, postgresTLSRemedy, err)
	case !errors.As(err, &refused):
		return connectError(where, explicitTLSRemedy, err)
	case strings.HasPrefix(refused.Code, "28"), refused.Code == "3D000", refused.Code == "42501":
		return loginError(config.User, config.Database, refused.Code, refused.Message)
	default:
		return argumentError("url", "", "The server at %s accepts no connection: %s.", where, serverMessage(refused.Code, refused.Message))
	}
}

type postgresCursor struct {
	*postgresSession
	types []textType
	query string
}

// next implements cursor.
func (c *postgresCursor) next() error {
	if c.result.NextRow() {
		return nil
	}
	if _, err := c.result.Close(); err != nil {
		return c.failure(c.query, err)
	}
	return io.EOF
}

// append implements cursor.
func (c *postgresCursor) append(dst []byte, column int) ([]byte, error) {
	value := c.result.Values()[column]
	if value == nil {
		return dst, nil
	}
	if convert := c.types[column].convert; convert != nil {
		return convert(dst, value)
	}
	return append(dst, value...), nil
}
