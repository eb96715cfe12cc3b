package klaviyo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// passing are the ways a request goes wrong that may be right the next time.
func passing() map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{
		"429":                       problem(429, "throttled", "Request was throttled.", ""),
		"429 with HTML":             html(429),
		"connection dropped":        drop,
		"HTML for 200":              html(200),
		"truncated 200":             truncate(200, `{"data":{"id":"Y6nRLr"`),
		"truncated 500":             truncate(500, `{"errors":[`),
		"200 that ends early":       answer(200, `{"data":{"id":"Y6n`),
		"200 without a body":        answer(200, ""),
		"not HTTP":                  raw("SSH-2.0-OpenSSH_9.6\r\n"),
		"an attempt that hangs":     hang,
		"a body that hangs":         func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200); w.(http.Flusher).Flush(); hang(w, r) },
		"a list in place of object": answer(200, `[]`),
		"no data":                   answer(200, `{}`),
		"data that is null":         answer(200, `{"data":null}`),
		"data without an id":        answer(200, `{"data":{"type":"list","attributes":{}}}`),
		"null":                      answer(200, `null`),
		"something else":            answer(200, `{"message":"Welcome to the portal."}`),
		"400 with HTML":             html(400),
		"404 with HTML":             html(404),
		"425":                       problem(425, "too_early", "Too early.", ""),
	}
	for _, status := range []int{408, 500, 502, 503, 504, 520} {
		all[fmt.Sprint(status)] = problem(status, "error", "An error.", "")
		all[fmt.Sprint(status, " with HTML")] = html(status)
	}
	return all
}

// hangsFor are options with a short timeout for a fault that hangs, and only for it.
func hangsFor(fault string) (o klaviyo.Options) {
	if strings.Contains(fault, "hangs") {
		o.Timeout = 2 * time.Second
	}
	return o
}

func TestIdempotentCallsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, operation := range []string{"List", "ImportJob", "UpdateList"} {
				a := serve(t, hangsFor(name), fault, fault, document)
				if err := calls()[operation].do(t.Context(), a.Client); err != nil {
					t.Errorf("%s: %v", operation, err)
				}
				requests := a.received()
				for _, r := range requests {
					if r.body != requests[0].body || r.length != int64(len(r.body)) {
						t.Errorf("%s: body %q, then %q", operation, requests[0].body, r.body)
					}
				}
				if len(requests) != 3 || len(a.waited()) != 2 {
					t.Errorf("%s: %d requests, %d waits", operation, len(requests), len(a.waited()))
				}
			}
		})
	}
}

func TestFinalAnswersAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 409, 410, 413, 415, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			faults := []http.HandlerFunc{problem(status, "x", "y", "")}
			if status != 400 && status != 404 {
				faults = append(faults, html(status))
			}
			for _, fault := range faults {
				a := serve(t, klaviyo.Options{}, fault)
				_, err := a.List(t.Context(), "x")
				if klaviyo.StatusOf(err) != status || strings.Contains(err.Error(), "gave up") {
					t.Errorf("error %v", err)
				}
				a.only(t)
			}
		})
	}
}

func TestCreateListIsRepeatedOnlyWhenNothingWasDone(t *testing.T) {
	t.Parallel()
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := 1
			if strings.HasPrefix(name, "429") || name == "425" {
				want = 3
			}
			a := serve(t, hangsFor(name), fault, fault, answer(201, listBody))
			list, err := a.CreateList(t.Context(), klaviyo.List{Name: "VIP"})
			if got := len(a.received()); got != want {
				t.Errorf("%d requests, want %d", got, want)
			}
			if (err == nil) != (want == 3) || err == nil && list.ID != "Y6nRLr" {
				t.Errorf("list %+v, error %v", list, err)
			}
		})
	}
}

func TestCreateListIsRepeatedAfterAFailedDial(t *testing.T) {
	t.Parallel()
	var note api
	c := client(t, "http://127.0.0.1:1", klaviyo.Options{}, &note)
	_, err := c.CreateList(t.Context(), klaviyo.List{Name: "VIP"})
	var transport *klaviyo.TransportError
	if !errors.As(err, &transport) || transport.Operation != "create_list" || !strings.Contains(err.Error(), "gave up after ") {
		t.Errorf("error %v", err)
	}
	if waits := note.waited(); len(waits) < 2 {
		t.Errorf("waits %v", waits)
	}
}

// total is how long all waits of a client took.
func (a *api) total() (total time.Duration) {
	for _, wait := range a.waited() {
		total += wait
	}
	return total
}

