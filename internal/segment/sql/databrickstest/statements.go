package databrickstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

// execution is the body of a request that executes a statement.
type execution struct {
	Statement     string      `json:"statement"`
	WarehouseID   string      `json:"warehouse_id"`
	Catalog       string      `json:"catalog"`
	Schema        string      `json:"schema"`
	Parameters    []parameter `json:"parameters"`
	RowLimit      json.Number `json:"row_limit"`
	ByteLimit     json.Number `json:"byte_limit"`
	Disposition   string      `json:"disposition"`
	Format        string      `json:"format"`
	WaitTimeout   string      `json:"wait_timeout"`
	OnWaitTimeout string      `json:"on_wait_timeout"`
	QueryTags     []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"query_tags"`
}

type parameter struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Value *string `json:"value"`
}

var (
	waitTimeouts   = regexp.MustCompile(`^(0|[5-9]|[1-4][0-9]|50)s$`)
	parameterTypes = regexp.MustCompile(`(?i)^(|STRING|INT|BIGINT|SMALLINT|TINYINT|FLOAT|DOUBLE|DECIMAL(\(\d+(,\s*\d+)?\))?|BOOLEAN|DATE|TIMESTAMP|TIMESTAMP_NTZ|BINARY|VOID)$`)
	describeQuery  = regexp.MustCompile(`(?is)^\s*DESC(RIBE)?\s+QUERY\s`)
)

// statement is a statement that was submitted.
type statement struct {
	*Result
	id        string
	chunks    []standin.Page
	inline    bool
	truncated bool
	polls     int
	state     string // PENDING, RUNNING, or one of the ends
	fail      *Failure
}

// problem is what is wrong with a request.
func (s *Server) problem(e execution) string {
	switch {
	case strings.TrimSpace(e.Statement) == "":
		return "Required field 'statement' is missing."
	case e.WarehouseID == "":
		return "Required field 'warehouse_id' is missing."
	case e.WarehouseID != s.Warehouse:
		return e.WarehouseID + " is not a valid endpoint id."
	case e.WaitTimeout != "" && !waitTimeouts.MatchString(e.WaitTimeout):
		return "wait_timeout must be 0s or between 5s and 50s."
	case e.OnWaitTimeout != "" && e.OnWaitTimeout != "CONTINUE" && e.OnWaitTimeout != "CANCEL":
		return "on_wait_timeout must be CONTINUE or CANCEL."
	case e.Disposition != "" && e.Disposition != "INLINE" && e.Disposition != "EXTERNAL_LINKS":
		return "disposition must be INLINE or EXTERNAL_LINKS."
	case e.Format != "" && e.Format != "JSON_ARRAY":
		return "The stand-in has no format but JSON_ARRAY."
	}
	for i, p := range e.Parameters {
		switch {
		case p.Name == "":
			return fmt.Sprintf("Parameter %d has no name.", i+1)
		case !parameterTypes.MatchString(p.Type):
			return fmt.Sprintf("Parameter %s has the unsupported type %s.", p.Name, p.Type)
		}
	}
	return ""
}

func (s *Server) execute(w http.ResponseWriter, r *http.Request) {
	var e execution
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		refuse(w, http.StatusBadRequest, "MALFORMED_REQUEST", "The Content-Type must be application/json.")
		return
	}
	if err := standin.Decode(r, &e); err != nil {
		refuse(w, http.StatusBadRequest, "MALFORMED_REQUEST", "Could not parse request object: "+err.Error())
		return
	}
	if problem := s.problem(e); problem != "" {
		refuse(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", problem)
		return
	}
	if result, found := s.Find(e.Statement); found && result.Fail != nil && result.Fail.Status != 0 {
		refuse(w, result.Fail.Status, result.Fail.Code, result.Fail.Message)
		return
	}
	s.mu.Lock()
	st := s.submit(e)
	waited := e.WaitTimeout != "0s"
	if waited {
		st.advance()
		if !st.ended() && e.OnWaitTimeout == "CANCEL" {
			st.state = "CANCELED"
		}
	}
	s.mu.Unlock()
	s.answer(w, st)
}

// submit records a statement and finds its result.
func (s *Server) submit(e execution) *statement {
	st := &statement{id: fmt.Sprintf("01ed9db9-24c4-1cb6-a320-%012x", len(s.statements)+1), state: "PENDING", inline: e.Disposition != "EXTERNAL_LINKS"}
	args := []Arg{}
	for _, p := range e.Parameters {
		arg := Arg{Name: p.Name, Type: p.Type}
		if p.Value != nil {
			arg.Value = *p.Value
		}
		args = append(args, arg)
	}
	st.Result, st.fail = s.plan(e, len(args))
	st.polls, st.truncated = st.Polls, st.Truncated
	if limit, err := strconv.Atoi(e.RowLimit.String()); err == nil && limit < st.Rows {
		limited := *st.Result
		limited.Rows = limit
		st.Result, st.truncated = &limited, true
	}
	if st.fail == nil && st.inline && !st.Endless && st.tooLarge() {
		st.fail = &tooLarge
	}
	st.chunks = st.Pages()
	s.statements[st.id] = st
	options := map[string]string{
		"warehouse_id": e.WarehouseID, "catalog": e.Catalog, "schema": e.Schema, "disposition": e.Disposition, "format": e.Format,
		"wait_timeout": e.WaitTimeout, "on_wait_timeout": e.OnWaitTimeout, "row_limit": e.RowLimit.String(), "byte_limit": e.ByteLimit.String(),
	}
	s.Submitted(Statement{ID: st.id, Text: e.Statement, Args: args, Options: options})
	return st
}

// plan finds the result of a statement, and the failure that it ends with.
func (s *Server) plan(e execution, args int) (*Result, *Failure) {
	result, found := s.Find(e.Statement)
	if !found {
		return &Result{}, &Failure{Code: "BAD_REQUEST", State: "42P01", Message: "[TABLE_OR_VIEW_NOT_FOUND] No result is registered for this statement. SQLSTATE: 42P01"}
	}
	describes := describeQuery.MatchString(e.Statement)
	switch {
	case result.Fail != nil:
		return result, result.Fail
	case describes && result.Writes():
		return result, &notSelect
	case args < result.Args:
		return result, &unbound
	case describes:
		return describe(result), nil
	}
	if result.Writes() {
		s.written++
	}
	return result, nil
}

// describe is what DESCRIBE QUERY yields.
func describe(result *Result) *Result {
	described := &Result{
		Columns: []Column{{Name: "col_name", Type: "STRING"}, {Name: "data_type", Type: "STRING"}, {Name: "comment", Type: "STRING"}},
		Rows:    len(result.Columns), Polls: result.Polls,
		Row: func(i int) []any {
			return []any{result.Columns[i].Name, strings.ToLower(result.Columns[i].Type), nil}
		},
	}
	return described
}

// tooLarge reports whether the rows are more than an answer may hold.
func (st *statement) tooLarge() bool {
	const limit = 25 << 20
	size := 0
	for i := 0; i < st.Rows && size <= limit; i++ {
		size += len(mustMarshal(st.Row(i)))
	}
	return size > limit
}

// advance lets a statement run until it is asked for the next time.
func (st *statement) advance() {
	switch {
	case st.ended():
	case st.fail != nil:
		st.state = "FAILED"
	case st.polls > 0:
		st.polls--
		st.state = "RUNNING"
	case st.Endless:
		st.state = "RUNNING"
	case st.FailAt != nil && st.FailAt.Page == 0:
		st.state, st.fail = "FAILED", &st.FailAt.Failure
	default:
		st.state = "SUCCEEDED"
	}
}

func (st *statement) ended() bool { return st.state != "PENDING" && st.state != "RUNNING" }

// find returns the statement that a request names, or answers that there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request) *statement {
	st := s.statements[r.PathValue("id")]
	if st == nil {
		refuse(w, http.StatusNotFound, "NOT_FOUND", "The statement "+r.PathValue("id")+" was not found.")
	}
	return st
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	st := s.find(w, r)
	if st != nil {
		st.advance()
	}
	s.mu.Unlock()
	if st != nil {
		s.answer(w, st)
	}
}

// CloseResults ends all statements, as an hour after their success does.
func (s *Server) CloseResults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.statements {
		st.state = "CLOSED"
	}
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.find(w, r)
	if st == nil {
		return
	}
	s.Cancel(st.id)
	if !st.ended() {
		st.state = "CANCELED"
	}
	standin.JSON(w, http.StatusOK, map[string]any{})
}
