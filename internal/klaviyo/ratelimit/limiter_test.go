package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

const imports = "bulk_import_profiles" // 10 a second, 150 a minute

// limits are those of some of Klaviyo's endpoints.
var limits = map[string]Limit{
	imports:                       {Burst: 10, Steady: 150},
	"get_accounts":                {Burst: 1, Steady: 15},
	"get_flows_triggered_by_list": {Burst: 3, Steady: 60},
	"get_lists":                   {Burst: 75, Steady: 750},
	"get_profiles":                {Burst: 75, Steady: 750},
}

// window is a fixed window at the server, of an unknown phase.
type window struct {
	length time.Duration
	limit  int
	number int64
	used   int
}

func (w *window) admit(now time.Duration) bool {
	if number := int64(now / w.length); number != w.number {
		w.number, w.used = number, 0
	}
	w.used++
	return w.used <= w.limit
}

// klaviyoModel is one endpoint of one account, exactly as Klaviyo counts.
type klaviyoModel struct {
	mu            sync.Mutex
	began         time.Time
	burst, steady window
	arrivals      []time.Time
	refused       int
}

func newModel(l Limit, phase time.Duration) *klaviyoModel {
	return &klaviyoModel{
		began: time.Now().Add(-phase),
		burst: window{length: time.Second, limit: l.Burst, number: -1}, steady: window{length: time.Minute, limit: l.Steady, number: -1},
	}
}

// arrive counts a request and answers with the headers of the steady window.
func (m *klaviyoModel) arrive() http.Header {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.began)
	m.arrivals = append(m.arrivals, time.Now())
	if a, b := m.burst.admit(now), m.steady.admit(now); !a || !b {
		m.refused++
	}
	left := time.Minute - now%time.Minute
	return limitHeader(max(0, m.steady.limit-m.steady.used), int((left+time.Second-1)/time.Second))
}

// mostWithin is the largest number of arrivals that a window of a length could
// have seen, wherever it began.
func (m *klaviyoModel) mostWithin(length time.Duration) int {
	most, first := 0, 0
	for i, at := range m.arrivals {
		for at.Sub(m.arrivals[first]) >= length {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func limitHeader(remaining, reset int) http.Header {
	h := http.Header{}
	h.Set(headerLimit, "1")
	h.Set(HeaderRemaining, strconv.Itoa(remaining))
	h.Set(headerReset, strconv.Itoa(reset))
	return h
}

// Nobody is refused who is alone, and the allowance is used in full.
func TestLimiterAlone(t *testing.T) {
	t.Parallel()
	for name, requests := range map[string]int{
		imports: 2000, "get_profiles": 5000, "get_accounts": 61, "get_flows_triggered_by_list": 300,
	} {
		for _, phase := range []time.Duration{0, 250 * time.Millisecond, 999 * time.Millisecond, 31300 * time.Millisecond, 59900 * time.Millisecond} {
			for _, latency := range []time.Duration{0, 40 * time.Millisecond, 900 * time.Millisecond} {
				t.Run(fmt.Sprint(name, " ", phase, " ", latency), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { alone(t, name, requests, phase, latency) })
				})
			}
		}
	}
}

// Answers that take long now and then hold nobody else back.
func TestLimiterUnevenAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const requests, senders = 100, 10
		l, model := New(wait.System{}), newModel(limits[imports], 0)
		began := time.Now()
		work := make(chan time.Duration)
		var workers sync.WaitGroup
		for range senders {
			workers.Go(func() {
				for answer := range work {
					s, err := l.Acquire(t.Context(), imports, limits[imports])
					if err != nil {
						t.Error(err)
						continue
					}
					s.Sent()
					s.Flushed()
					time.Sleep(20 * time.Millisecond)
					header := model.arrive()
					time.Sleep(answer)
					s.Done(succeeded(header))
				}
			})
		}
		var sum time.Duration
		for i := range requests {
			answer := time.Duration(300+300*(i*7%5)) * time.Millisecond
			sum += answer
			work <- answer
		}
		close(work)
		workers.Wait()
		if model.refused > 0 {
			t.Errorf("%d requests refused", model.refused)
		}
		if took, alone := time.Since(began), sum/senders; took > alone*8/5 {
			t.Errorf("took %v; without limits it would be %v", took, alone)
		}
	})
}

