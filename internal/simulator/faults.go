package simulator

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault makes requests go wrong. The first five fields say which; the rest say
// how, and can be combined where that makes sense (a delay and then a 503).
//
// A client of net/http sends a GET again by itself when a reused connection
// drops before any answer, so dropping one GET may go unnoticed.
type Fault struct {
	Method string // "" is any
	Path   string // a prefix of the path, or a path.Match pattern such as /api/lists/*/profiles; "" is any
	// Operation is Klaviyo's operationId; "" is any.
	Operation string
	Nth       int // the first matching request that goes wrong, from 1; 0 is 1
	Times     int // how many go wrong; 0 is one, below 0 is all

	Delay      time.Duration // wait first
	DropBefore bool          // close the connection without reading the request
	DropAfter  bool          // do what is asked, then close the connection without an answer
	Truncate   bool          // do what is asked, announce the whole answer, send half of it
	RedirectTo string        // answer 307 with this Location
	Status     int           // answer this instead of doing what is asked
	Header     http.Header
	Body       string
	Done       bool // do what is asked all the same, before Status is answered
}

// faultBox holds the faults and hooks, apart from the state of the accounts so
// that a hook may call any method of the server.
type faultBox struct {
	mu    sync.Mutex
	armed []*armedFault
	hooks []func(*http.Request)
}

type armedFault struct {
	Fault
	seen, hit int // requests
}

// Inject arms a fault. When several match a request, the one injected first
// takes it, and the others do not count it.
func (s *Server) Inject(f Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.armed = append(s.faults.armed, &armedFault{Fault: f})
}

// Pending lists the faults that have not hit as many requests as they should,
// as they were injected. One that hits all requests is pending until the first.
func (s *Server) Pending() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	var pending []Fault
	for _, armed := range s.faults.armed {
		if armed.Times >= 0 || armed.hit == 0 {
			pending = append(pending, armed.Fault)
		}
	}
	return pending
}

// OnRequest adds a function that is called before each request is handled. It
// may change the server, as another actor would in the middle of a run; it must
// not read the request's body.
func (s *Server) OnRequest(hook func(*http.Request)) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.hooks = append(s.faults.hooks, hook)
}

// ClearFaults ends what Inject and OnRequest have set up.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.armed, s.faults.hooks = nil, nil
}

func (b *faultBox) runHooks(r *http.Request) {
	b.mu.Lock()
	hooks := slices.Clone(b.hooks)
	b.mu.Unlock()
	for _, hook := range hooks {
		hook(r)
	}
}

// match finds the fault that a request meets.
func (b *faultBox) match(r *http.Request, operation string) *Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, armed := range b.armed {
		if !armed.matches(r, operation) {
			continue
		}
		armed.seen++
		if armed.seen < armed.Nth {
			continue
		}
		if armed.hit++; armed.hit == cmp.Or(armed.Times, 1) {
			b.armed = slices.Delete(b.armed, i, i+1)
		}
		return &armed.Fault
	}
	return nil
}

func (f *Fault) matches(r *http.Request, operation string) bool {
	if f.Operation != "" && f.Operation != operation {
		return false
	}
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	if !strings.ContainsAny(f.Path, "*?[") {
		return strings.HasPrefix(r.URL.Path, f.Path)
	}
	matched, err := path.Match(strings.TrimSuffix(f.Path, "/"), strings.TrimSuffix(r.URL.Path, "/"))
	return matched && err == nil
}

// serveFaulty answers, or not, as the fault says.
func (x *exchange) serveFaulty(f *Fault) {
	if !x.pause(f.Delay) || f.DropBefore {
		x.drop()
	}
	if f.Done {
		x.answer()
	} else if f.Status != 0 || f.RedirectTo != "" {
		x.readBody()
		defer x.releaseBody()
	}
	switch {
	case f.Status != 0:
		x.write(response{status: f.Status, header: f.Header, body: []byte(f.Body)})
	case f.RedirectTo != "":
		x.write(response{status: http.StatusTemporaryRedirect, header: http.Header{"Location": {f.RedirectTo}}})
	case f.DropAfter:
		x.answer()
		x.drop()
	case f.Truncate:
		x.truncate(x.answer())
	default:
		x.write(x.answer())
	}
}

// pause waits, and reports whether there is still somebody to answer.
func (x *exchange) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		x.now = x.server.options.Now()
		return true
	case <-x.request.Context().Done():
		return false
	case <-x.server.stopped.Done():
		return false
	}
}

// drop ends the connection; net/http does that, quietly, on this panic.
func (x *exchange) drop() {
	x.server.recorder.end(x, 0)
	panic(http.ErrAbortHandler)
}

func (x *exchange) truncate(answer response) {
	x.fillHeader(answer)
	x.writer.Header().Set("Content-Length", itoa(len(answer.body)))
	x.server.recorder.end(x, answer.status)
	x.writer.WriteHeader(answer.status)
	_, _ = x.writer.Write(answer.body[:len(answer.body)/2])
	if flusher, ok := x.writer.(http.Flusher); ok {
		flusher.Flush()
	}
	panic(http.ErrAbortHandler)
}
