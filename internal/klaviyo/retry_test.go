package klaviyo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
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

func TestIdempotentCallsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, operation := range []string{"List", "ImportJob", "UpdateList"} {
				a := serve(t, klaviyo.Options{Timeout: 250 * time.Millisecond}, fault, fault, document)
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
			a := serve(t, klaviyo.Options{Timeout: 250 * time.Millisecond}, fault, fault, answer(201, listBody))
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var note api
	c := client(t, "http://"+address, klaviyo.Options{MaxRetries: 2}, &note)
	_, err = c.CreateList(t.Context(), klaviyo.List{Name: "VIP"})
	var transport *klaviyo.TransportError
	if !errors.As(err, &transport) || transport.Operation != "create_list" || !strings.Contains(err.Error(), "gave up after 3 attempts") {
		t.Errorf("error %v", err)
	}
	if waits := note.waited(); len(waits) != 2 {
		t.Errorf("waits %v", waits)
	}
}

func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]int{0: 1 + klaviyo.DefaultMaxRetries, 1: 2, 3: 4, -1: 1, -9: 1} {
		t.Run(fmt.Sprint(retries), func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{MaxRetries: retries}, html(503))
			_, err := a.List(t.Context(), "x")
			if got := len(a.received()); got != want || klaviyo.StatusOf(err) != 503 {
				t.Errorf("%d requests, want %d; error %v", got, want, err)
			}
			if text := fmt.Sprint(err); want > 1 && !strings.Contains(text, fmt.Sprintf("gave up after %d attempts: get_list: 503", want)) {
				t.Errorf("error %q", text)
			}
			if text := fmt.Sprint(err); strings.Contains(text, "1 attempts") {
				t.Errorf("error %q is no English", text)
			}
		})
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
	a := serve(t, klaviyo.Options{MaxRetries: 2}, append(answers, html(503), html(503), answer(200, listBody))...)
	if _, err := a.List(t.Context(), "x"); err != nil {
		t.Errorf("error %v", err)
	}
	for i, wait := range a.waited()[:8] {
		if wait > 3*time.Second+time.Millisecond {
			t.Errorf("the wait after 429 number %d is %v", i+1, wait)
		}
	}
	a = serve(t, klaviyo.Options{MaxRetries: 2}, answer(429, "{}", "Retry-After", "20"))
	_, err := a.List(t.Context(), "x")
	total := time.Duration(0)
	for _, wait := range a.waited() {
		total += wait
	}
	if got := len(a.received()); klaviyo.StatusOf(err) != 429 || got < 4 || got > 7 || total > 3*time.Minute {
		t.Errorf("%d requests, %v waited, error %v", got, total, err)
	}
}

// One window is waited for with one retry. Where nobody says how long to wait,
// attempts are counted as for any other failure.
func TestPatienceOfBeingThrottled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		retries  int
		throttle http.HandlerFunc
		answers  int // 429, before the right one
		requests int
		ok       bool
	}{
		"a minute, one retry":    {1, answer(429, "{}", "Retry-After", "60"), 1, 2, true},
		"two minutes, one retry": {1, answer(429, "{}", "Retry-After", "60"), 2, 2, false},
		"a minute, none":         {-1, answer(429, "{}", "Retry-After", "60"), 1, 1, false},
		"no time, two retries":   {2, answer(429, "{}"), 2, 3, true},
		"no time, one retry":     {1, answer(429, "{}"), 2, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := append(slices.Repeat([]http.HandlerFunc{tc.throttle}, tc.answers), answer(200, listBody))
			a := serve(t, klaviyo.Options{MaxRetries: tc.retries}, answers...)
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
			_, err := serve(t, klaviyo.Options{MaxRetries: 2}, tc.answers...).ImportProfiles(t.Context(), "x", []byte("{}"))
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

// A server that wants to be asked again at once must not use up the retries
// before it has had time to recover.
func TestWaitsGrowWhateverIsAskedFor(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{MaxRetries: 20}, answer(503, "{}", "Retry-After", "0"))
	if _, err := a.List(t.Context(), "x"); err == nil {
		t.Fatal("no error")
	}
	total := time.Duration(0)
	for _, wait := range a.waited() {
		total += wait
	}
	if len(a.waited()) != 20 || total < 30*time.Second {
		t.Errorf("20 retries are used up within %v", total)
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
	a := serve(t, klaviyo.Options{MaxRetries: 40}, html(500))
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
		t.Errorf("of 40 waits %d are above a second", above)
	}
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "1.5": 0, "0": time.Millisecond, "1": time.Second, "120": 2 * time.Minute,
		"Mon, 23 Nov 2026 06:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 05:00:00 GMT": time.Millisecond, "Monday, 23-Nov-26 06:01:00 GMT": time.Minute,
	} {
		if got := klaviyo.ParseRetryAfter(value, now); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}

// More seconds than a duration holds are a long wait, not a short one.
func TestParseRetryAfterDoesNotOverflow(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"9223372037", "99999999999999", "99999999999999999999"} {
		if got := klaviyo.ParseRetryAfter(value, time.Now()); got < time.Minute {
			t.Errorf("%q is %v", value, got)
		}
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
			a := serve(t, klaviyo.Options{Timeout: 40 * time.Millisecond, MaxRetries: -1}, fault)
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
