package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// mysqlSession is a connection to MySQL, MariaDB or a server with their protocol.
// It uses the driver without database/sql: there is one connection and one
// statement, and values are the bytes of the protocol.
type mysqlSession struct {
	config *mysql.Config
	conn   mysqlConn
	wire   *wire
	id     string // of the connection and its server
	rows   driver.Rows
	busy   bool // a statement may still run on the server
}

// mysqlConn has the methods of the driver's connections.
type mysqlConn interface {
	driver.Conn
	driver.QueryerContext
	driver.ExecerContext
	driver.ConnPrepareContext
}

// wire keeps the network connection of the driver, to close it at once: the
// driver would read the rest of a result first.
type wire struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	return conn, err
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

func connectMySQL(ctx context.Context, address string) (session, error) {
	config, secured, err := mysqlConfig(address)
	var explained *segment.Error
	if errors.As(err, &explained) {
		return nil, explained
	}
	if err != nil { // err quotes the URL
		return nil, argumentError("url", "Write mysql://user:password@host:3306/database?tls=true, with the parameters of github.com/go-sql-driver/mysql.",
			"The URL of the database is malformed, or one of its parameters has an invalid value.")
	}
	session := &mysqlSession{config: config, wire: &wire{}}
	if session.conn, err = session.connect(ctx, session.wire); err != nil {
		return nil, mysqlConnectError(config, secured, err)
	}
	if err := session.begin(ctx); err != nil {
		session.close() //nolint:contextcheck // the context may have ended
		return nil, err
	}
	return session, nil
}

// mysqlConfig parses a URL. The driver parses only the parameters, never user,
// password and host. secured reports whether TLS is required by default and not
// by the URL.
func mysqlConfig(text string) (config *mysql.Config, secured bool, err error) {
	address, err := url.Parse(text)
	if err != nil {
		return nil, false, err
	}
	parameters := address.Query()
	ca, secured := defaultMySQLTLS(parameters, address.Hostname())
	for _, overridden := range []string{"charset", "interpolateParams", "multiStatements", "parseTime", "allowAllFiles", "columnsWithAlias"} {
		parameters.Del(overridden)
	}
	if collation := parameters.Get("collation"); collation != "" && !strings.HasPrefix(collation, "utf8mb4") {
		parameters.Del("collation") // values must be UTF-8
	}
	config, err = mysql.ParseDSN("/?" + parameters.Encode())
	if err != nil {
		return nil, false, err
	}
	port := address.Port()
	if port == "" {
		port = "3306"
	}
	config.Net, config.Addr = "tcp", net.JoinHostPort(address.Hostname(), port)
	config.User = address.User.Username()
	config.Passwd, _ = address.User.Password()
	config.DBName = strings.TrimPrefix(address.Path, "/")
	config.Logger = &mysql.NopLogger{} // errors are returned; standard error is Terraform's log
	if config.Timeout == 0 {
		config.Timeout = connectTimeout
	}
	if !strings.Contains(config.ConnectionAttributes, "program_name") {
		config.ConnectionAttributes = strings.TrimPrefix(config.ConnectionAttributes+",program_name:"+applicationName, ",")
	}
	config.TLS = nil // the parser does not know the host; the driver sets it when connecting
	if ca != "" && config.TLSConfig == "true" {
		config.TLS, err = trustOnly(ca)
	}
	return config, secured, err
}

var errDriverInterface = errors.New("the driver lacks an expected interface")

func (s *mysqlSession) connect(ctx context.Context, w *wire) (mysqlConn, error) {
	config := s.config.Clone()
	config.DialFunc = w.dial
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout) // of the handshake as well
	defer cancel()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(mysqlConn)
	if !ok {
		_ = conn.Close()
		return nil, errDriverInterface
	}
	return full, nil
}

// mysqlReadOnly are statements after which a session cannot write, or never
// commits. The first one that the server accepts is used. Transactions come last
// since Vitess ends them after 30 seconds.
var mysqlReadOnly = []string{"SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY", "START TRANSACTION"}

// begin makes the session read-only and reads its identity.
func (s *mysqlSession) begin(ctx context.Context) error {
	var err error
	for _, statement := range mysqlReadOnly {
		_, err = s.conn.ExecContext(ctx, statement, nil)
		var refused *mysql.MySQLError
		if !errors.As(err, &refused) {
			break
		}
	}
	if err != nil {
		return s.failure(err)
	}
	s.id = identity(ctx, s.conn)
	return nil
}

// identity names a server and its connection: "web1 3306 17". It is empty if the
// server does not support that, and for Vitess: the number would be that of a
// connection of its own to a shard, and KILL with that number would end the
// connection of somebody else.
func identity(ctx context.Context, conn mysqlConn) string {
	rows, err := conn.QueryContext(ctx, "SELECT CONCAT(@@hostname, ' ', @@port, ' ', CONNECTION_ID()), @@version", nil)
	if err != nil {
		return ""
	}
	defer rows.Close()
	row := make([]driver.Value, 2)
	if len(rows.Columns()) != len(row) || rows.Next(row) != nil || strings.Contains(string(appendMySQL(nil, row[1])), "Vitess") {
		return ""
	}
	return string(appendMySQL(nil, row[0]))
}

