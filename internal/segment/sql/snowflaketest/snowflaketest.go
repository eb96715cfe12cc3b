// Package snowflaketest is a stand-in for Snowflake's SQL API, version 2, for
// tests. It is written from
// https://docs.snowflake.com/en/developer-guide/sql-api/reference,
// https://docs.snowflake.com/en/developer-guide/sql-api/handling-responses,
// https://docs.snowflake.com/en/developer-guide/sql-api/authenticating and the
// OpenAPI document in https://github.com/snowflakedb/snowflake-rest-api-specs.
//
// Values in rows are strings, as Snowflake writes
// them, or nil. Types are those of rowType, such as fixed(38,2), text(100),
// real, boolean, date, time, timestamp_ltz, timestamp_ntz, timestamp_tz,
// variant, object, array and binary.
package snowflaketest

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
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

// Errors that a statement meets. Names of objects are the caller's.
var (
	Syntax    = Failure{Code: "001003", State: "42000", Message: "SQL compilation error:\nsyntax error line 1 at position 7 unexpected 'FORM'."}
	Forbidden = Failure{Code: "002003", State: "42S02", Message: "SQL compilation error:\nObject 'CRM.PUBLIC.BUYERS' does not exist or not authorized."}
	NotSelect = Failure{Code: "001003", State: "42000", Message: "SQL compilation error:\nsyntax error line 2 at position 0 unexpected 'DELETE'."}
	Warehouse = Failure{Code: "000606", State: "57P03", Message: "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command."}
	Timeout   = Failure{Status: http.StatusRequestTimeout, Code: "000630", State: "57014", Message: "Statement reached its statement or warehouse timeout of 10 second(s) and was canceled."}
	cancelled = Failure{Code: "000604", State: "57014", Message: "SQL execution canceled"}
)

// Server is a Snowflake account with one user.
type Server struct {
	standin.Server

	Account    string // in upper case, as in the claims of a JWT
	User       string
	PrivateKey string // PKCS #8 in PEM, of the key that the user may sign with
	OAuthToken string
	PAT        string // a programmatic access token

	mu         sync.Mutex
	statements map[string]*statement // by handle
	submitted  map[string]*statement // by requestId
	seen       map[string]bool       // tokens
	expired    map[string]bool       // tokens that are refused once
}

// statement is a statement that was submitted.
type statement struct {
	*Result
	handle  string
	created time.Time
	polls   int
	fail    *Failure // that it has ended with
	limited bool     // by LIMIT 0
	nulls   bool     // NULL is null and not "null"
}

// Start starts a server, which the test stops.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{
		Account: "EXAMPLE-MARKETING", User: "SEGMENT_READER", OAuthToken: "ver:1-hint:stand-in-oauth", PAT: "stand-in.pat",
		PrivateKey: standin.TestKey().PEM, statements: map[string]*statement{}, submitted: map[string]*statement{}, seen: map[string]bool{}, expired: map[string]bool{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v2/statements", s.endpoint(http.MethodPost, s.submit))
	mux.HandleFunc("/api/v2/statements/{$}", s.endpoint(http.MethodPost, s.submit))
	mux.HandleFunc("/api/v2/statements/{handle}", s.endpoint(http.MethodGet, s.status))
	mux.HandleFunc("/api/v2/statements/{handle}/cancel", s.endpoint(http.MethodPost, s.cancel))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuseStatus(w, http.StatusNotFound) })
	s.Server.Start(t, mux, refuseStatus)
	return s
}

var userAgent = regexp.MustCompile(`^[A-Za-z0-9._-]+/[^ ]+`)

// endpoint checks what all requests must have.
func (s *Server) endpoint(method string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agent := r.UserAgent()
		accept := r.Header.Get("Accept")
		switch {
		case r.Method != method:
			refuse(w, http.StatusMethodNotAllowed, "391905", "Method "+r.Method+" is not supported.")
		case !s.authorized(w, r):
		case !userAgent.MatchString(agent) || strings.HasPrefix(agent, "Go-http-client"): // it must name the application
			refuse(w, http.StatusBadRequest, "391903", "User-Agent header must be the application's name and version.")
		case accept != "" && !strings.Contains(accept, "application/json") && !strings.Contains(accept, "*/*"):
			refuse(w, http.StatusBadRequest, "391902", "Unsupported Accept header "+accept+" is specified.")
		default:
			serve(w, r)
		}
	}
}