func TestRetriesAreBoundedInTime(t *testing.T) {
	t.Parallel()
	for timeout, most := range map[time.Duration]time.Duration{
		0: klaviyo.DefaultRetryTimeout, 10 * time.Second: 10 * time.Second, 20 * time.Minute: 20 * time.Minute, -1: 0, -9: 0,
	} {
		t.Run(fmt.Sprint(timeout), func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{RetryTimeout: timeout}, html(503))
			began := time.Now()
			_, err := a.List(t.Context(), "x")
			if total := a.total(); total > most || total < most-time.Second-time.Since(began) || klaviyo.StatusOf(err) != 503 {
				t.Errorf("gave up after %v of %v: %v", total, most, err)
			}
			text, n := fmt.Sprint(err), len(a.received())
			if n == 1 != (most == 0) || n > 1 && !regexp.MustCompile(fmt.Sprintf(`^gave up after %d attempts in ([0-9]+m)?([0-9]+s)?: get_list: 503`, n)).MatchString(text) {
				t.Errorf("%d requests, error %q", n, text)
			}
			if n == 1 && strings.Contains(text, "attempt") {
				t.Errorf("error %q is no English", text)
			}
		})
	}
}

// A server may be started anew, or Klaviyo be down for a minute.
func TestAMinuteOfFailuresIsSurvived(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if up.Load() {
			document(w, r)
			return
		}
		html(503)(w, r)
	})
	total := time.Duration(0)
	a.SetSleep(func(_ context.Context, d time.Duration) error {
		total += d
		up.Store(total > time.Minute)
		return nil
	})
	if _, err := a.ImportProfiles(t.Context(), "x", []byte("{}")); err != nil || total < time.Minute {
		t.Errorf("after %v: %v", total, err)
	}
}

// A network that is not there is not waited for as long as a Klaviyo that has an
// error of its own.
func TestNoAnswerAtAllIsNotRepeatedForLong(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{"dropped": drop, "not Klaviyo": html(200), "not HTTP": raw("SSH-2.0-OpenSSH_9.6\r\n")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, fault)
			if _, err := a.List(t.Context(), "x"); err == nil || len(a.waited()) < 3 || a.total() > 20*time.Second {
				t.Errorf("%d waits, %v in all: %v", len(a.waited()), a.total(), err)
			}
			a = serve(t, klaviyo.Options{}, answer(200, listBody), fault)
			if _, err := a.List(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			if _, err := a.List(t.Context(), "x"); err == nil || a.total() < 4*time.Minute {
				t.Errorf("Klaviyo has answered before; %v waited: %v", a.total(), err)
			}
			a = serve(t, klaviyo.Options{}, html(503), fault)
			if _, err := a.List(t.Context(), "x"); err == nil || a.total() < 4*time.Minute {
				t.Errorf("something has answered before; %v waited: %v", a.total(), err)
			}
		})
	}
}

// Where one request has used up its time, those that follow do not wait as long,
// until Klaviyo answers.
func TestOnlyTheFirstRequestWaitsForLong(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			problem(503, "down", "Down.", "")(w, r)
			return
		}
		problem(404, "not_found", "No.", "")(w, r)
	})
	list := func(least, most time.Duration, status int) {
		t.Helper()
		before := a.total()
		_, err := a.List(t.Context(), "x")
		if took := a.total() - before; took < least || took > most || klaviyo.StatusOf(err) != status {
			t.Errorf("took %v, not between %v and %v: %v", took, least, most, err)
		}
	}
	list(4*time.Minute, 5*time.Minute, 503)
	list(time.Millisecond, 5*time.Second, 503)
	list(time.Millisecond, 5*time.Second, 503)
	down.Store(false)
	list(0, 0, 404)
	down.Store(true)
	list(4*time.Minute, 5*time.Minute, 503)
}

// Waiting for the limits, as others use them, is not what the time for failures
// is for.
func TestWaitingForLimitsIsNotCounted(t *testing.T) {
	t.Parallel()
	throttled := answer(429, "{}", "Retry-After", "60")
	answers := slices.Concat([]http.HandlerFunc{html(503)}, slices.Repeat([]http.HandlerFunc{throttled}, 6), []http.HandlerFunc{html(503), answer(200, listBody)})
	a := serve(t, klaviyo.Options{}, answers...)
	if _, err := a.List(t.Context(), "x"); err != nil || a.total() < 6*time.Minute {
		t.Errorf("after %v: %v", a.total(), err)
	}
}

// A wrong base URL looks like this, and whoever has it does not want to wait.
func TestOddAnswersAreRepeatedAFewTimes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404} {
		a := serve(t, klaviyo.Options{}, html(status))
		_, err := a.List(t.Context(), "x")
		if got := len(a.received()); got != 4 || klaviyo.StatusOf(err) != status || klaviyo.IsNotFound(err) {
			t.Errorf("%d requests, error %v", got, err)
		}
	}
}

