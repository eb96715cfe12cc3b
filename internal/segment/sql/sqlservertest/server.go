// Package sqlservertest is a stand-in for SQL Server, for tests: the part of the
// Tabular Data Stream protocol that a client needs to log in, describe a statement
// and read its rows. It is written from Microsoft's document of the protocol,
// https://learn.microsoft.com/openspecs/windows_protocols/ms-tds, and shares no code
// with a client. It does not parse SQL: a test registers the results of statements.
package sqlservertest

import (
	"crypto/tls"
	"fmt"
	"iter"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What a new server accepts.
const (
	User     = "segment_reader"
	Password = "S3gment/Reader#1"
	Database = "crm"

	// Resource is the service that tokens are for.
	Resource = "https://database.windows.net/"
)

// Server answers statements that a test has registered.
type Server struct {
	listener  net.Listener
	tls       *tls.Config
	authority string // of Microsoft Entra ID, which clients are told

	mu         sync.Mutex
	results    map[string]Result
	token      string // that the server accepts
	resource   string // that the server says tokens are for
	redirect   *Server
	noDescribe bool
	deaf       bool
	logins     []Login
	refused    fault // of logins
	failing    fault // of requests
	statements []Statement
	attentions int
	open       map[net.Conn]bool
}

// fault is an error that ends the next requests of a kind.
type fault struct {
	left int
	with Error
}

// Result is what a statement returns. Sets follow one another.
type Result struct {
	Columns []Column
	Rows    iter.Seq[[]any]

	// Described are the columns that the description of the statement has, if they
	// are not those of its run.
	Described []Column

	// Compile are the errors of a statement that cannot be compiled.
	Compile []Error

	// Err ends the statement after its rows.
	Err *Error

	Hang bool    // the statement does not end after its rows
	Cut  bool    // the server hangs up after the rows
	Then *Result // the next set of rows
}

// Column is a column of a result.
type Column struct {
	Name    string
	Type    string // as in a declaration: nvarchar(50), decimal(10,2)
	NotNull bool
}

// Error is a message of the server.
type Error struct {
	Number       int32
	State, Class byte
	Message      string
	Line         int32
}

// Login is how a client logged in.
type Login struct {
	User, Database, App string
	Token               string // of Microsoft Entra ID, instead of a password
	ReadOnly            bool   // its intent
	Encrypted           bool   // the login, or everything
}

// Statement is a request of a client.
type Statement struct {
	Kind        string // "begin", "describe", "batch", "execute"
	Text        string
	Params      []Param // of a procedure, without its statement
	Transaction bool    // within one
}

// Param is a parameter of a procedure.
type Param struct {
	Name  string
	Value any // string, int64, bool, or nil for NULL
}

// Start starts a server on the loopback interface, without TLS. The test closes it.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartAt(t, "127.0.0.1", nil)
}

// StartAt starts a server on an address of this machine, with TLS if there is a
// configuration.
func StartAt(t testing.TB, host string, config *tls.Config) *Server {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{listener: listener, tls: config, results: map[string]Result{}, resource: Resource, open: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		s.hangUp()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			socket, err := listener.Accept()
			if err != nil {
				return
			}
			s.track(socket, true)
			serving.Go(func() {
				defer s.track(socket, false)
				defer socket.Close()
				serve(s, socket)
			})
		}
	})
	return s
}

func (s *Server) track(socket net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[socket] = true
	} else {
		delete(s.open, socket)
	}
}

func (s *Server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for socket := range s.open {
		socket.Close()
	}
}

// Address is host and port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// URL is the URL for the user with the password, and more parameters.
func (s *Server) URL(parameters ...string) string {
	return s.URLOf(url.UserPassword(User, Password), parameters...)
}

// URLOf is the URL for a user.
func (s *Server) URLOf(user *url.Userinfo, parameters ...string) string {
	u := url.URL{Scheme: "sqlserver", User: user, Host: s.Address(), Path: "/" + Database, RawQuery: strings.Join(parameters, "&")}
	return u.String()
}

// Answer registers the result of a statement, in place of an earlier one.
func (s *Server) Answer(statement string, result Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[strings.TrimSpace(statement)] = result
}

// Rows are rows that exist.
func Rows(rows ...[]any) iter.Seq[[]any] { return slices.Values(rows) }

// AcceptToken makes the server accept a token. Clients are told the authority that
// gives it.
func (s *Server) AcceptToken(token, authority string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.authority = token, authority
}

// ClaimResource makes the server ask for tokens for another service.
func (s *Server) ClaimResource(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resource = resource
}

// RefuseLogins refuses the next logins.
func (s *Server) RefuseLogins(times int, with Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = fault{times, with}
}

// RefuseRequests refuses the next requests of clients that are logged in.
func (s *Server) RefuseRequests(times int, with Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = fault{times, with}
}

// RedirectTo sends clients to another server after they have logged in, as the
// gateways of Azure do.
func (s *Server) RedirectTo(other *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirect = other
}

// WithoutDescribe takes away the procedure that describes statements.
func (s *Server) WithoutDescribe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noDescribe = true
}

// IgnoreAttentions makes the server count what clients cancel, and do nothing.
func (s *Server) IgnoreAttentions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = true
}

// Logins are the logins that were accepted.
func (s *Server) Logins() []Login {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logins)
}

// Statements are the requests so far.
func (s *Server) Statements() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statements)
}

// Executed are the texts of the statements that ran.
func (s *Server) Executed() (texts []string) {
	for _, statement := range s.Statements() {
		if statement.Kind == "batch" || statement.Kind == "execute" {
			texts = append(texts, statement.Text)
		}
	}
	return texts
}

// Attentions is how many requests clients have cancelled.
func (s *Server) Attentions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attentions
}

// Connections is how many clients are connected.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *Server) result(statement string) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result, found := s.results[strings.TrimSpace(statement)]
	return result, found
}

func (s *Server) record(statement Statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements = append(s.statements, statement)
}

func (s *Server) next(f *fault) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.left == 0 {
		return nil
	}
	f.left--
	with := f.with
	return &with
}

// hostPort splits the address.
func (s *Server) hostPort() (host string, port uint16) {
	host, text, _ := net.SplitHostPort(s.Address())
	n, _ := strconv.ParseUint(text, 10, 16)
	return host, uint16(n)
}

func errorf(number int32, class byte, format string, args ...any) *Error {
	return &Error{Number: number, State: 1, Class: class, Message: fmt.Sprintf(format, args...)}
}
