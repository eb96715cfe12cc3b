// Package trinotest is a stand-in for a Trino coordinator, for tests. It is
// written from https://trino.io/docs/current/develop/client-protocol.html,
// https://trino.io/docs/current/sql/prepare.html,
// https://trino.io/docs/current/sql/describe-output.html,
// https://trino.io/docs/current/sql/start-transaction.html and
// https://trino.io/docs/current/security/authentication-types.html.
//
// Values in rows are what JSON has for them: numbers
// for integers and doubles, strings for varchar, decimal, date, timestamp and
// varbinary, bool, nil for NULL, []any for array and row, map[string]any for map.
// Types are Trino's own, such as varchar(20) or array(row(a bigint)).
package trinotest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

type (
	// Result is what a statement yields.
	Result = standin.Result
	// Column is a column of a result.
	Column = standin.Column
	// Failure is an error of the service.
	Failure = standin.Failure
	// FailAt is a failure after some pages.
	FailAt = standin.FailAt
	// Fault is something that goes wrong with requests.
	Fault = standin.Fault
	// Statement is a statement that a client submitted.
	Statement = standin.Statement
	// Arg is an argument of a statement.
	Arg = standin.Arg
)

// Errors that a statement meets. A syntax error comes when a statement is
// prepared, the others when it is described or executed.
var (
	Syntax = Failure{
		Name: "SYNTAX_ERROR", Code: "1", Type: "USER_ERROR", Line: 1, Column: 10,
		Message: "line 1:10: mismatched input 'FORM'. Expecting: ',', 'FROM', <EOF>",
	}
	NotFound = Failure{
		Name: "TABLE_NOT_FOUND", Code: "46", Type: "USER_ERROR", Line: 1, Column: 15,
		Message: "line 1:15: Table 'hive.crm.buyers' does not exist",
	}
	Forbidden = Failure{
		Name: "PERMISSION_DENIED", Code: "4", Type: "USER_ERROR",
		Message: "Access Denied: Cannot select from columns [id] in table or view crm.buyers",
	}
	Timeout = Failure{
		Name: "EXCEEDED_TIME_LIMIT", Code: "131075", Type: "INSUFFICIENT_RESOURCES",
		Message: "Query exceeded the maximum run time limit of 10.00s",
	}
	QueueFull = Failure{
		Name: "QUERY_QUEUE_FULL", Code: "131074", Type: "INSUFFICIENT_RESOURCES",
		Message: "Too many queued queries for \"global\"",
	}
	cancelled = Failure{Name: "USER_CANCELED", Code: "3", Type: "USER_ERROR", Message: "Query was canceled"}
)

// Server is a coordinator. Without a password and a token it believes the name in
// X-Trino-User, as Trino does.
type Server struct {
	standin.Server

	User     string
	Password string // if it is set, basic authentication is demanded, or the token
	Token    string // a JWT that is accepted
	// NextHost, if set, is the scheme and host of nextUri in the place of the server's own.
	NextHost string

	mu           sync.Mutex
	queries      map[string]*query
	transactions map[string]*transaction
	written      int
}

type transaction struct{ readOnly, failed bool }

// Start starts a server, which the test stops.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{User: "reader", queries: map[string]*query{}, transactions: map[string]*transaction{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/statement", s.submit)
	mux.HandleFunc("GET /v1/statement/{stage}/{id}/{slug}/{token}", s.next)
	mux.HandleFunc("DELETE /v1/statement/{stage}/{id}/{slug}/{token}", s.cancel)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "Not Found") })
	s.Server.Start(t, mux, func(w http.ResponseWriter, status int) { refuse(w, status, http.StatusText(status)) })
	return s
}

// OpenTransactions returns how many transactions were neither committed nor rolled back.
func (s *Server) OpenTransactions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.transactions)
}

// ExpireTransactions ends all transactions, as the idle timeout does.
func (s *Server) ExpireTransactions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.transactions)
}

// Written returns how many statements were carried out that write.
func (s *Server) Written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// headers are those of https://trino.io/docs/current/develop/client-protocol.html
// and two that clients negotiate with.
var headers = strings.Fields("User Original-User Source Catalog Schema Time-Zone Language Trace-Token Session Role Prepared-Statement Transaction-Id " +
	"Client-Info Client-Tags Resource-Estimate Extra-Credential Client-Capabilities Query-Data-Encoding")

// admitted checks who asks and the headers, and answers if they are refused. Trino
// ignores headers that it does not know; here they are mistakes.
func (s *Server) admitted(w http.ResponseWriter, r *http.Request) bool {
	user, password, basic := r.BasicAuth()
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	session := r.Header.Get("X-Trino-User")
	secured := s.Password != "" || s.Token != ""
	switch {
	case secured && bearer && s.Token != "" && token == s.Token:
	case secured && basic && s.Password != "" && user == s.User && password == s.Password:
	case secured:
		w.Header().Add("WWW-Authenticate", `Basic realm="Trino"`)
		w.Header().Add("WWW-Authenticate", `Bearer realm="Trino", token_type="JWT"`)
		problem := "Unauthorized"
		if basic || bearer {
			problem = "Access Denied: Invalid credentials"
		}
		refuse(w, http.StatusUnauthorized, problem)
		return false
	case basic: // a coordinator takes passwords only where it can check them
		refuse(w, http.StatusUnauthorized, "Password not allowed for insecure authentication")
		return false
	case session == "":
		refuse(w, http.StatusUnauthorized, "Basic authentication or X-Trino-Original-User or X-Trino-User must be sent")
		return false
	}
	if secured && session != "" && session != s.User {
		refuse(w, http.StatusForbidden, "Access Denied: User "+s.User+" cannot impersonate user "+session)
		return false
	}
	for name := range r.Header {
		if rest, is := strings.CutPrefix(name, "X-Trino-"); is && !slices.Contains(headers, rest) {
			refuse(w, http.StatusBadRequest, "The header "+name+" is not known.")
			return false
		}
	}
	return true
}

// pairs reads a header of name=value pairs, whose values are encoded as in a URL.
func pairs(r *http.Request, header string) (map[string]string, bool) {
	found := map[string]string{}
	for _, line := range r.Header.Values(header) {
		for pair := range strings.SplitSeq(line, ",") {
			name, value, is := strings.Cut(strings.TrimSpace(pair), "=")
			text, err := url.QueryUnescape(value)
			if !is || err != nil {
				return nil, false
			}
			if decoded, err := url.QueryUnescape(name); err == nil {
				name = decoded
			}
			found[name] = text
		}
	}
	return found, true
}

// refuse answers with a status and a text, which is all that Trino says of a request that is no query.
func refuse(w http.ResponseWriter, status int, text string) {
	http.Error(w, text, status)
}
