package sql

import (
	"bytes"
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

// mysqlSession is a connection to MySQL or MariaDB, or to what speaks like them.
// The driver is used as it is, without database/sql: there is one connection,
// one statement, and rows are taken from the wire.
type mysqlSession struct {
	config *mysql.Config
	conn   mysqlConn
	wire   *wire
	id     string // of the connection and its server
	rows   driver.Rows
	busy   bool // a statement may be under way on the server
}

// mysqlConn is what the driver's connections can do.
type mysqlConn interface {
	driver.Conn
	driver.QueryerContext
	driver.ExecerContext
	driver.ConnPrepareContext
}

// wire remembers the connection that the driver makes, to close it at once:
// the driver would read what is left of a result first.
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

func connectMySQL(ctx context.Context, address string) (sqlSession, error) {
	config, secured, err := mysqlConfig(address)
	var explained *segment.Error
	if errors.As(err, &explained) {
		return nil, explained
	}
	if err != nil { // which quotes the URL
		return nil, sqlError("url", "Write mysql://user:password@host:3306/database?tls=true, with the parameters of github.com/go-sql-driver/mysql.",
			"The URL of the database is malformed, or has a parameter with a value that it cannot have.")
	}
	session := &mysqlSession{config: config, wire: &wire{}}
	if session.conn, err = session.connect(ctx, session.wire); err != nil {
		return nil, mysqlConnectError(config, secured, err)
	}
	if err := session.begin(ctx); err != nil {
		session.close() //nolint:contextcheck // the context is over when this is needed
		return nil, err
	}
	return session, nil
}

// mysqlConfig makes a configuration of a URL. Its parameters are the driver's;
// user, password and host never pass its parser. secured reports whether TLS is
// required though the URL does not say so.
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
	config.Logger = &mysql.NopLogger{} // errors are returned, and standard error is Terraform's log
	if config.Timeout == 0 {
		config.Timeout = connectTimeout
	}
	if !strings.Contains(config.ConnectionAttributes, "program_name") {
		config.ConnectionAttributes = strings.TrimPrefix(config.ConnectionAttributes+",program_name:"+applicationName, ",")
	}
	config.TLS = nil // made for the host that the parser saw; tls is looked up again when connecting
	if ca != "" && config.TLSConfig == "true" {
		config.TLS, err = trusting(ca)
	}
	return config, secured, err
}

var errNoMySQL = errors.New("the driver lacks what it is to have")

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
		return nil, errNoMySQL
	}
	return full, nil
}

// mysqlReadOnly are ways to make a session one that cannot write, or whose
// writes are never committed; the first one that a server does not refuse is
// taken. A transaction is not the first since Vitess ends it after 30 seconds.
var mysqlReadOnly = []string{"SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY", "START TRANSACTION"}

// begin makes the session one that cannot write, and asks who it is.
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

// identity names a server and a connection to it: "web1 17". Empty where the
// server does not tell.
func identity(ctx context.Context, conn mysqlConn) string {
	rows, err := conn.QueryContext(ctx, "SELECT CONCAT(@@hostname, ' ', @@port, ' ', CONNECTION_ID())", nil)
	if err != nil {
		return ""
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if rows.Next(row) != nil {
		return ""
	}
	return string(appendMySQL(nil, row[0]))
}

// query implements sqlSession.
func (s *mysqlSession) query(ctx context.Context, query string, args []*string, check func([]sqlColumn) error) (sqlCursor, error) {
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
	kinds, columns := mysqlColumns(s.rows)
	s.busy = len(columns) > 0
	if err := check(columns); err != nil {
		return nil, err
	}
	return &mysqlCursor{mysqlSession: s, kinds: kinds, row: make([]driver.Value, len(columns))}, nil
}

// queryArgs lets the server put the values into the query.
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
		return nil, errNoMySQL
	}
	return queryer.QueryContext(ctx, values)
}

// close implements sqlSession.
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

// kill ends the statement on the server, which would not notice before it is
// through that nobody listens. Behind a balancer the second connection may be to
// another server, where the number is somebody else's.
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
		_, _ = conn.ExecContext(ctx, "KILL "+number, nil) // it may be through by now
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
		return sqlError("url", "", "The server at %s takes no connection: %s.", config.Addr, serverMessage(mysqlState(refused), refused.Message))
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrNativePassword):
		return sqlError("url", "", "User %q cannot log in at %s: %s.", config.User, config.Addr, err)
	case secured:
		return connectError(config.Addr, mysqlTLSRemedy, err)
	default:
		return connectError(config.Addr, saidTLSRemedy, err)
	}
}

type mysqlCursor struct {
	*mysqlSession
	kinds []mysqlKind
	row   []driver.Value
}

// next implements sqlCursor.
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

// append implements sqlCursor.
func (c *mysqlCursor) append(dst []byte, column int) ([]byte, error) {
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
		if bytes.HasPrefix(text, []byte("0000-00-00")) {
			return dst, nil
		}
		return appendTimestamp(dst, text)
	default:
		return append(dst, text...), nil
	}
}
