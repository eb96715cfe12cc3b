package simulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options shape a server. The zero value is an account without rate limits
// whose jobs complete at once.
type Options struct {
	// Account is the default account, which the methods of Server work on.
	Account Account
	// RateLimits turns Klaviyo's limits on. Without it no RateLimit-* header is
	// sent either: a limit that is not kept should not slow a client down.
	RateLimits bool
	// Now is the clock: of rate limits, jobs and everything that is dated.
	Now func() time.Time
	// QueueDelay and ProcessDelay are how long an import job stays queued and
	// processing. Its profiles are there when it is complete, not before.
	QueueDelay, ProcessDelay time.Duration
	// MaxErrorsPerResponse is how many rows one refusal of an import names;
	// 0 is 100.
	MaxErrorsPerResponse int
	// NullCounts leaves the counts of jobs null, as Klaviyo sometimes does: all
	// that the contract lets be null, which total_count is not.
	NullCounts bool
	// Discard counts what is imported and stores none of it, nor looks at the
	// rows: for measuring a client rather than the simulator.
	Discard bool
	// MergeProfiles lets an imported profile whose phone number or external id
	// belongs to another profile take that one over, whatever its address.
	MergeProfiles bool
	// FailTaken lets such a profile fail in the finished job, as duplicate_profile.
	FailTaken bool
	// KeepBodies records request bodies too.
	KeepBodies bool
	// Control serves the control endpoint at /control/, to programs on this machine.
	Control bool
	// Log takes a line per request, without keys, addresses or phone numbers.
	Log io.Writer
}

// Server is a simulated Klaviyo. It is an http.Handler; Start also serves it.
type Server struct {
	// URL is where a started server answers, without a slash at the end.
	URL string

	options Options
	routes  []*operation
	control http.Handler
	stop    func()
	stopped context.Context

	connected atomic.Int64 // clients of a started server

	mu        sync.Mutex // guards all below
	accounts  []*account
	keys      map[string]*apiKey
	listCount int
	refusals  *refusals
	cancelled int // how many jobs to come end cancelled

	miscounted, uncounted int // how many jobs to come count how many profiles too few

	delayed int // how many jobs to come stay queued for longer
	delay   time.Duration

	throttled int

	faults   faultBox
	recorder recorder
}

// New returns a server with one account and no keys, ready to be served by
// whoever calls it.
func New(options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxErrorsPerResponse <= 0 {
		options.MaxErrorsPerResponse = 100
	}
	s := &Server{options: options, keys: map[string]*apiKey{}, refusals: &refusals{}, stop: func() {}, stopped: context.Background()}
	s.recorder = recorder{keepBodies: options.KeepBodies, log: options.Log}
	s.routes = routes()
	s.control = s.controlHandler()
	s.AddAccount(options.Account)
	return s
}

// Start serves a new server on a free loopback port.
func Start(options Options) (*Server, error) {
	return StartOn("127.0.0.1:0", options)
}

// StartOn serves a new server on an address, such as "127.0.0.1:8080".
func StartOn(address string, options Options) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	s := New(options)
	s.URL = "http://" + listener.Addr().String()
	s.serve(listener)
	return s, nil
}

// serve sets stop to end the connections and wait for them. Waiting matters to
// callers that look for leaked goroutines, and to the race detector.
func (s *Server) serve(listener net.Listener) {
	stopped, cancel := context.WithCancel(context.Background())
	s.stopped = stopped
	var connections sync.WaitGroup
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				connections.Add(1)
				s.connected.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.connected.Add(-1)
				connections.Done()
			}
		},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // always http.ErrServerClosed: Close is the only way out
	}()
	s.stop = func() {
		cancel()
		ctx, release := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer release()
		_ = server.Shutdown(ctx) // answers under way may finish; Close ends the rest
		_ = server.Close()
		<-done
		connections.Wait()
	}
}

// Close stops a started server and waits until it has. It is safe to call twice.
func (s *Server) Close() {
	s.mu.Lock()
	stop := s.stop
	s.stop = func() {}
	s.mu.Unlock()
	stop()
}

// Busy reports whether a client of a started server is connected, or an import job of
// the default account has not ended.
func (s *Server) Busy() bool {
	a, unlock := s.lock()
	defer unlock()
	return s.connected.Load() > 0 || len(a.pending) > 0
}

// exchange is one request on its way through.
type exchange struct {
	server    *Server
	request   *http.Request
	writer    http.ResponseWriter
	record    *Request
	operation *operation
	id        string // of the path
	account   *account
	now       time.Time
	query     query
	body      []byte
	buffer    *bytes.Buffer // that the body is in
	bodyError *response     // what reading the body ended with
	steady    *windowState  // what the RateLimit-* headers tell
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.options.Control && strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.control.ServeHTTP(w, r)
		return
	}
	x := &exchange{server: s, request: r, writer: w, now: s.options.Now()}
	x.record = s.recorder.begin(r, x.now)
	s.faults.runHooks(r)
	fault := s.faults.match(r, s.operationOf(r.Method, r.URL.Path))
	if fault != nil {
		x.serveFaulty(fault)
		return
	}
	x.write(x.answer())
}

// answer takes the request through the checks in Klaviyo's order: what it is,
// who sends it, how often, whether they may, and then what is in it.
func (x *exchange) answer() response {
	x.readBody()
	defer x.releaseBody()
	for _, step := range []func() *response{
		x.route, x.checkAccept, x.authenticate, x.checkLimits, x.checkRevision,
		x.checkScopes, x.checkContentType, x.parseQuery, x.checkBody,
	} {
		if refused := step(); refused != nil {
			return *refused
		}
	}
	return x.operation.handle(x)
}

// lock takes the server's state, brought up to date, and returns the unlock.
func (x *exchange) lock() func() {
	x.server.mu.Lock()
	x.account.settle(x.now)
	return x.server.mu.Unlock
}

func (x *exchange) write(answer response) {
	x.fillHeader(answer)
	// Recorded first: who has the answer may ask for the record at once.
	x.server.recorder.end(x, answer.status)
	x.writer.WriteHeader(answer.status)
	if len(answer.body) > 0 {
		_, _ = x.writer.Write(answer.body) // the client may have hung up
	}
}

func (x *exchange) fillHeader(answer response) {
	header := x.writer.Header()
	header.Set("Date", x.now.UTC().Format(http.TimeFormat))
	for name, values := range answer.header {
		header[name] = values
	}
	if x.steady != nil && answer.status != http.StatusTooManyRequests {
		x.steady.describe(header)
	}
}
