package export_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// isPoll recognises the poller's look at a hundred jobs.
func isPoll(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, jobsPath) && r.URL.Query().Get("page[size]") == "100" && !asksForUnfinished(r.URL.RawQuery)
}

// asksForUnfinished recognises the question for unfinished jobs, with which a run
// begins.
func asksForUnfinished(query string) bool { return strings.Contains(query, "filter=any%28status") }

// Wherever a run is, it ends soon after it is cancelled, while what it waits for
// would take an hour. That no goroutine is left is seen at the end of all tests.
func TestRunEndsWhenCancelled(t *testing.T) {
	t.Parallel()
	isImport := func(r *http.Request) bool { return r.Method == http.MethodPost }
	for name, tc := range map[string]struct {
		options simulator.Options
		fault   simulator.Fault
		at      func(*http.Request) bool // the request that is under way
		says    string                   // "" for a run that had not begun to send
	}{
		"asking for the account": {simulator.Options{}, simulator.Fault{Path: "/api/accounts", Delay: time.Hour}, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "accounts") }, ""},
		"sending":                {simulator.Options{}, simulator.Fault{Method: "POST", Delay: time.Hour}, isImport, "The export was cancelled."},
		"waiting to send again":  {simulator.Options{}, simulator.Fault{Method: "POST", Times: -1, Status: 429, Header: http.Header{"Retry-After": {"120"}}}, isImport, "The export was cancelled."},
		"asking for jobs":        {simulator.Options{QueueDelay: time.Hour}, simulator.Fault{Method: "GET", Path: jobsPath, Nth: 2, Times: -1, Delay: time.Hour}, isPoll, "accepted but not finished 1 job with 700 profiles"},
		"waiting for jobs":       {simulator.Options{QueueDelay: time.Hour}, simulator.Fault{}, isPoll, "accepted but not finished 1 job with 700 profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, tc.options)
			if tc.fault.Delay != 0 || tc.fault.Status != 0 {
				w.Inject(tc.fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var cancelled time.Time
			var once sync.Once
			w.OnRequest(func(r *http.Request) {
				if tc.at(r) {
					once.Do(func() {
						time.AfterFunc(100*time.Millisecond, func() {
							cancelled = time.Now()
							cancel()
						})
					})
				}
			})
			_, err := w.export(people(700)).Run(ctx, w.client, export.RunOptions{})
			ended := time.Now()
			if <-ctx.Done(); ended.Sub(cancelled) > 10*time.Second {
				t.Errorf("it took %v", ended.Sub(cancelled))
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			if tc.says == "" {
				return
			}
			asError(t, err, nil, "Export Interrupted", tc.says)
		})
	}
}

// When all profiles have arrived, a run that cannot count the list is no less
// complete.
func TestRunSucceedsWithoutTheFinalCount(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.client = newClient(t, w.URL, -1)
	w.OnRequest(func(r *http.Request) {
		if r.URL.Query().Has("additional-fields[list]") {
			w.RevokeKey(testKey)
		}
	})
	result, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
	if err != nil || result.Exported != 3 || result.ListProfileCount != -1 {
		t.Errorf("result %+v, error %v", result, err)
	}
}

func TestRunEndsWhenCancelledWhileReading(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]int{"survey": 1, "run": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			source := people(30_000)
			opened := 0
			source.before = func(ctx context.Context, row int) error {
				if row == 0 {
					opened++
				}
				if opened == read && row == 5000 {
					cancel()
					<-ctx.Done() // as a slow source would
					return ctx.Err()
				}
				return nil
			}
			_, err := w.export(source).Run(ctx, w.client, export.RunOptions{})
			if !errors.Is(err, context.Canceled) || len(w.imports()) != 0 {
				t.Errorf("error %v after %d imports", err, len(w.imports()))
			}
		})
	}
}

func TestRunNamesWhyItWasInterrupted(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	w.OnRequest(func(r *http.Request) {
		if isPoll(r) {
			cancel(errors.New("timeouts.create of 20m is over"))
		}
	})
	_, err := w.export(people(3)).Run(ctx, w.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted", "timeouts.create of 20m is over.", "accepted but not finished 1 job with 3 profiles", "Apply again")
}

// Klaviyo may have taken what was under way when the run ended: nobody must be
// told that it has nothing.
func TestInterruptedRunDoesNotDenyWhatMayHaveArrived(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
		if r.Method == http.MethodPost && answer.Code == http.StatusAccepted {
			cancel()
			<-r.Context().Done() // the answer never arrives
			return
		}
	})
	_, err := w.export(people(10)).Run(ctx, newClient(t, proxy, impatient), export.RunOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	w.checkMembers(t, addresses(10)) // it has arrived
	var e *diagnostic.Error
	if !errors.As(err, &e) || strings.Contains(e.Detail, "not accepted any") || !errors.As(err, new(*export.PartlySent)) {
		t.Errorf("all 10 profiles are on the list, and the error is %v", err)
	}
}

// Klaviyo's word that an import was accepted can come while another fails.
func TestFailedRunCountsWhatWasAcceptedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
	accepted := func() (n int) {
		for _, r := range w.imports() {
			if r.Status == http.StatusAccepted {
				n++
			}
		}
		return n
	}
	poll := make(chan struct{})
	var polls, posts atomic.Int32
	var jobs atomic.Int64
	// The first import is known when the first poll begins. The second is
	// accepted while that poll lasts, and then the third is refused.
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if isPoll(r) && polls.Add(1) == 1 {
			close(poll)
			<-r.Context().Done()
			return
		}
		if r.Method == http.MethodPost && posts.Add(1) == 3 {
			for jobs.Load() < 2 && r.Context().Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		replay(rw, record(next, r))
	})
	source := people(2500).waitFor(1300, func() bool {
		select {
		case <-poll:
			return true
		default:
			return false
		}
	})
	e := w.export(source)
	e.SetBatchLimits(1000, 1<<18)
	_, err := e.Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{
		ProgressInterval: time.Millisecond, Progress: func(p export.Progress) { jobs.Store(p.Jobs) },
	})
	asError(t, err, nil, "API Key Refused", "accepted but not finished 2 jobs with")
	if n := accepted(); n != 2 {
		t.Errorf("%d imports were accepted", n)
	}
}

// A run that is interrupted while it reads the segments for profiles to be sent again says
// how many these are: all rows have been sent.
func TestInterruptedBeforeSendingAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	for _, i := range []int{3, 70} {
		w.FailEmail(address(i), troubleCode, troubleDetail)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source := people(100)
	opened := 0
	source.before = func(ctx context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if opened == 3 { // after the survey and the import
			cancel()
			<-ctx.Done()
		}
		return ctx.Err()
	}
	_, err := w.export(source).Run(ctx, w.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted", "finished 1 import job with 100 profiles", "2 profiles were still to be sent again")
	if strings.Contains(err.Error(), "What comes after row") {
		t.Errorf("the error says that rows were not sent: %v", err)
	}
}
