// Package ratelimit paces requests to Klaviyo's API, so that they stay within its
// rate limits. It paces each endpoint of an account by itself, before the
// request is sent, and learns from the answers.
package ratelimit

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Margins are added to the windows, since an earlier request may have taken
// longer to reach Klaviyo than a later one.
const (
	minMargin     = 40 * time.Millisecond  // the smallest
	unknownMargin = 100 * time.Millisecond // until answers have been measured
	maxMargin     = 250 * time.Millisecond // the largest: what takes longer than that, Klaviyo does after it has counted a request
)

// maxInFlight is for how long a request that has not been written holds up
// others.
const maxInFlight = 20 * time.Second

// Limiter paces what is sent to one account, endpoint by endpoint.
type Limiter struct {
	clock wait.Clock

	mu         sync.Mutex
	endpoints  map[string]*endpoint
	mergedInto *Limiter // the account's, once joined
}

// New returns a limiter that knows of no request yet.
func New(c wait.Clock) *Limiter {
	return &Limiter{clock: c, endpoints: map[string]*endpoint{}}
}

// accounts are the limiters that are shared, since Klaviyo counts by account
// whichever key is used. There are as many as the process uses accounts.
var accounts struct {
	mu       sync.Mutex
	limiters map[timed]*Limiter
}

// Account is an account and where its API is.
type Account struct{ BaseURL, ID string }

// timed is an account by a clock: limiters with different clocks cannot wait for each
// other.
type timed struct {
	Account
	clock wait.Clock
}

