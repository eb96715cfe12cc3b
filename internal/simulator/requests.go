package simulator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxRecorded bounds the memory of a server that runs for days; the oldest
// requests are forgotten.
const maxRecorded = 100_000

// Request is a request as the server got it.
type Request struct {
	Time     time.Time
	Method   string
	Path     string
	Query    string      // as sent
	Header   http.Header // without Authorization
	Body     []byte      // only with Options.KeepBodies
	BodySize int
	Status   int // answered; 0 while under way, or when the connection was dropped
}

type recorder struct {
	keepBodies bool
	log        io.Writer

	mu       sync.Mutex
	requests []*Request
}

func itoa(n int) string { return strconv.Itoa(n) }

func (r *recorder) begin(request *http.Request, now time.Time) *Request {
	header := request.Header.Clone()
	header.Del("Authorization")
	record := &Request{
		Time: now, Method: request.Method, Path: request.URL.Path, Query: request.URL.RawQuery, Header: header,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) >= maxRecorded {
		r.requests = slices.Clone(r.requests[maxRecorded/2:])
	}
	r.requests = append(r.requests, record)
	return record
}

func (r *recorder) tookBody(record *Request, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	record.BodySize = len(body)
	if r.keepBodies {
		record.Body = slices.Clone(body)
	}
}

func (r *recorder) end(x *exchange, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x.record.Status = status
	if r.log != nil {
		fmt.Fprintf(r.log, "%s %s %d %s\n",
			x.now.UTC().Format(time.RFC3339), describe(x), status, x.server.options.Now().Sub(x.now).Round(time.Millisecond))
	}
}

// describe names a request for the log. Paths are those of the contract and the
// values of filters are left out, since both can hold personal data.
func describe(x *exchange) string {
	path := "(unknown path)"
	if x.operation != nil {
		path = "/api/" + strings.Replace(x.operation.path, "{id}", loggable(x.id), 1)
	}
	values := x.request.URL.Query()
	var shown []string
	for _, p := range queryNames(x.operation) {
		if values.Has(p) {
			value := values.Get(p)
			if p == "filter" || p == "page[cursor]" {
				value = "..."
			}
			shown = append(shown, p+"="+loggable(value))
		}
	}
	if shown != nil {
		path += "?" + strings.Join(shown, "&")
	}
	return loggable(x.request.Method) + " " + path
}

// loggable hides what is longer or stranger than an id or a list of names.
func loggable(value string) string {
	strange := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("._,-", r)
	}
	if len(value) > 200 || strings.ContainsFunc(value, strange) || strings.HasPrefix(value, "pk_") {
		return "(hidden)"
	}
	return value
}

func queryNames(o *operation) []string {
	if o == nil {
		return nil
	}
	var names []string
	for _, p := range o.parameters {
		names = append(names, p.name)
	}
	return names
}

// Requests returns every request since the start or the last ResetRequests, in
// the order of their arrival.
func (s *Server) Requests() []Request {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	all := make([]Request, 0, len(s.recorder.requests))
	for _, record := range s.recorder.requests {
		all = append(all, *record)
	}
	return all
}

// ResetRequests forgets the requests recorded so far.
func (s *Server) ResetRequests() {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.recorder.requests = nil
}

// withQuery is the request's own URL with one parameter replaced, or removed
// when the value is empty.
func (x *exchange) withQuery(name, value string) string {
	values := x.request.URL.Query()
	values.Del(name)
	if value != "" {
		values[name] = []string{value}
	}
	u := url.URL{Path: x.request.URL.Path, RawQuery: values.Encode()}
	return x.origin() + u.String()
}