// query implements session.
func (s *mysqlSession) query(ctx context.Context, query string, args []*string, check func([]columnInfo) error) (cursor, error) {
	var err error
	s.busy = true
	if len(args) == 0 {
		s.rows, err = s.conn.QueryContext(ctx, query, nil) //nolint:gocritic // the cursor closes the rows
	} else {
		s.rows, err = s.queryArgs(ctx, query, args)
	}
	if err != nil {
		var refused *mysql.MySQLError
		s.busy = !errors.As(err, &refused)
		return nil, s.failure(err)
	}
	kinds, widths, columns := mysqlColumns(s.rows)
	s.busy = len(columns) > 0
	if err := check(columns); err != nil {
		return nil, err
	}
	return &mysqlCursor{mysqlSession: s, kinds: kinds, widths: widths, row: make([]driver.Value, len(columns))}, nil
}

// queryArgs runs a query as a prepared statement with values.
func (s *mysqlSession) queryArgs(ctx context.Context, query string, args []*string) (driver.Rows, error) {
	statement, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if n := statement.NumInput(); n != len(args) {
		s.busy = false
		return nil, argsError(n, len(args), "?")
	}
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1}
		if arg != nil { // nil is NULL
			values[i].Value = *arg
		}
	}
	queryer, ok := statement.(driver.StmtQueryContext)
	if !ok {
		return nil, errDriverInterface
	}
	return queryer.QueryContext(ctx, values)
}

// close implements session.
func (s *mysqlSession) close() {
	if !s.busy {
		if s.rows != nil {
			_ = s.rows.Close()
		}
		_ = s.conn.Close()
		return
	}
	s.wire.cut()
	if s.rows != nil {
		_ = s.rows.Close()
	}
	_ = s.conn.Close()
	s.kill()
}

// kill ends the statement on the server, which would otherwise run to its end.
// Behind a load balancer the second connection may reach another server, where
// the number belongs to another connection.
func (s *mysqlSession) kill() {
	server, number := cutLast(s.id)
	if server == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout) //nolint:forbidigo // It ends the statement when the caller's context has ended.
	defer cancel()
	killer := &wire{}
	conn, err := s.connect(ctx, killer)
	if err != nil {
		return
	}
	defer conn.Close()
	if here, _ := cutLast(identity(ctx, conn)); here == server {
		_, _ = conn.ExecContext(ctx, "KILL "+number, nil) // it may have ended by now
	}
}

func cutLast(id string) (server, number string) {
	at := strings.LastIndexByte(id, ' ')
	if at < 0 {
		return "", ""
	}
	if _, err := strconv.ParseUint(id[at+1:], 10, 64); err != nil {
		return "", ""
	}
	return id[:at], id[at+1:]
}

// failure explains an error of an open connection.
func (s *mysqlSession) failure(err error) error {
	var refused *mysql.MySQLError
	var explained *segment.Error
	switch {
	case errors.As(err, &explained):
		return explained
	case !errors.As(err, &refused), refused.Number == 1053, refused.Number == 1927: // shutdown, killed
		return brokenError(s.config.Addr)
	}
	return queryError(mysqlState(refused), refused.Message, "")
}

func mysqlState(err *mysql.MySQLError) string {
	if err.SQLState == [5]byte{} {
		return ""
	}
	return string(err.SQLState[:])
}

func mysqlConnectError(config *mysql.Config, secured bool, err error) *segment.Error {
	var refused *mysql.MySQLError
	switch {
	case errors.As(err, &refused) && (refused.Number == 1044 || refused.Number == 1045 || refused.Number == 1049 || refused.Number == 1698):
		return loginError(config.User, config.DBName, mysqlState(refused), refused.Message)
	case errors.As(err, &refused):
		return argumentError("url", "", "The server at %s accepts no connection: %s.", config.Addr, serverMessage(mysqlState(refused), refused.Message))
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrNativePassword):
		return argumentError("url", "", "User %q cannot log in at %s: %s.", config.User, config.Addr, err)
	case secured:
		return connectError(config.Addr, mysqlTLSRemedy, err)
	default:
		return connectError(config.Addr, explicitTLSRemedy, err)
	}
}

type mysqlCursor struct {
	*mysqlSession
	kinds  []mysqlKind
	widths []int // of columns with ZEROFILL
	row    []driver.Value
}

// next implements cursor.
func (c *mysqlCursor) next() error {
	err := c.rows.Next(c.row)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		c.busy = false
		return io.EOF
	default:
		return c.failure(err)
	}
}

// append implements cursor.
func (c *mysqlCursor) append(dst []byte, column int) ([]byte, error) {
	if c.kinds[column] == mysqlZeroFill {
		return appendFilled(dst, c.row[column], c.widths[column]), nil
	}
	text, ok := c.row[column].([]byte)
	if !ok {
		return appendMySQL(dst, c.row[column]), nil
	}
	switch c.kinds[column] {
	case mysqlDecimal:
		return appendNumber(dst, text)
	case mysqlBits:
		return appendBits(dst, text), nil
	case mysqlDate:
		return appendTimestamp(dst, text)
	default:
		return append(dst, text...), nil
	}
}