// Join merges the limiter into that of its account. What it has sent and learned
// so far is kept.
func (l *Limiter) Join(account Account) {
	accounts.mu.Lock()
	defer accounts.mu.Unlock()
	if accounts.limiters == nil {
		accounts.limiters = map[timed]*Limiter{}
	}
	shared := accounts.limiters[timed{account, l.clock}]
	if shared == nil {
		shared = New(l.clock)
		accounts.limiters[timed{account, l.clock}] = shared
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mergedInto != nil {
		return
	}
	l.mergedInto = shared
	for name, e := range l.endpoints {
		e.mergeInto(shared.endpoint(name, e.limit))
	}
}

func (l *Limiter) endpoint(name string, limit Limit) *endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mergedInto != nil {
		return l.mergedInto.endpoint(name, limit)
	}
	e := l.endpoints[name]
	if e == nil {
		e = &endpoint{limit: limit, clock: l.clock, sem: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
		e.sem <- struct{}{}
		l.endpoints[name] = e
	}
	return e
}

// Acquire waits until a request to an endpoint may be sent. Every slot that it
// returns must be ended with Done.
func (l *Limiter) Acquire(ctx context.Context, name string, limit Limit) (*Slot, error) {
	e := l.endpoint(name, limit)
	for {
		s, mergedInto, err := e.acquire(ctx)
		if mergedInto == nil {
			return s, err
		}
		e = mergedInto
	}
}

// endpoint paces one endpoint of an account.
//
// Klaviyo counts in windows and does not say when they begin. So a request leaves
// only when the request Burst places before it was counted more than a second
// ago, and the one Steady places before it more than a minute ago: then no window
// holds too many, wherever it begins. It costs nothing: the rate is
// the same.
//
// Klaviyo does not say when it counted a request either. The fastest answer shows
// how long a request takes at least to get there; one whose answer came later by
// some time was counted later by at most that time.
//
// Every answer of Klaviyo has headers about limits. A server that answers with
// success and without such headers keeps no limits (a simulator, a mock): it is
// sent to without pacing until an answer has them after all.
type endpoint struct {
	limit Limit
	clock wait.Clock
	sem   chan struct{} // held by the first in the queue; Go serves the others in order
	wake  chan struct{} // tells the first in the queue that something has changed

	mu         sync.Mutex
	recent     []*Slot   // the last slots, at most limit.Steady, in order
	blocked    time.Time // when a 429 allows the next request
	limited    bool      // an answer had headers about limits
	unlimited  bool      // a successful answer had none
	quota      quota
	mergedInto *endpoint // the account's endpoint, once joined
}

// quota is what is left of the steady window, all users of the account taken
// together, according to the answer to the latest request.
type quota struct {
	sent      int // number of the last slot
	lastSeen  int // number of the slot whose answer said so; 0 before the first
	remaining int // now, without what was sent since
	resets    time.Time
}

// Slot is the permission to send one request.
type Slot struct {
	endpoint  *endpoint
	number    int       // counted per endpoint; 0 for one that was merged from another limiter
	allowedAt time.Time // when it was allowed
	sentAt    time.Time // when it left; zero while it waits for a connection
	flushedAt time.Time // when all of it had left; zero until then
	answered  bool
	took      time.Duration // from flushedAt to the answer
}

// departure is when the request left, as far as pacing is concerned: one that waits
// for a connection may leave at any moment from now on.
func (s *Slot) departure(now time.Time) time.Time {
	if s.sentAt.IsZero() {
		return now
	}
	return s.sentAt
}

// latency describes how long recent answers took.
type latency struct {
	minTook time.Duration // of the fastest answer; 0 while that is not known
	margin  time.Duration // the margin of a request without an answer
}

// latency measures the answers to recent requests. Those of the first burst do
// not show how fast an answer can be, since their requests delayed each other.
func (e *endpoint) latency() latency {
	a, known := latency{margin: unknownMargin}, 0
	maxTook := time.Duration(0)
	for _, s := range e.recent {
		if !s.answered {
			continue
		}
		if known == 0 || s.took < a.minTook {
			a.minTook = s.took
		}
		maxTook = max(maxTook, s.took)
		known++
	}
	if known <= e.limit.Burst {
		a.minTook = 0
		return a
	}
	a.margin = min(max(maxTook-a.minTook, minMargin), maxMargin)
	return a
}

// counted is when Klaviyo has counted the request at the latest, relative to a
// request that leaves now: the time that both are on their way cancels out.
func (s *Slot) counted(now time.Time, a latency) time.Time {
	switch {
	case s.answered:
		return s.flushedAt.Add(min(max(s.took-a.minTook, minMargin), maxMargin))
	case !s.flushedAt.IsZero():
		return s.flushedAt.Add(a.margin)
	case now.After(s.allowedAt.Add(maxInFlight)):
		return s.allowedAt.Add(maxInFlight)
	default:
		return now.Add(minMargin)
	}
}

// countedAll is when the first sends of recent have all been counted.
func (e *endpoint) countedAll(first int, now time.Time) time.Time {
	a := e.latency()
	var last time.Time
	for _, s := range e.recent[:first] {
		last = later(last, s.counted(now, a))
	}
	return last
}

// acquire queues, and then waits until the limits allow a request. When the
// endpoint has been merged into another, it returns that one to ask instead.
func (e *endpoint) acquire(ctx context.Context) (*Slot, *endpoint, error) {
	select {
	case <-e.sem:
		defer func() { e.sem <- struct{}{} }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		s, mergedInto, wait := e.tryAcquire()
		if s != nil || mergedInto != nil {
			return s, mergedInto, nil
		}
		if err := e.clock.Wait(ctx, wait, e.wake); err != nil {
			return nil, nil, err
		}
	}
}

// tryAcquire notes a request if it is allowed now, and else returns how long to wait.
func (e *endpoint) tryAcquire() (*Slot, *endpoint, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mergedInto != nil {
		return nil, e.mergedInto, 0
	}
	now := e.clock.Now()
	if next := e.next(now); next.After(now) {
		return nil, nil, next.Sub(now)
	}
	e.quota.sent++
	e.quota.remaining--
	s := &Slot{endpoint: e, number: e.quota.sent, allowedAt: now}
	e.recent = append(e.recent, s)
	e.trim()
	return s, nil, 0
}

// next is when the next request is allowed.
func (e *endpoint) next(now time.Time) time.Time {
	next := e.blocked
	if e.unlimited {
		return next
	}
	if i := len(e.recent) - e.limit.Burst; i >= 0 {
		next = later(next, e.countedAll(i+1, now).Add(time.Second))
	}
	if i := len(e.recent) - e.limit.Steady; i >= 0 {
		next = later(next, e.countedAll(i+1, now).Add(time.Minute))
	}
	if e.quota.remaining <= 0 {
		next = later(next, e.quota.resets)
	}
	return next
}

func (e *endpoint) trim() {
	for len(e.recent) > e.limit.Steady {
		e.recent[0] = nil
		e.recent = e.recent[1:]
	}
}

func (e *endpoint) wakeFirst() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// mergeInto hands what was sent, what was learned, and the requests that wait
// over to the endpoint of the account.
func (e *endpoint) mergeInto(target *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	target.mu.Lock()
	defer target.mu.Unlock()
	if target.quota.sent == 0 {
		target.quota = e.quota
	} else {
		for _, s := range e.recent {
			s.number = 0
		}
	}
	now := target.clock.Now()
	target.recent = append(target.recent, e.recent...)
	slices.SortStableFunc(target.recent, func(a, b *Slot) int { return a.departure(now).Compare(b.departure(now)) })
	target.trim()
	target.blocked = later(target.blocked, e.blocked)
	target.limited = target.limited || e.limited
	target.unlimited = !target.limited && (target.unlimited || e.unlimited)
	e.mergedInto, e.recent = target, nil
	e.wakeFirst()
	target.wakeFirst()
}

// lock locks the endpoint that counts the slot now.
func (s *Slot) lock() *endpoint {
	e := s.endpoint
	for {
		e.mu.Lock()
		mergedInto := e.mergedInto
		if mergedInto == nil {
			return e
		}
		e.mu.Unlock()
		e = mergedInto
	}
}

// Sent notes that the request has a connection and leaves. A second time, on
// another connection, it counts from then.
func (s *Slot) Sent() {
	e := s.lock()
	defer e.mu.Unlock()
	s.sentAt, s.flushedAt = e.clock.Now(), time.Time{}
	e.wakeFirst()
}

// Flushed notes that all of the request has left.
func (s *Slot) Flushed() {
	e := s.lock()
	defer e.mu.Unlock()
	s.flushedAt = e.clock.Now()
	e.wakeFirst()
}

// Answer is what came of a request. The zero value means no answer at all.
type Answer struct {
	Header     http.Header   // nil without an answer
	OK         bool          // the request succeeded
	Throttled  bool          // the request was refused with status 429
	RetryAfter time.Duration // how long to wait after a 429, 0 if it did not say
}

// MaxRetryAfter is the longest Retry-After that is obeyed. Klaviyo's windows are
// a second and a minute; only daily limits ask for more, and an error now is
// better than an answer tomorrow.
const MaxRetryAfter = 5 * time.Minute

// Done ends a slot with the answer to its request.
func (s *Slot) Done(answer Answer) {
	e := s.lock()
	defer e.mu.Unlock()
	defer e.wakeFirst()
	now := e.clock.Now()
	switch {
	case answer.Header != nil:
		s.sentAt = s.departure(now)
		if s.flushedAt.IsZero() { // the answer did not wait for the end
			s.flushedAt = now
		}
		s.answered, s.took = true, now.Sub(s.flushedAt)
	case s.sentAt.IsZero():
		e.giveBack(s)
	case s.flushedAt.IsZero():
		s.flushedAt = now // no more of it will leave
	}
	e.learn(s, answer, now)
}

// giveBack forgets a slot whose request never left.
func (e *endpoint) giveBack(s *Slot) {
	if i := slices.Index(e.recent, s); i >= 0 {
		e.recent = slices.Delete(e.recent, i, i+1)
	}
	if s.number > e.quota.lastSeen {
		e.quota.remaining++
	}
}

// learn takes from an answer what it says about limits.
func (e *endpoint) learn(s *Slot, answer Answer, now time.Time) {
	switch {
	case answer.Throttled || tellsLimits(answer.Header):
		e.limited, e.unlimited = true, false
	case answer.OK:
		e.unlimited = !e.limited
	}
	if wait := answer.RetryAfter; answer.Throttled && wait > 0 && wait <= MaxRetryAfter {
		e.blocked = later(e.blocked, now.Add(wait+minMargin))
	}
	remaining, reset, ok := parseRemaining(answer.Header)
	if ok && s.number > e.quota.lastSeen {
		// What was sent after this request is not yet in the number.
		e.quota.lastSeen = s.number
		e.quota.remaining = remaining - (e.quota.sent - s.number)
		e.quota.resets = now.Add(reset + minMargin)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
