// Package standin is what the stand-ins of warehouses share: results that a
// test registers, faults, and a record of what was sent. Each stand-in adds the
// protocol of its service, written from the vendor's documents.
package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Server holds what a test registered and what clients sent.
type Server struct {
	URL string // http://127.0.0.1:port

	refuse func(w http.ResponseWriter, status int)

	mu         sync.Mutex
	results    []*Result
	faults     []*Fault
	requests   []Request
	statements []Statement
	cancelled  []string
	running    map[string]string // the statement by its id
	fetching   int
	mostAtOnce int
}

// Request is a request as a client sent it.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
}

// Statement is a statement that a client submitted and the service accepted.
type Statement struct {
	ID   string // the service's own: handle, job or query
	Text string
	Args []Arg
	// Options are the other settings sent with it, such as timeouts, the role or
	// the session's properties.
	Options map[string]string
	DryRun  bool // BigQuery: it was described and not run
}

// Arg is an argument that was sent beside a statement.
type Arg struct {
	Name  string // empty where arguments go by position
	Type  string // as the client declared it
	Value any    // nil for NULL
}

// Start serves on loopback until the test ends. The function refuse answers
// with an error of the service that fits a status; the handler gets requests
// whose body can be read again.
func (s *Server) Start(t *testing.T, handler http.Handler, refuse func(w http.ResponseWriter, status int)) {
	t.Helper()
	s.refuse = refuse
	s.running = map[string]string{}
	server := httptest.NewServer(s.Wrap(handler))
	t.Cleanup(func() {
		server.CloseClientConnections() // of requests that hang
		server.Close()
	})
	s.URL = server.URL
}

// Wrap records the requests that a handler gets, and lets faults happen.
func (s *Server) Wrap(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.URL.Query(), r.Header.Clone(), body})
		fault := s.strike(r, body)
		s.mu.Unlock()
		if fault != nil {
			s.suffer(w, r, fault, handler)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// Register adds results. Among those that fit a statement, the newest counts.
func (s *Server) Register(results ...Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		s.results = append(s.results, &r)
	}
}

// Find returns the result registered for a statement.
func (s *Server) Find(statement string) (*Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range slices.Backward(s.results) {
		if strings.Contains(statement, r.Query) && (r.Match == nil || r.Match(statement)) {
			return r, true
		}
	}
	return nil, false
}

// Submitted records a statement that starts to run.
func (s *Server) Submitted(statement Statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements = append(s.statements, statement)
	if !statement.DryRun {
		s.running[statement.ID] = statement.Text
	}
}

// Ended records that a statement no longer runs.
func (s *Server) Ended(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
}

// Cancel records that a client cancelled a statement, and whether it still ran.
func (s *Server) Cancel(id string) (ran bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancelled = append(s.cancelled, id)
	_, ran = s.running[id]
	delete(s.running, id)
	return ran
}

// Fetch counts a request for a page that is being answered until done is called.
func (s *Server) Fetch() (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetching++
	s.mostAtOnce = max(s.mostAtOnce, s.fetching)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fetching--
	}
}

// Requests returns all requests so far, also those that met a fault.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count returns how many requests had this method and this text in their path.
func (s *Server) Count(method, path string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Method == method && strings.Contains(r.Path, path) {
			n++
		}
	}
	return n
}

// Statements returns the statements that were accepted, in order.
func (s *Server) Statements() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statements)
}

// Cancelled returns the ids that clients cancelled, in order.
func (s *Server) Cancelled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cancelled)
}

// Running returns the texts of the statements that have neither ended nor been
// cancelled; one that was read to its end has ended.
func (s *Server) Running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, text := range s.running {
		texts = append(texts, text)
	}
	return texts
}

// MostPagesAtOnce returns how many pages were fetched at the same time at most.
func (s *Server) MostPagesAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mostAtOnce
}

// JSON answers with a body in JSON.
func JSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a failure shows in the client
}

// Decode reads a body in JSON that has no fields but those of the target.
func Decode(r *http.Request, target any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("there is text after the body's object")
	}
	return nil
}

// UnknownParameter returns the first parameter of the URL that is not known.
func UnknownParameter(r *http.Request, known ...string) (name string, found bool) {
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return name, true
		}
	}
	return "", false
}