// Whoever is throttled waits for his turn, in windows of a minute, and has not
// failed by that.
func TestBeingThrottledIsNoFailure(t *testing.T) {
	t.Parallel()
	throttled := answer(429, "{}", "Retry-After", "1")
	answers := slices.Repeat([]http.HandlerFunc{throttled}, 8)
	a := serve(t, klaviyo.Options{}, append(answers, html(503), html(503), answer(200, listBody))...)
	if _, err := a.List(t.Context(), "x"); err != nil {
		t.Errorf("error %v", err)
	}
	for i, wait := range a.waited()[:8] {
		if wait > 3*time.Second+time.Millisecond {
			t.Errorf("the wait after 429 number %d is %v", i+1, wait)
		}
	}
	a = serve(t, klaviyo.Options{}, answer(429, "{}", "Retry-After", "20"))
	if _, err := a.List(t.Context(), "x"); klaviyo.StatusOf(err) != 429 || a.total() < 8*time.Minute || a.total() > 9*time.Minute {
		t.Errorf("%d requests, %v waited, error %v", len(a.received()), a.total(), err)
	}
}

// Eight windows are waited for, more if failures are. Where nobody says how long
// to wait, the time is counted as for any other failure.
func TestPatienceOfBeingThrottled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		timeout  time.Duration
		throttle http.HandlerFunc
		answers  int // 429, before the right one
		requests int
		ok       bool
	}{
		"a minute":             {time.Second, answer(429, "{}", "Retry-After", "60"), 1, 2, true},
		"ten minutes":          {0, answer(429, "{}", "Retry-After", "60"), 10, 9, false},
		"ten minutes, an hour": {time.Hour, answer(429, "{}", "Retry-After", "60"), 10, 11, true},
		"a minute, none":       {-1, answer(429, "{}", "Retry-After", "60"), 1, 1, false},
		"no time":              {0, answer(429, "{}"), 2, 3, true},
		"no time, none":        {-1, answer(429, "{}"), 2, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := append(slices.Repeat([]http.HandlerFunc{tc.throttle}, tc.answers), answer(200, listBody))
			a := serve(t, klaviyo.Options{RetryTimeout: tc.timeout}, answers...)
			_, err := a.List(t.Context(), "x")
			if got := len(a.received()); got != tc.requests || (err == nil) != tc.ok {
				t.Errorf("%d requests, error %v", got, err)
			}
		})
	}
}

// Whether an attempt may have been carried out is said of the request as a
// whole, however it ends.
func TestMayHaveArrived(t *testing.T) {
	t.Parallel()
	unauthorized := problem(401, "x", "y", "")
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		want    bool
	}{
		"refused":             {[]http.HandlerFunc{unauthorized}, false},
		"throttled":           {[]http.HandlerFunc{answer(429, "{}", "Retry-After", "0"), unauthorized}, false},
		"lost, then refused":  {[]http.HandlerFunc{drop, unauthorized}, true},
		"503, then refused":   {[]http.HandlerFunc{html(503), unauthorized}, true},
		"408, then throttled": {[]http.HandlerFunc{html(408), answer(429, "{}", "Retry-After", "900")}, true},
		"lost":                {[]http.HandlerFunc{drop}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := serve(t, klaviyo.Options{}, tc.answers...).ImportProfiles(t.Context(), "x", []byte("{}"))
			if got := klaviyo.MayHaveArrived(err); err == nil || got != tc.want {
				t.Errorf("error %v: %v", err, got)
			}
		})
	}
	if _, err := serve(t, klaviyo.Options{}, document).ImportJob(t.Context(), ".."); err == nil || klaviyo.MayHaveArrived(err) {
		t.Errorf("a request that was never made may have arrived: %v", err)
	}
	if klaviyo.MayHaveArrived(nil) || klaviyo.MayHaveArrived(errors.New("x")) {
		t.Error("other errors may have arrived")
	}
}

// A server that wants to be asked again at once is not asked all the time.
func TestWaitsGrowWhateverIsAskedFor(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, answer(503, "{}", "Retry-After", "0"))
	if _, err := a.List(t.Context(), "x"); err == nil {
		t.Fatal("no error")
	}
	if n := len(a.waited()); n > 100 || a.total() < 4*time.Minute {
		t.Errorf("%d waits within %v", n, a.total())
	}
}

// Longer waits than a window of the limits are not sat out.
func TestLongWaitsAreNotWaited(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]int{"300": 2, "301": 1} {
		a := serve(t, klaviyo.Options{}, answer(429, "{}", "Retry-After", after), answer(200, listBody))
		_, err := a.List(t.Context(), "x")
		if got := len(a.received()); got != want || (err == nil) != (want == 2) {
			t.Errorf("%s: %d requests, error %v", after, got, err)
		}
	}
}