// submission is the body of a request that submits a statement.
type submission struct {
	Statement  string             `json:"statement"`
	Timeout    *int64             `json:"timeout"`
	Database   string             `json:"database"`
	Schema     string             `json:"schema"`
	Warehouse  string             `json:"warehouse"`
	Role       string             `json:"role"`
	Bindings   map[string]binding `json:"bindings"`
	Parameters map[string]any     `json:"parameters"`
}

type binding struct {
	Type  string  `json:"type"`
	Value *string `json:"value"`
}

var bindingTypes = regexp.MustCompile(`^(FIXED|REAL|TEXT|BINARY|BOOLEAN|DATE|TIME|TIMESTAMP_TZ|TIMESTAMP_LTZ|TIMESTAMP_NTZ)$`)

var parameters = regexp.MustCompile(`(?i)^(binary_output_format|client_result_chunk_size|date_output_format|multi_statement_count|query_tag|rows_per_resultset|` +
	`time_output_format|timestamp_output_format|timestamp_ltz_output_format|timestamp_ntz_output_format|timestamp_tz_output_format|timezone|use_cached_result)$`)

// parse reads a submission, whose fields must be known and of the right type.
func parse(r *http.Request) (submission, []Arg, error) {
	var body submission
	if err := standin.Decode(r, &body); err != nil {
		return body, nil, err
	}
	if strings.TrimSpace(body.Statement) == "" {
		return body, nil, fmt.Errorf("the field statement is missing")
	}
	if body.Timeout != nil && (*body.Timeout < 0 || *body.Timeout > 604800) {
		return body, nil, fmt.Errorf("the field timeout is out of range")
	}
	for name := range body.Parameters {
		if !parameters.MatchString(name) {
			return body, nil, fmt.Errorf("the parameter %s is not known", name)
		}
	}
	var args []Arg
	for i := range len(body.Bindings) {
		b, exists := body.Bindings[strconv.Itoa(i+1)]
		if !exists || !bindingTypes.MatchString(b.Type) {
			return body, nil, fmt.Errorf("the binding %d is missing or has no known type", i+1)
		}
		arg := Arg{Type: b.Type}
		if b.Value != nil {
			arg.Value = *b.Value
		}
		args = append(args, arg)
	}
	return body, args, nil
}

func (s *Server) submit(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if name, found := standin.UnknownParameter(r, "requestId", "async", "nullable", "retry"); found {
		refuse(w, http.StatusBadRequest, "391900", "Unknown parameter "+name+".")
		return
	}
	if kind := r.Header.Get("Content-Type"); kind != "" && !strings.HasPrefix(kind, "application/json") {
		refuse(w, http.StatusUnsupportedMediaType, "391901", "Unsupported Content-Type "+kind+".")
		return
	}
	id := query.Get("requestId")
	if query.Get("retry") == "true" && id == "" || id != "" && !isUUID.MatchString(id) {
		refuse(w, http.StatusBadRequest, "391900", "requestId must be a UUID; a retry needs the one of the first request.")
		return
	}
	body, args, err := parse(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "391900", "Invalid request body: "+err.Error())
		return
	}
	s.mu.Lock()
	st := s.submitted[id]
	if query.Get("retry") != "true" || st == nil { // one that was carried out is not run again
		st = s.run(body, args)
		st.nulls = query.Get("nullable") != "false"
		s.submitted[id] = st
	}
	s.mu.Unlock()
	if query.Get("async") == "true" {
		answerRunning(w, st, "333334", "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.")
		return
	}
	s.answer(w, r, st, 0)
}

// run starts a statement.
func (s *Server) run(body submission, args []Arg) *statement {
	st := &statement{handle: fmt.Sprintf("01b66701-0000-001c-0000-%012x", len(s.statements)+1), created: time.Now()}
	result, found := s.Find(body.Statement)
	switch {
	case !found:
		result = &Result{}
		st.fail = &Failure{Code: "002003", State: "42S02", Message: "SQL compilation error:\nno result is registered for this statement"}
	case len(args) < result.Args:
		st.fail = &Failure{Code: "002049", State: "42601", Message: "SQL compilation error: error line 1 at position 30\nBind variable ? not set."}
	default:
		st.fail = result.Fail
	}
	st.Result, st.polls = result, result.Polls
	if strings.HasSuffix(strings.ToUpper(strings.TrimSpace(body.Statement)), "LIMIT 0") {
		empty := *result
		empty.Rows, empty.EmptyPages, empty.FailAt = 0, nil, nil
		st.Result, st.limited = &empty, true
	}
	options := map[string]string{"database": body.Database, "schema": body.Schema, "warehouse": body.Warehouse, "role": body.Role}
	if body.Timeout != nil {
		options["timeout"] = strconv.FormatInt(*body.Timeout, 10)
	}
	for name, value := range body.Parameters {
		options[strings.ToLower(name)] = fmt.Sprint(value)
	}
	s.Submitted(Statement{ID: st.handle, Text: body.Statement, Args: args, Options: options})
	s.statements[st.handle] = st
	if st.fail != nil {
		s.Ended(st.handle)
	}
	return st
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	if name, found := standin.UnknownParameter(r, "requestId", "partition"); found {
		refuse(w, http.StatusBadRequest, "391900", "Unknown parameter "+name+".")
		return
	}
	st := s.statement(w, r)
	if st == nil {
		return
	}
	partition := 0
	if text := r.URL.Query().Get("partition"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n >= len(st.Pages()) {
			refuse(w, http.StatusBadRequest, "391920", "The partition "+text+" does not exist.")
			return
		}
		partition = n
	}
	s.answer(w, r, st, partition)
}