func alone(t *testing.T, name string, requests int, phase, latency time.Duration) {
	l, model := New(wait.System{}), newModel(limits[name], phase)
	began := time.Now()
	work, idle := make(chan struct{}), make(chan struct{}, 100)
	var workers sync.WaitGroup
	for range 100 {
		workers.Go(func() {
			for range work {
				s, err := l.Acquire(t.Context(), name, limits[name])
				if err != nil {
					t.Error(err)
					continue
				}
				select {
				case <-idle:
				default: // the first request of a connection takes longer
					time.Sleep(2 * latency)
				}
				s.Sent()
				s.Flushed()
				time.Sleep(latency/2 + rand.N(20*time.Millisecond))
				header := model.arrive()
				time.Sleep(latency / 2)
				s.Done(succeeded(header))
				idle <- struct{}{}
			}
		})
	}
	for range requests {
		work <- struct{}{}
	}
	close(work)
	workers.Wait()
	if model.refused > 0 {
		t.Errorf("%d requests refused", model.refused)
	}
	if second, minute := model.mostWithin(time.Second), model.mostWithin(time.Minute); second > limits[name].Burst || minute > limits[name].Steady {
		t.Errorf("%d requests within a second, %d within a minute", second, minute)
	}
	floor := limits[name].MinDuration(int64(requests))
	if took, most := time.Since(began), floor+floor/20+3*latency+50*time.Millisecond; took > most {
		t.Errorf("took %v, floor %v", took, floor)
	}
}

// acquired takes a slot and reports after how long it was there.
func acquired(t *testing.T, l *Limiter, name string) (*Slot, time.Duration) {
	t.Helper()
	began := time.Now()
	s, err := l.Acquire(t.Context(), name, limits[name])
	if err != nil {
		t.Fatal(err)
	}
	return s, time.Since(began)
}

// fill sends so many requests, of which none may wait.
func fill(t *testing.T, l *Limiter, name string, requests int, header http.Header) {
	t.Helper()
	for range requests {
		s, waited := acquired(t, l, name)
		if waited > 0 {
			t.Fatalf("waited %v", waited)
		}
		answer(s, header)
	}
}

// answer lets a request leave and be answered at once.
func answer(s *Slot, header http.Header) {
	s.Sent()
	s.Flushed()
	s.Done(succeeded(header))
}

func wantWait(t *testing.T, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+2*minMargin {
		t.Errorf("waited %v, want %v", got, want)
	}
}

func TestLimiterIsFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		var order []int
		for i := range 15 {
			go func() {
				s, _ := acquired(t, l, "get_accounts") // one a second
				order = append(order, i)
				s.Sent()
				s.Done(succeeded(limitHeader(100, 60)))
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(order) != 15 || !slices.IsSorted(order) {
			t.Errorf("served in the order %v", order)
		}
	})
}

func TestLimiterWaitsOnTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		fill(t, l, "get_accounts", 1, limitHeader(14, 60))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		for range 3 { // one is next, the others wait for their turn
			go func() {
				began := time.Now()
				s, err := l.Acquire(ctx, "get_accounts", limits["get_accounts"])
				if s != nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 500*time.Millisecond {
					t.Errorf("slot %v, error %v after %v", s, err, time.Since(began))
				}
			}()
		}
		synctest.Wait()
		_, waited := acquired(t, l, "get_accounts")
		wantWait(t, waited, time.Second)
		cancel()
		if s, err := New(wait.System{}).Acquire(ctx, imports, limits[imports]); s != nil || err == nil {
			t.Errorf("slot %v, error %v for who has given up before", s, err)
		}
	})
}

func TestLimiterCountsFromTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		first, _ := acquired(t, l, "get_accounts")
		time.AfterFunc(10*time.Second, func() { answer(first, limitHeader(14, 60)) })
		_, waited := acquired(t, l, "get_accounts")
		wantWait(t, waited, 11*time.Second)
	})
}