// A date is one of the server's clock.
func TestRetryAfterADateOfTheServer(t *testing.T) {
	t.Parallel()
	ahead := time.Now().Add(3 * time.Hour).UTC()
	a := serve(t, klaviyo.Options{}, answer(503, "{}", "Date", ahead.Format(http.TimeFormat),
		"Retry-After", ahead.Add(10*time.Second).Format(http.TimeFormat)), answer(200, listBody))
	if _, err := a.List(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if waits := a.waited(); len(waits) != 1 || waits[0] < 9*time.Second || waits[0] > 11*time.Second {
		t.Errorf("waits %v", waits)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	const jitter = 251 * time.Millisecond
	for name, tc := range map[string]struct {
		status   int
		header   func() string
		min, max time.Duration
	}{
		"seconds":              {429, func() string { return "3" }, 3 * time.Second, 3*time.Second + jitter},
		"seconds, of a 503":    {503, func() string { return "7" }, 7 * time.Second, 7*time.Second + jitter},
		"white space":          {429, func() string { return " 2 " }, 2 * time.Second, 2*time.Second + jitter},
		"zero":                 {429, func() string { return "0" }, time.Millisecond, time.Millisecond + jitter},
		"date":                 {429, func() string { return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat) }, 15 * time.Second, 20*time.Second + jitter},
		"date that has passed": {429, func() string { return time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat) }, time.Millisecond, time.Millisecond + jitter},
		"missing":              {429, func() string { return "" }, time.Millisecond, 501 * time.Millisecond},
		"unreadable":           {429, func() string { return "soon" }, time.Millisecond, 501 * time.Millisecond},
		"negative":             {429, func() string { return "-5" }, time.Millisecond, 501 * time.Millisecond},
		"a 500":                {500, func() string { return "" }, time.Millisecond, 501 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault := answer(tc.status, "{}")
			if value := tc.header(); value != "" {
				fault = answer(tc.status, "{}", "Retry-After", value)
			}
			a := serve(t, klaviyo.Options{}, fault, document)
			if _, err := a.List(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			if waits := a.waited(); len(waits) != 1 || waits[0] < tc.min || waits[0] > tc.max {
				t.Errorf("waits %v, want between %v and %v", waits, tc.min, tc.max)
			}
		})
	}
}

func TestWaitsGrow(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{RetryTimeout: time.Hour}, html(500))
	if _, err := a.List(t.Context(), "x"); err == nil {
		t.Fatal("no error")
	}
	longest := 500 * time.Millisecond
	above := 0
	for i, wait := range a.waited() {
		if wait <= 0 || wait > longest+time.Millisecond {
			t.Errorf("wait %d is %v, longer than %v", i+1, wait, longest)
		}
		if wait > time.Second {
			above++
		}
		longest = min(2*longest, 30*time.Second)
	}
	if above < 10 {
		t.Errorf("of all waits %d are above a second", above)
	}
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	eachCall(t, func(t *testing.T, _ string, c call) {
		t.Run("before", func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, document)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := c.do(ctx, a.Client); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if got := a.received(); len(got) != 0 {
				t.Errorf("%d requests", len(got))
			}
		})
		t.Run("under way", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) {
				cancel()
				hang(w, r)
			})
			err := c.do(ctx, a.Client)
			var transport *klaviyo.TransportError
			if !errors.Is(err, context.Canceled) || errors.As(err, &transport) {
				t.Errorf("error %v", err)
			}
			a.only(t)
		})
		t.Run("with an error as answer", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			a := serve(t, klaviyo.Options{}, func(w http.ResponseWriter, r *http.Request) { html(503)(w, r) })
			a.SetSleep(func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() })
			if err := c.do(ctx, a.Client); !errors.Is(err, context.Canceled) && klaviyo.StatusOf(err) != 503 {
				t.Errorf("error %v", err)
			}
			a.only(t)
		})
		t.Run("deadline", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := c.do(ctx, serve(t, klaviyo.Options{}, hang).Client); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
	})
}

func TestCancellationEndsARealWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := serve(t, klaviyo.Options{}, answer(429, "{}", "Retry-After", "120"))
	c, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: a.url}) // one that really waits
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	started := time.Now()
	if _, err := c.List(ctx, "x"); !errors.Is(err, context.Canceled) || time.Since(started) > 5*time.Second {
		t.Errorf("error %v after %v", err, time.Since(started))
	}
}

func TestRealWait(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, answer(429, "{}", "Retry-After", "0"), answer(200, listBody))
	c, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: a.url})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func TestTimeoutOfAnAttemptIsNamed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{"no answer": hang, "half an answer": passing()["a body that hangs"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{Timeout: 40 * time.Millisecond, RetryTimeout: -1}, fault)
			_, err := a.List(t.Context(), "x")
			var transport *klaviyo.TransportError
			if !errors.As(err, &transport) || !strings.Contains(err.Error(), "get_list: no complete answer within 40ms") {
				t.Errorf("error %v", err)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v looks like a deadline of the caller's", err)
			}
		})
	}
}
