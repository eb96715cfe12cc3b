package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// sqlServerSession is a connection to SQL Server, Azure SQL or Microsoft Fabric. It
// uses the driver without database/sql: there is one connection and one statement.
type sqlServerSession struct {
	config       *sqlServerConfig
	clock        wait.Clock
	entraOptions policy.ClientOptions

	conn   *mssql.Conn
	wire   *wire
	rows   driver.Rows
	cancel context.CancelFunc // of the statement
}

// connectSQLServer implements connectFunc.
func connectSQLServer(ctx context.Context, address string) (session, error) {
	return newSQLServer(ctx, address, wait.System{}, policy.ClientOptions{})
}

func newSQLServer(ctx context.Context, address string, clock wait.Clock, entraOptions policy.ClientOptions) (session, error) {
	config, err := parseSQLServer(address)
	if err != nil {
		return nil, err
	}
	s := &sqlServerSession{config: config, clock: clock, entraOptions: entraOptions, cancel: func() {}}
	err = s.whileBusy(ctx, func() error { return s.open(ctx) })
	if err != nil {
		return nil, s.connectFailure(err)
	}
	return s, nil
}

const (
	// maxBusy is how long a server may be busy. A serverless database of Azure takes
	// about a minute to resume.
	maxBusy = 2 * time.Minute

	firstBusyDelay = time.Second
	lastBusyDelay  = 30 * time.Second
)

// whileBusy repeats what the server refuses only because it is busy or not available
// yet.
func (s *sqlServerSession) whileBusy(ctx context.Context, try func() error) error {
	delay := firstBusyDelay
	for waited := time.Duration(0); ; delay = min(2*delay, lastBusyDelay) {
		err := try()
		if !isBusySQLServer(err) || waited >= maxBusy {
			return err
		}
		spread := delay + rand.N(delay/2)
		waited += spread
		if err := s.clock.Wait(ctx, spread, nil); err != nil {
			return err
		}
	}
}

// hostDialer makes connections for the driver, which leaves the names of hosts to it.
type hostDialer struct {
	*wire
	host string
}

func (d hostDialer) HostName() string { return d.host }

// DialContext implements [mssql.Dialer].
func (d hostDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d.dial(ctx, network, address)
}

// open connects, logs in and begins a transaction that is never committed. The end
// of the context cuts the connection, since the driver reads without it.
func (s *sqlServerSession) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	connector, err := s.connector()
	if err != nil {
		return err
	}
	network := &wire{}
	connector.Dialer = hostDialer{network, s.config.driver.Host}
	defer context.AfterFunc(ctx, network.cut)()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return timeoutOf(ctx, err)
	}
	full, ok := conn.(*mssql.Conn)
	if !ok {
		_ = conn.Close()
		return errDriverInterface
	}
	s.conn, s.wire = full, network
	if err := s.begin(ctx); err != nil {
		s.drop()
		return timeoutOf(ctx, err)
	}
	return nil
}

// timeoutOf returns the error of an ended context in place of what that caused.
func timeoutOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// begin begins a transaction. A server without transactions, such as one over files
// that can only be read, is read without.
func (s *sqlServerSession) begin(ctx context.Context) error {
	_, err := s.conn.BeginTx(ctx, driver.TxOptions{})
	if said, found := serverError(err); found && said.Class <= dataClass && !isBusySQLServer(err) {
		return nil
	}
	return err
}

func (s *sqlServerSession) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn, s.rows = nil, nil
	}
}

var errStatementTimeout = errors.New("the statement takes too long")

// query implements session. The server describes the statement first, so that wrong
// columns are found before it runs.
func (s *sqlServerSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	if n := transactParameters(query); n != len(args) {
		return nil, argsError(n, len(args), "@p1, @p2, ...")
	}
	if limit := s.config.statementTimeout; limit > 0 {
		ctx, s.cancel = context.WithTimeoutCause(ctx, limit, errStatementTimeout)
	} else {
		ctx, s.cancel = context.WithCancel(ctx)
	}
	var cursor *sqlServerCursor
	var wrong error
	checked := func(columns []columnInfo) error {
		wrong = check(columns)
		return wrong
	}
	err := s.whileBusy(ctx, func() (err error) {
		if s.conn == nil {
			if err := s.open(ctx); isBusySQLServer(err) {
				return err
			} else if err != nil {
				return s.connectFailure(err)
			}
		}
		if cursor, err = s.start(ctx, query, args, checked); isBusySQLServer(err) {
			s.drop() // Microsoft's advice is to connect anew
		}
		return err
	})
	switch {
	case wrong != nil:
		return nil, wrong
	case isBusySQLServer(err):
		return nil, s.busyError(err)
	case err != nil:
		return nil, s.failure(ctx, err)
	}
	return cursor, nil
}