// A request that is still leaving may be counted as late as it is written, or
// later: by as much as answers differ.
func TestLimiterCountsFromTheEndOfTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		first, _ := acquired(t, l, "get_accounts")
		first.Sent()
		time.AfterFunc(3*time.Second, first.Flushed)
		second, waited := acquired(t, l, "get_accounts")
		if want := 4*time.Second + unknownMargin; waited != want {
			t.Errorf("waited %v, want %v", waited, want)
		}
		second.Sent()
		second.Flushed()
		time.Sleep(200 * time.Millisecond)
		first.Done(succeeded(limitHeader(14, 60)))  // after 1.3 s
		second.Done(succeeded(limitHeader(13, 60))) // after 0.2 s, so it may have been counted right away
		third, waited := acquired(t, l, "get_accounts")
		wantWait(t, waited, 800*time.Millisecond)
		third.Sent()
		third.Flushed()
		began := time.Now()
		fourth, _ := acquired(t, l, "get_accounts")
		if got, want := time.Since(began), time.Second+maxMargin; got != want {
			t.Errorf("waited %v, want %v: answers differ by more than is waited for", got, want)
		}
		time.AfterFunc(time.Hour, fourth.Sent) // it is stuck
		_, waited = acquired(t, l, "get_accounts")
		if want := maxInFlight + time.Second; waited != want {
			t.Errorf("waited %v, want %v", waited, want)
		}
	})
}

// What never left takes nothing from the allowance.
func TestLimiterGivesBackWhatWasNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		fill(t, l, imports, 1, limitHeader(9, 60))
		for range 200 {
			s, waited := acquired(t, l, imports)
			wantWait(t, waited, 0)
			s.Done(Answer{})
		}
		fill(t, l, imports, 9, http.Header{})
	})
}

func TestLimiterLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		fill(t, l, imports, 3, limitHeader(4, 20)) // three more after what the third was told
		_, _ = acquired(t, l, imports)
		fill(t, l, imports, 1, nil)
		early, _ := acquired(t, l, imports)
		late, _ := acquired(t, l, imports)
		late.Done(succeeded(limitHeader(0, 20)))
		early.Done(succeeded(limitHeader(100, 20))) // overtaken: it tells of an earlier moment
		_, waited := acquired(t, l, imports)
		wantWait(t, waited, 20*time.Second)
	})
}

// An answer that comes while somebody waits for the end of the window counts.
func TestLimiterHearsNewsWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		s, _ := acquired(t, l, imports)
		fill(t, l, imports, 1, limitHeader(0, 50))
		last := &Slot{endpoint: s.endpoint, number: 3}
		time.AfterFunc(time.Second, func() { last.Done(succeeded(limitHeader(5, 50))) })
		_, waited := acquired(t, l, imports)
		wantWait(t, waited, time.Second)
	})
}

// succeeded is the answer to a request that went well.
func succeeded(header http.Header) Answer { return Answer{Header: header, OK: header != nil} }

func throttled(wait time.Duration) Answer {
	return Answer{Header: http.Header{}, Throttled: true, RetryAfter: wait}
}

func TestThrottlingBlocksTheEndpointForAll(t *testing.T) {
	t.Parallel()
	for retryAfter, want := range map[time.Duration]time.Duration{
		17 * time.Second: 17 * time.Second,
		0:                0, // not said; the caller backs off by itself
		10 * time.Hour:   0, // a daily limit, which is an error for each caller
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(wait.System{})
			s, _ := acquired(t, l, imports)
			s.Done(throttled(retryAfter))
			_, waited := acquired(t, l, "get_lists")
			wantWait(t, waited, 0)
			for range 9 {
				go func() {
					_, waited := acquired(t, l, imports)
					wantWait(t, waited, want)
				}()
			}
			synctest.Wait()
			time.Sleep(time.Minute)
		})
	}
}

func TestMalformedHeadersTellNothing(t *testing.T) {
	t.Parallel()
	for _, values := range [][2]string{
		{"", ""}, {"0", ""}, {"", "30"}, {"0", "x"}, {"x", "30"}, {"-1", "30"}, {"0", "-30"}, {"0.0", "30"}, {"0", "1795413600"}, {"0", "99999999999999999999"}, {"0;w=60", "30"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, header := New(wait.System{}), http.Header{}
			header.Set(HeaderRemaining, values[0])
			header.Set(headerReset, values[1])
			header.Set(headerLimit, "many")
			fill(t, l, imports, 10, header)
			_, waited := acquired(t, l, imports) // still paced, and no more than that
			wantWait(t, waited, time.Second)
		})
	}
}

