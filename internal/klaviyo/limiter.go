package klaviyo

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// How much later than just in time a request leaves, since one before it may
// have been longer on its way.
const (
	margin        = 40 * time.Millisecond  // at least
	unknownMargin = 100 * time.Millisecond // while nothing tells
	longestMargin = 250 * time.Millisecond // without knowing
)

// mostOnItsWay is how long a request that does not get to Klaviyo holds up others.
const mostOnItsWay = 20 * time.Second

// clock is time as a limiter sees it.
type clock struct {
	now func() time.Time

	// wait returns after d, at a wake, or with the error of the context.
	wait func(ctx context.Context, d time.Duration, wake <-chan struct{}) error
}

func realClock() clock {
	return clock{now: time.Now, wait: func(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		return ctx.Err()
	}}
}

// limiter paces what is sent to one account, endpoint by endpoint.
type limiter struct {
	clock clock

	mu        sync.Mutex
	endpoints map[string]*endpoint
	heir      *limiter // that this one has joined
}

func newLimiter(c clock) *limiter {
	return &limiter{clock: c, endpoints: map[string]*endpoint{}}
}

// accounts are the limiters that are shared, since Klaviyo counts by account
// whichever key is used. There are as many as the process uses accounts.
var accounts struct {
	mu       sync.Mutex
	limiters map[accountAt]*limiter
}

// accountAt is an account and where its API is.
type accountAt struct{ baseURL, id string }