// start describes and runs a statement.
func (s *sqlServerSession) start(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (*sqlServerCursor, error) {
	network := s.wire
	context.AfterFunc(ctx, func() { // the driver waits for longer until the server has ended the statement
		time.AfterFunc(cancelTimeout, network.cut)
	})
	described, err := s.describe(ctx, query, len(args))
	said, refused := serverError(err)
	unknown := refused && said.Number == noProcedure
	if err != nil && !unknown {
		return nil, err
	}
	if !unknown {
		if err := check(described); err != nil {
			return nil, err
		}
	}
	// Without the line end the driver takes the name of a procedure for a call.
	if s.rows, err = s.run(ctx, query+"\n", values(args)); err != nil {
		return nil, err
	}
	types := sqlServerTypes(s.rows)
	if unknown {
		for i, name := range s.rows.Columns() {
			described = append(described, sqlServerColumn(name, types[i]))
		}
		if err := check(described); err != nil {
			return nil, err
		}
	}
	if !sameColumns(described, s.rows.Columns()) {
		return nil, argumentError("query", "Plan again.", "The columns of the query have changed between its description and its run.")
	}
	return &sqlServerCursor{s, ctx, types, make([]driver.Value, len(types))}, nil
}

func sameColumns(described []columnInfo, names []string) bool {
	if len(described) != len(names) {
		return false
	}
	for i, name := range names {
		if described[i].name != name {
			return false
		}
	}
	return true
}

func values(args []*string) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i].Ordinal = i + 1
		if arg != nil { // nil is NULL
			named[i].Value = *arg
		}
	}
	return named
}

func (s *sqlServerSession) run(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	prepared, err := s.conn.PrepareContext(ctx, statement) // asks nothing of the server
	if err != nil {
		return nil, err
	}
	queryer, ok := prepared.(driver.StmtQueryContext)
	if !ok {
		return nil, errDriverInterface
	}
	return queryer.QueryContext(ctx, args)
}

// describe asks for the columns of a statement, which does not run. The order of the
// parameters counts, whatever their names.
func (s *sqlServerSession) describe(ctx context.Context, query string, parameters int) ([]columnInfo, error) {
	args := []driver.NamedValue{{Ordinal: 1, Name: "tsql", Value: query}}
	if parameters > 0 {
		var declarations []string
		for n := range parameters {
			declarations = append(declarations, fmt.Sprintf("@p%d nvarchar(4000)", n+1))
		}
		args = append(args, driver.NamedValue{Ordinal: 2, Name: "params", Value: strings.Join(declarations, ", ")})
	}
	rows, err := s.run(ctx, "sp_describe_first_result_set", args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := rows.Columns()
	row := make([]driver.Value, len(names))
	var columns []columnInfo
	for {
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			return columns, nil
		} else if err != nil {
			return nil, err
		}
		column := map[string]driver.Value{}
		for i, name := range names {
			column[name] = row[i]
		}
		if hidden, _ := column["is_hidden"].(bool); hidden {
			continue
		}
		name, _ := column["name"].(string)
		declared, _ := column["system_type_name"].(string)
		if declared == "" { // of the Common Language Runtime
			declared, _ = column["user_type_name"].(string)
		}
		columns = append(columns, sqlServerColumn(name, declared))
	}
}

// close implements session. A statement that still runs is cancelled: the driver
// sends the server an attention signal and waits until it is confirmed.
func (s *sqlServerSession) close() {
	s.cancel()
	if s.rows != nil && s.conn != nil {
		_ = s.rows.Close()
	}
	s.drop()
}

type sqlServerCursor struct {
	*sqlServerSession
	ctx   context.Context
	types []string
	row   []driver.Value
}

// next implements cursor.
func (c *sqlServerCursor) next() error {
	err := context.Cause(c.ctx) // the driver would return the rows that it has
	if err == nil {
		err = c.rows.Next(c.row)
	}
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, io.EOF):
		return c.failure(c.ctx, err)
	}
	if more, ok := c.rows.(driver.RowsNextResultSet); ok && more.HasNextResultSet() {
		return argumentError("query", "Keep one of them.", "The query returns more than one set of rows.")
	}
	return io.EOF
}

// append implements cursor.
func (c *sqlServerCursor) append(dst []byte, column int) ([]byte, error) {
	return appendSQLServer(dst, c.types[column], c.row[column])
}
