package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// limit is how many requests an account may send to one endpoint; 0 is no limit.
type limit struct {
	burst, steady, daily int // per second, per minute, per day
}

// Klaviyo's tiers, as the contract assigns them to the endpoints.
var (
	extraSmall = limit{burst: 1, steady: 15}
	small      = limit{burst: 3, steady: 60}
	medium     = limit{burst: 10, steady: 150}
	large      = limit{burst: 75, steady: 750}
	listCreate = limit{burst: 10, steady: 150, daily: 150}
)

// windowState is a fixed window. It opens with the first request in it, as a
// counter that expires does, not on the full second or minute.
type windowState struct {
	length time.Duration
	limit  int
	used   int
	opened time.Time
	now    time.Time
}

func (w *windowState) advance(now time.Time) {
	if w.used == 0 || now.Sub(w.opened) >= w.length || now.Before(w.opened) {
		w.opened, w.used = now, 0
	}
	w.now = now
}

func (w *windowState) full() bool { return w.used >= w.limit }

// reset is how many seconds the window stays open, rounded up.
func (w *windowState) reset() int {
	left := w.length - w.now.Sub(w.opened)
	return max(1, int((left+time.Second-1)/time.Second))
}

func (w *windowState) describe(header http.Header) {
	header.Set("RateLimit-Limit", strconv.Itoa(w.limit))
	header.Set("RateLimit-Remaining", strconv.Itoa(w.limit-w.used))
	header.Set("RateLimit-Reset", strconv.Itoa(w.reset()))
}

// meter holds the windows of one endpoint of one account.
type meter struct {
	burst, steady, daily windowState
}

func newMeter(l limit) *meter {
	return &meter{
		burst:  windowState{length: time.Second, limit: l.burst},
		steady: windowState{length: time.Minute, limit: l.steady},
		daily:  windowState{length: 24 * time.Hour, limit: l.daily},
	}
}

// admit counts a request, or returns how long to wait when a window is full.
// A refused request is not counted.
func (m *meter) admit(now time.Time) (wait int) {
	windows := []*windowState{&m.burst, &m.steady}
	if m.daily.limit > 0 {
		windows = append(windows, &m.daily)
	}
	for _, w := range windows {
		w.advance(now)
		if w.full() {
			wait = max(wait, w.reset())
		}
	}
	if wait > 0 {
		return wait
	}
	for _, w := range windows {
		w.used++
	}
	return 0
}

func (x *exchange) checkLimits() *response {
	if !x.server.options.RateLimits {
		return nil
	}
	name, allowed := x.operation.method+" "+x.operation.path, x.operation.limit
	if x.operation.counted != nil && x.request.URL.Query().Get("additional-fields[list]") != "" {
		name, allowed = name+" counted", *x.operation.counted
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	m := x.account.meters[name]
	if m == nil {
		m = newMeter(allowed)
		x.account.meters[name] = m
	}
	wait := m.admit(x.server.options.Now()) // after the body, as a gateway that buffers it does
	steady := m.steady
	x.steady = &steady
	if wait == 0 {
		return nil
	}
	x.server.throttled++
	answer := refuse(newProblem(http.StatusTooManyRequests, "throttled", "Request was throttled.",
		fmt.Sprintf("Request was throttled. Expected available in %d seconds.", wait)))
	answer.header.Set("Retry-After", strconv.Itoa(wait))
	return &answer
}

// Throttled is how many requests were answered 429, injected faults aside.
func (s *Server) Throttled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.throttled
}