// join makes the limiter one with that of its account. What it has sent and
// learned until now is not forgotten.
func (l *limiter) join(account accountAt) {
	accounts.mu.Lock()
	defer accounts.mu.Unlock()
	if accounts.limiters == nil {
		accounts.limiters = map[accountAt]*limiter{}
	}
	shared := accounts.limiters[account]
	if shared == nil {
		shared = newLimiter(l.clock)
		accounts.limiters[account] = shared
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heir != nil {
		return
	}
	l.heir = shared
	for name, e := range l.endpoints {
		e.moveTo(shared.endpoint(name, e.limit))
	}
}

func (l *limiter) endpoint(name string, limit limit) *endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heir != nil {
		return l.heir.endpoint(name, limit)
	}
	e := l.endpoints[name]
	if e == nil {
		e = &endpoint{limit: limit, clock: l.clock, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
		e.turn <- struct{}{}
		l.endpoints[name] = e
	}
	return e
}

// acquire waits until a request may be sent. Every send that it returns must
// be ended with done.
func (l *limiter) acquire(ctx context.Context, name string, limit limit) (*send, error) {
	e := l.endpoint(name, limit)
	for {
		s, heir, err := e.acquire(ctx)
		if heir == nil {
			return s, err
		}
		e = heir
	}
}

// endpoint paces one endpoint of an account.
//
// Klaviyo counts in windows whose beginning it does not tell. So a request
// leaves only when the one burst places before it was counted more than a
// second ago, and the one steady places before it more than a minute: then no
// window can hold too many, wherever it begins. It costs nothing: the rate is
// the same.
//
// When a request was counted is not told either. It was on its way to Klaviyo
// for as long as the quickest, and longer by no more than its answer took
// longer than the quickest answer.
//
// That is how it begins, and how it is for Klaviyo, whose every answer tells of
// limits. A server that answers with success and without a word about limits
// keeps none (a simulator, a mock), and is sent to without pacing until it
// tells of them after all.
type endpoint struct {
	limit limit
	clock clock
	turn  chan struct{} // taken by who is next; Go serves the others in order
	wake  chan struct{} // tells who is next that something has changed

	mu      sync.Mutex
	log     []*send   // the last sends, at most limit.steady, in order
	blocked time.Time // when a 429 allows the next request
	shown   bool      // the server told of limits
	open    bool      // the server showed that it has none
	quota   quota
	heir    *endpoint // that this one has moved to
}

// quota is what is left of the steady window, all users of the account taken
// together, as the answer to the latest request told.
type quota struct {
	sent   int // number of the last send
	heard  int // number of the send whose answer told; 0 for none
	left   int // now, without what was sent since
	resets time.Time
}

// send is a request that was allowed.
type send struct {
	endpoint *endpoint
	number   int       // of the endpoint's sends; 0 for one of elsewhere
	asked    time.Time // when it was allowed
	at       time.Time // when it left; zero while it waits for a connection
	written  time.Time // when all of it had left; zero until then
	answered bool
	took     time.Duration // from written to the answer
}

// left is when the send left, as far as pacing is concerned: one that waits
// for a connection may leave at any moment from now on.
func (s *send) left(now time.Time) time.Time {
	if s.at.IsZero() {
		return now
	}
	return s.at
}

// answers is how long answers have taken of late.
type answers struct {
	shortest time.Duration // 0 while that is not known
	least    time.Duration // the margin of a send that is not answered yet
}

// answers looks at those of the log. The first burst tells nothing of how quick
// an answer can be: its requests were in each other's way.
func (e *endpoint) answers() answers {
	a, known := answers{least: unknownMargin}, 0
	longest := time.Duration(0)
	for _, s := range e.log {
		if !s.answered {
			continue
		}
		if known == 0 || s.took < a.shortest {
			a.shortest = s.took
		}
		longest = max(longest, s.took)
		known++
	}
	if known <= e.limit.burst {
		a.shortest = 0
		return a
	}
	a.least = min(max(longest-a.shortest, margin), longestMargin)
	return a
}

// counted is when the send has been counted for certain, had it been no longer
// on its way than one that leaves now.
func (s *send) counted(now time.Time, a answers) time.Time {
	switch {
	case s.answered:
		return s.written.Add(max(s.took-a.shortest, margin))
	case !s.written.IsZero():
		return s.written.Add(a.least)
	case now.After(s.asked.Add(mostOnItsWay)):
		return s.asked.Add(mostOnItsWay)
	default:
		return now.Add(margin)
	}
}

// countedAll is when the first sends of the log have all been counted.
func (e *endpoint) countedAll(first int, now time.Time) time.Time {
	a := e.answers()
	var last time.Time
	for _, s := range e.log[:first] {
		last = later(last, s.counted(now, a))
	}
	return last
}

// acquire waits for its turn, and then until the limits allow a request. When
// the endpoint has moved, it returns the one to ask instead.
func (e *endpoint) acquire(ctx context.Context) (*send, *endpoint, error) {
	select {
	case <-e.turn:
		defer func() { e.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		s, heir, wait := e.take()
		if s != nil || heir != nil {
			return s, heir, nil
		}
		if err := e.clock.wait(ctx, wait, e.wake); err != nil {
			return nil, nil, err
		}
	}
}

// take notes a request if it is allowed now, and else returns how long to wait.
func (e *endpoint) take() (*send, *endpoint, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heir != nil {
		return nil, e.heir, 0
	}
	now := e.clock.now()
	if next := e.next(now); next.After(now) {
		return nil, nil, next.Sub(now)
	}
	e.quota.sent++
	e.quota.left--
	s := &send{endpoint: e, number: e.quota.sent, asked: now}
	e.log = append(e.log, s)
	e.trim()
	return s, nil, 0
}

// next is when the next request is allowed.
func (e *endpoint) next(now time.Time) time.Time {
	next := e.blocked
	if e.open {
		return next
	}
	if i := len(e.log) - e.limit.burst; i >= 0 {
		next = later(next, e.countedAll(i+1, now).Add(time.Second))
	}
	if i := len(e.log) - e.limit.steady; i >= 0 {
		next = later(next, e.countedAll(i+1, now).Add(time.Minute))
	}
	if e.quota.left <= 0 {
		next = later(next, e.quota.resets)
	}
	return next
}

func (e *endpoint) trim() {
	for len(e.log) > e.limit.steady {
		e.log[0] = nil
		e.log = e.log[1:]
	}
}

func (e *endpoint) wakeNext() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// moveTo hands over to the endpoint of the account: what was sent, what was
// learned, and who waits.
func (e *endpoint) moveTo(heir *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	heir.mu.Lock()
	defer heir.mu.Unlock()
	if heir.quota.sent == 0 {
		heir.quota = e.quota
	} else {
		for _, s := range e.log {
			s.number = 0
		}
	}
	now := heir.clock.now()
	heir.log = append(heir.log, e.log...)
	slices.SortStableFunc(heir.log, func(a, b *send) int { return a.left(now).Compare(b.left(now)) })
	heir.trim()
	heir.blocked = later(heir.blocked, e.blocked)
	heir.shown = heir.shown || e.shown
	heir.open = !heir.shown && (heir.open || e.open)
	e.heir, e.log = heir, nil
	e.wakeNext()
	heir.wakeNext()
}

// lock locks the endpoint that counts the send now.
func (s *send) lock() *endpoint {
	e := s.endpoint
	for {
		e.mu.Lock()
		heir := e.heir
		if heir == nil {
			return e
		}
		e.mu.Unlock()
		e = heir
	}
}

// leave notes that the request has a connection and leaves. A second time, on
// another connection, it counts from then.
func (s *send) leave() {
	e := s.lock()
	defer e.mu.Unlock()
	s.at, s.written = e.clock.now(), time.Time{}
	e.wakeNext()
}

// wrote notes that all of the request has left.
func (s *send) wrote() {
	e := s.lock()
	defer e.mu.Unlock()
	s.written = e.clock.now()
	e.wakeNext()
}

// done ends a send with the header of its answer, nil for none, and what became
// of it. Other than the header says nothing is assumed.
func (s *send) done(header http.Header, err error) {
	e := s.lock()
	defer e.mu.Unlock()
	defer e.wakeNext()
	now := e.clock.now()
	switch {
	case header != nil:
		s.at = s.left(now)
		if s.written.IsZero() { // the answer did not wait for the end
			s.written = now
		}
		s.answered, s.took = true, now.Sub(s.written)
	case s.at.IsZero():
		e.giveBack(s)
	case s.written.IsZero():
		s.written = now // no more of it will leave
	}
	e.learn(s, header, err, now)
}

// giveBack forgets a send that never left.
func (e *endpoint) giveBack(s *send) {
	if i := slices.Index(e.log, s); i >= 0 {
		e.log = slices.Delete(e.log, i, i+1)
	}
	if s.number > e.quota.heard {
		e.quota.left++
	}
}

// learn takes from an answer what it tells of limits.
func (e *endpoint) learn(s *send, header http.Header, err error, now time.Time) {
	wait, throttled := throttledFor(err)
	switch {
	case throttled || tellsLimits(header):
		e.shown, e.open = true, false
	case header != nil && err == nil:
		e.open = !e.shown
	}
	if wait > 0 && wait <= longestRetryAfter { // longer ones nobody waits for
		e.blocked = later(e.blocked, now.Add(wait+margin))
	}
	remaining, reset, ok := parseRemaining(header)
	if ok && s.number > e.quota.heard {
		// What was sent after this request is not yet in the number.
		e.quota.heard = s.number
		e.quota.left = remaining - (e.quota.sent - s.number)
		e.quota.resets = now.Add(reset + margin)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
