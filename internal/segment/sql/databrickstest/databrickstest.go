// Package databrickstest is a stand-in for the Statement Execution API 2.0 of
// Databricks, its token endpoint and the storage that its links lead to, for
// tests. It is written from
// https://docs.databricks.com/api/workspace/statementexecution,
// https://docs.databricks.com/aws/en/dev-tools/sql-execution-tutorial and
// https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m.
//
// Values in rows are strings, as Databricks writes
// them in the format JSON_ARRAY, or nil; arrays, maps and structs are JSON in a
// string. Types are type_text, such as BIGINT, DECIMAL(10,2) or ARRAY<STRING>.
package databrickstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

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

// Errors that a statement meets. One with a status refuses the request; with the
// others the statement's state is FAILED.
var (
	Syntax = Failure{Code: "BAD_REQUEST", State: "42601", Message: "[PARSE_SYNTAX_ERROR] Syntax error at or near 'FORM'. SQLSTATE: 42601 (line 1, pos 9)"}
	// NotFound is what a user sees who may not see the schema, too.
	NotFound = Failure{
		Code: "BAD_REQUEST", State: "42P01",
		Message: "[TABLE_OR_VIEW_NOT_FOUND] The table or view `crm`.`buyers` cannot be found. Verify the spelling and correctness of the schema and catalog. SQLSTATE: 42P01; line 1 pos 14",
	}
	Forbidden = Failure{
		Code: "BAD_REQUEST", State: "42501",
		Message: "[INSUFFICIENT_PERMISSIONS] Insufficient privileges:\nUser does not have permission SELECT on table `crm`.`buyers`. SQLSTATE: 42501",
	}
	NoWarehouse = Failure{Status: http.StatusForbidden, Code: "PERMISSION_DENIED", Message: "You do not have permission to use the SQL Warehouse."}
	Timeout     = Failure{
		Code: "DEADLINE_EXCEEDED", State: "57014",
		Message: "Query has been timed out due to inactivity or the timeout of 10 seconds that STATEMENT_TIMEOUT sets.",
	}
	notSelect = Failure{Code: "BAD_REQUEST", State: "42601", Message: "[PARSE_SYNTAX_ERROR] Syntax error at or near 'DELETE'. SQLSTATE: 42601 (line 1, pos 15)"}
	unbound   = Failure{Code: "BAD_REQUEST", State: "42P02", Message: "[UNBOUND_SQL_PARAMETER] Found the unbound parameter: p1. Please, fix `args` and provide a mapping of the parameter. SQLSTATE: 42P02"}
	tooLarge  = Failure{
		Code:    "BAD_REQUEST",
		Message: "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most 26214400 bytes. Please execute the statement with disposition=EXTERNAL_LINKS if you want to download the full result.",
	}
)

// Server is a workspace with one warehouse.
type Server struct {
	standin.Server
	standin.Tokens // of the token endpoint

	StorageURL   string // where the links lead to: another host than URL
	Warehouse    string
	Token        string // a personal access token
	ClientID     string // of the service principal
	ClientSecret string

	// LinkLifetime is how long links are valid.
	LinkLifetime time.Duration
	// LinkHeaders, if set, are demanded from those who follow a link.
	LinkHeaders map[string]string

	mu         sync.Mutex
	statements map[string]*statement
	links      map[string]*link
	downloads  int
	written    int
}

// link leads to a chunk.
type link struct {
	statement *statement
	chunk     int
	expires   time.Time
}

