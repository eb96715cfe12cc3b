package trinotest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// query is a statement that was submitted.
type query struct {
	*Result
	id, slug    string
	transaction string
	update      string      // updateType
	header      http.Header // of the answer that ends a command
	runs        bool        // it is a query and not a command
	fail        *Failure    // that it ends with
	polls       int
	started     bool // it has left the queue
	token       int  // of the answer that was given last
	page        int  // of the result that was given last, counted from 1
}

// uri is a link to the next answer.
func (s *Server) uri(q *query, stage string, token int) string {
	host := s.NextHost
	if host == "" {
		host = s.URL
	}
	return fmt.Sprintf("%s/v1/statement/%s/%s/%s/%d", host, stage, q.id, q.slug, token)
}

// document is QueryResults without rows.
func (q *query) document(s *Server, state, next string) map[string]any {
	body := map[string]any{
		"id": q.id, "infoUri": s.URL + "/ui/query.html?" + q.id, "warnings": []any{},
		"stats": map[string]any{
			"state": state, "queued": state == "QUEUED", "scheduled": state != "QUEUED", "nodes": 1, "totalSplits": 1, "queuedSplits": 0, "runningSplits": 1,
			"completedSplits": 0, "cpuTimeMillis": 1, "wallTimeMillis": 1, "queuedTimeMillis": 1, "elapsedTimeMillis": 1, "processedRows": 0, "processedBytes": 0,
			"physicalInputBytes": 0, "peakMemoryBytes": 0, "spilledBytes": 0,
		},
	}
	if next != "" {
		body["nextUri"] = next
	}
	if q.update != "" {
		body["updateType"] = q.update
	}
	if len(q.Columns) > 0 && state != "QUEUED" && state != "FAILED" {
		var columns []any
		for _, c := range q.Columns {
			columns = append(columns, map[string]any{"name": c.Name, "type": c.Type, "typeSignature": signature(c.Type)})
		}
		body["columns"] = columns
	}
	return body
}

// find returns the query of a link and the link's token, or answers that there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request) (*query, int) {
	q := s.queries[r.PathValue("id")]
	token, err := strconv.Atoi(r.PathValue("token"))
	stage := r.PathValue("stage")
	if q == nil || q.slug != r.PathValue("slug") || err != nil || stage != "queued" && stage != "executing" || q.started != (stage == "executing") {
		refuse(w, http.StatusNotFound, "Query not found")
		return nil, 0
	}
	return q, token
}

// next answers a link. The newest may be asked for again; older ones are gone.
func (s *Server) next(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	q, token := s.find(w, r)
	switch {
	case q == nil:
	case token < q.token:
		refuse(w, http.StatusGone, "Gone")
		q = nil
	case token > q.token+1:
		refuse(w, http.StatusNotFound, "Query not found")
		q = nil
	}
	if q == nil {
		s.mu.Unlock()
		return
	}
	waiting, page := s.step(q, r.PathValue("stage"), token)
	fail := q.fail
	if at := q.FailAt; fail == nil && waiting == nil && at != nil && page > at.Page {
		fail = &at.Failure
		if t := s.transactions[q.transaction]; t != nil {
			t.failed = true
		}
	}
	s.mu.Unlock()
	switch {
	case fail != nil:
		s.Ended(q.id)
		body := q.document(s, "FAILED", "")
		body["error"] = describe(fail)
		write(w, r, body, nil)
	case waiting != nil:
		write(w, r, waiting, nil)
	default:
		s.answer(w, r, q, page, token+1)
	}
}

// step moves a query on to a token. Either it is still waiting, and the document
// leads to the next link without rows, or a page of the result, counted from 1, is due.
func (s *Server) step(q *query, stage string, token int) (waiting map[string]any, page int) {
	repeated := token == q.token
	q.token = token
	switch {
	case q.fail != nil:
	case q.polls > 0 || q.Endless && q.runs:
		if q.polls > 0 && !repeated {
			q.polls--
		}
		state := map[string]string{"queued": "QUEUED", "executing": "RUNNING"}[stage]
		return q.document(s, state, s.uri(q, stage, token+1)), 0
	case !q.started: // out of the queue
		q.started, q.token = true, -1
		return q.document(s, "RUNNING", s.uri(q, "executing", 0)), 0
	case !repeated:
		q.page++
	}
	return nil, q.page
}

// answer answers with a page of the result and the link to the next. The last has none.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, q *query, page, next int) {
	defer s.Fetch()()
	pages := q.Pages()
	state, link := "RUNNING", s.uri(q, "executing", next)
	if page == len(pages) {
		state, link = "FINISHED", ""
		s.Ended(q.id)
		for name, values := range q.header {
			w.Header()[name] = values
		}
	}
	rows := func(w io.Writer) error { return q.WriteRows(w, pages[page-1], nil) }
	if pages[page-1].Rows == 0 {
		rows = nil
	}
	write(w, r, q.document(s, state, link), rows)
}

// describe is QueryError.
func describe(f *Failure) map[string]any {
	code, err := strconv.Atoi(f.Code)
	if err != nil {
		code = 65536 // GENERIC_INTERNAL_ERROR
	}
	failure := map[string]any{
		"type": "io.trino.spi.TrinoException", "message": f.Message, "suppressed": []any{},
		"stack": []any{"io.trino.sql.analyzer.SemanticExceptions.semanticException(SemanticExceptions.java:52)"},
	}
	body := map[string]any{"message": f.Message, "errorCode": code, "errorName": f.Name, "errorType": f.Type, "failureInfo": failure}
	if f.Line > 0 {
		location := map[string]any{"lineNumber": f.Line, "columnNumber": f.Column}
		body["errorLocation"], failure["errorLocation"] = location, location
	}
	return body
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	q, _ := s.find(w, r)
	s.mu.Unlock()
	if q == nil {
		return
	}
	ran := s.Cancel(q.id)
	s.mu.Lock()
	if ran {
		q.fail, q.polls = &cancelled, 0
	}
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// write writes a document, with rows unless they are nil, compressed if the client takes that.
func write(w http.ResponseWriter, r *http.Request, document map[string]any, rows func(io.Writer) error) {
	w.Header().Set("Content-Type", "application/json")
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		compressed := gzip.NewWriter(w)
		defer compressed.Close()
		out = compressed
	}
	text, err := json.Marshal(document)
	if err != nil || rows == nil {
		_, _ = out.Write(text) // a failure shows in the client
		return
	}
	_, _ = out.Write(append(bytes.TrimSuffix(text, []byte("}")), `,"data":`...))
	if rows(out) == nil {
		_, _ = out.Write([]byte("}"))
	}
}