// statement returns the statement that a path names, or answers that it does not exist.
func (s *Server) statement(w http.ResponseWriter, r *http.Request) *statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.statements[r.PathValue("handle")]
	if st == nil {
		refuse(w, http.StatusNotFound, "000709", "Statement "+r.PathValue("handle")+" not found")
	}
	return st
}

// answer answers with the state of a statement or a partition of its result.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, st *statement, partition int) {
	s.mu.Lock()
	running := st.fail == nil && st.Endless && !st.limited || st.polls > 0
	if st.polls > 0 {
		st.polls--
	}
	fail := st.fail
	s.mu.Unlock()
	if running {
		answerRunning(w, st, "333333", "Statement execution in progress.")
		return
	}
	s.Ended(st.handle)
	if at := st.FailAt; fail == nil && at != nil && partition >= at.Page {
		fail = &at.Failure
	}
	if fail != nil {
		status := fail.Status
		if status == 0 {
			status = http.StatusUnprocessableEntity
		}
		standin.JSON(w, status, st.describe(fail.Code, fail.State, fail.Message))
		return
	}
	defer s.Fetch()()
	w.Header().Set("Link", st.links(partition))
	w.Header().Set("Content-Type", "application/json")
	// Partitions after the first are always compressed.
	if partition > 0 || strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		compressed := gzip.NewWriter(w)
		if st.write(compressed, partition) == nil {
			_ = compressed.Close() // a failure shows in the client
		}
		return
	}
	_ = st.write(w, partition)
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	if name, found := standin.UnknownParameter(r, "requestId"); found {
		refuse(w, http.StatusBadRequest, "391900", "Unknown parameter "+name+".")
		return
	}
	st := s.statement(w, r)
	if st == nil {
		return
	}
	if !s.Cancel(st.handle) {
		standin.JSON(w, http.StatusUnprocessableEntity, st.describe("000709", "02000", "The statement is not running."))
		return
	}
	s.mu.Lock()
	st.fail, st.polls = &cancelled, 0
	s.mu.Unlock()
	body := st.describe("000604", "57014", "successfully canceled")
	standin.JSON(w, http.StatusOK, body)
}

func answerRunning(w http.ResponseWriter, st *statement, code, message string) {
	body := st.describe(code, "", message)
	delete(body, "sqlState")
	standin.JSON(w, http.StatusAccepted, body)
}

// describe is what all answers about a statement have: QueryStatus, QueryFailureStatus, CancelStatus and ResultSet.
func (st *statement) describe(code, state, message string) map[string]any {
	return map[string]any{
		"code": code, "sqlState": state, "message": message, "statementHandle": st.handle,
		"statementStatusUrl": "/api/v2/statements/" + st.handle, "createdOn": st.created.UnixMilli(),
	}
}

// refuse answers a request that has to do with no statement.
func refuse(w http.ResponseWriter, status int, code, message string) {
	body := map[string]any{"message": message}
	if code != "" {
		body["code"] = code
	}
	standin.JSON(w, status, body)
}

func refuseStatus(w http.ResponseWriter, status int) {
	code := map[int]string{http.StatusUnauthorized: "390144"}[status]
	message := map[int]string{
		http.StatusUnauthorized:    "JWT token is invalid. [7fb87e37-2f26-4a10-9f9c-72276ea898bf]",
		http.StatusTooManyRequests: "Limit exceeded. The number of requests hit the rate limit.",
	}[status]
	if message == "" {
		message = http.StatusText(status)
	}
	refuse(w, status, code, message)
}