// Start starts a server, which the test stops.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{
		Warehouse: "abcdef0123456789", Token: "dapi-stand-in", ClientID: "5f6c1b1e-0000-4000-8000-000000000001", ClientSecret: "dose-stand-in",
		LinkLifetime: 15 * time.Minute, statements: map[string]*statement{}, links: map[string]*link{},
	}
	const statements = "/api/2.0/sql/statements"
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oidc/v1/token", s.token)
	mux.HandleFunc("POST "+statements, s.endpoint(s.execute))
	mux.HandleFunc("POST "+statements+"/{$}", s.endpoint(s.execute))
	mux.HandleFunc("GET "+statements+"/{id}", s.endpoint(s.get))
	mux.HandleFunc("GET "+statements+"/{id}/result/chunks/{chunk}", s.endpoint(s.chunk, "row_offset"))
	mux.HandleFunc("POST "+statements+"/{id}/cancel", s.endpoint(s.cancel))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "ENDPOINT_NOT_FOUND", "No API found for '"+r.Method+" "+r.URL.Path+"'")
	})
	s.Server.Start(t, mux, refuseStatus)
	storage := httptest.NewServer(s.Wrap(http.HandlerFunc(s.download)))
	t.Cleanup(func() {
		storage.CloseClientConnections()
		storage.Close()
	})
	s.StorageURL = storage.URL
	return s
}

// ExpireLinks makes all links so far invalid.
func (s *Server) ExpireLinks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		l.expires = time.Time{}
	}
}

// Downloads returns how many chunks were downloaded by links.
func (s *Server) Downloads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.downloads
}

// Written returns how many statements were carried out that write.
func (s *Server) Written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// endpoint checks what all requests must have.
func (s *Server) endpoint(serve http.HandlerFunc, parameters ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, minted := s.Scope(token)
		switch {
		case !bearer:
			refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")
		case strings.HasPrefix(token, "dapi") && token != s.Token:
			refuse(w, http.StatusForbidden, "403", "Invalid access token.")
		case token != s.Token && !minted:
			refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		default:
			if name, found := standin.UnknownParameter(r, parameters...); found {
				refuse(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Unknown parameter "+name+".")
				return
			}
			serve(w, r)
		}
	}
}

// token is the token endpoint, for service principals.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	switch {
	case r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials":
		standin.JSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type", "error_description": "The grant type must be client_credentials."})
	case !basic || id != s.ClientID || secret != s.ClientSecret:
		standin.JSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "Client authentication failed"})
	case r.PostForm.Get("scope") != "all-apis":
		standin.JSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_scope", "error_description": "The scope must be all-apis."})
	default:
		standin.JSON(w, http.StatusOK, map[string]any{"access_token": s.Mint("all-apis"), "scope": "all-apis", "token_type": "Bearer", "expires_in": 3600})
	}
}

// download is the storage. It knows no Databricks and takes only what a link says.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	l := s.links[r.URL.Query().Get("signature")]
	expired := l != nil && time.Now().After(l.expires)
	s.mu.Unlock()
	problem := ""
	for name, value := range s.LinkHeaders {
		if r.Header.Get(name) != value {
			problem = "The header " + name + " is missing or wrong."
		}
	}
	switch {
	case r.Method != http.MethodGet:
		refuseXML(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	case r.Header.Get("Authorization") != "": // the link is the credential
		refuseXML(w, http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed; only the signature query string parameter or the Authorization header should be specified")
	case l == nil || r.URL.Path != l.path():
		refuseXML(w, http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	case expired:
		refuseXML(w, http.StatusForbidden, "AccessDenied", "Request has expired")
	case problem != "":
		refuseXML(w, http.StatusBadRequest, "InvalidArgument", problem)
	default:
		s.mu.Lock()
		s.downloads++
		s.mu.Unlock()
		defer s.Fetch()()
		w.Header().Set("Content-Type", "application/octet-stream")
		_ = l.statement.WriteRows(w, l.statement.chunks[l.chunk], nil) // a failure shows in the client
	}
}

func (l *link) path() string { return fmt.Sprintf("/results/%s/%d.json", l.statement.id, l.chunk) }

func refuseXML(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// refuse answers a request that is not accepted.
func refuse(w http.ResponseWriter, status int, code, message string) {
	standin.JSON(w, status, map[string]any{"error_code": code, "message": message})
}

func refuseStatus(w http.ResponseWriter, status int) {
	code := map[int]string{
		400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "REQUEST_LIMIT_EXCEEDED",
		500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
	}[status]
	refuse(w, status, code, http.StatusText(status))
}

func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