// A server that shows no limits has none, until it shows some.
func TestLimiterPacesOnlyWhereThereAreLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(wait.System{})
		answered := func(answer Answer) time.Duration {
			s, waited := acquired(t, l, imports)
			s.Sent()
			s.Done(answer)
			return waited
		}
		for range 9 {
			answered(Answer{Header: http.Header{}}) // shows nothing
		}
		answered(Answer{})
		waiting := make(chan time.Duration)
		go func() { waiting <- answered(succeeded(http.Header{})) }()
		wantWait(t, <-waiting, time.Second)
		for range 500 {
			wantWait(t, answered(succeeded(http.Header{})), 0)
		}
		wantWait(t, answered(throttled(0)), 0)
		wantWait(t, answered(succeeded(http.Header{})), time.Minute) // paced again, and nothing was forgotten
		time.Sleep(2 * time.Minute)
		for range 10 {
			wantWait(t, answered(succeeded(http.Header{})), 0)
		}
		wantWait(t, answered(succeeded(http.Header{})), time.Second) // a missing header is no news any more
	})
}

// account is one that the process forgets after the test.
func account(t *testing.T, id string) Account {
	at := Account{BaseURL: "https://" + t.Name(), ID: id}
	t.Cleanup(func() {
		accounts.mu.Lock()
		defer accounts.mu.Unlock()
		maps.DeleteFunc(accounts.limiters, func(key timed, _ *Limiter) bool { return key.Account == at })
	})
	return at
}

// stoppedClock never waits.
type stoppedClock struct{ now time.Time }

func (c *stoppedClock) Now() time.Time { return c.now }

func (c *stoppedClock) Wait(_ context.Context, d time.Duration, _ <-chan struct{}) error {
	c.now = c.now.Add(d)
	return nil
}

// A limiter with another clock does not wait by that of the account's others.
func TestLimiterIsSharedByClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := account(t, "AbC123")
		a, b := New(wait.System{}), New(&stoppedClock{time.Now()})
		a.Join(at)
		b.Join(at)
		began := time.Now()
		fill(t, b, imports, 40, limitHeader(100, 60))
		if took := time.Since(began); took > 0 {
			t.Errorf("it waited %v", took)
		}
	})
}

func TestLimiterIsSharedByTheAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := account(t, "AbC123")
		a, b, other := New(wait.System{}), New(wait.System{}), New(wait.System{})
		fill(t, a, imports, 4, limitHeader(100, 60))
		fill(t, b, imports, 4, limitHeader(100, 60))
		connecting, _ := acquired(t, b, imports)
		a.Join(at)
		b.Join(at)
		other.Join(account(t, "XyZ789"))
		fill(t, a, imports, 1, limitHeader(100, 60))
		fill(t, other, imports, 10, limitHeader(100, 60))
		time.Sleep(500 * time.Millisecond)
		connecting.Sent()
		connecting.Done(succeeded(limitHeader(100, 60)))
		waits := make(chan time.Duration, 20)
		var callers sync.WaitGroup
		for _, l := range []*Limiter{a, b} {
			for range 10 {
				callers.Go(func() {
					s, waited := acquired(t, l, imports)
					answer(s, limitHeader(100, 60))
					waits <- waited
				})
			}
		}
		callers.Wait()
		close(waits)
		// Eight left at the beginning, then one that took half a second to
		// connect, and one that was let go after that.
		sorted := slices.Sorted(seq(waits))
		wantWait(t, sorted[7], 500*time.Millisecond)
		wantWait(t, sorted[8], time.Second)
		wantWait(t, sorted[17], 1500*time.Millisecond)
		wantWait(t, sorted[18], 2*time.Second)
	})
}

// Who waits when the account becomes known goes on waiting, with all others.
func TestLimiterMovesWhoWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := account(t, "AbC123")
		a, b := New(wait.System{}), New(wait.System{})
		a.Join(at)
		fill(t, b, "get_accounts", 1, limitHeader(14, 60))
		waits := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				s, waited := acquired(t, b, "get_accounts")
				answer(s, limitHeader(14, 60))
				waits <- waited
			}()
		}
		time.Sleep(500 * time.Millisecond)
		fill(t, a, "get_accounts", 1, limitHeader(14, 60))
		b.Join(at)
		wantWait(t, <-waits, 1500*time.Millisecond)
		wantWait(t, <-waits, 2500*time.Millisecond)
	})
}

func seq[T any](c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range c {
			if !yield(v) {
				return
			}
		}
	}
}
