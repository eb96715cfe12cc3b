package export_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// endsAt is a context that ends as that of a timeout does, once the log has a
// message, before which then is called.
func endsAt(t *testing.T, message string, then ...func()) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	guard := time.AfterFunc(time.Minute, func() { cancel(errors.New("the log has no " + message)) })
	t.Cleanup(func() { guard.Stop() })
	return tflogtest.RootLogger(ctx, writer(func(line string) {
		if strings.Contains(line, message) {
			for _, f := range then {
				f()
			}
			cancel(errors.New("timeouts.create of 25s is over"))
		}
	}))
}

type writer func(string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}

// stoppableClock is one of which no wait is over any more once it is stopped.
type stoppableClock struct {
	fastClock
	stopped atomic.Bool
}

func (c *stoppableClock) stop() { c.stopped.Store(true) }

func (c *stoppableClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if c.stopped.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.fastClock.Wait(ctx, d, wake)
}

const repeated = "Klaviyo request will be repeated"

// Whoever reads that the time is up is told what the run was waiting for, and
// the last thing that went wrong.
func TestInterruptedRunSaysWhatHeldItUp(t *testing.T) {
	t.Parallel()
	unavailable := simulator.Fault{
		Times: -1, Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"200"}}, Body: `{"errors":[{"detail":"Down."}]}`,
	}
	odd := simulator.Fault{Times: -1, Status: http.StatusOK, Body: `{"data":{}}`}
	for name, tc := range map[string]struct {
		fault, place simulator.Fault
		says         []string
	}{
		"no import": {unavailable, places["an import"], []string{
			"It was waiting to repeat bulk_import_profiles, of which 1 attempt had failed, with: bulk_import_profiles: 503 Service Unavailable: Down.",
			"3 profiles were under way and may have arrived",
		}},
		"no jobs": {unavailable, places["the jobs"], []string{
			"It was waiting to repeat get_bulk_import_profiles_jobs, of which 1 attempt had failed, with: get_bulk_import_profiles_jobs: 503 Service Unavailable: Down.",
			"accepted but not finished 1 job with 3 profiles",
		}},
		"no list": {unavailable, places["the list"], []string{"It was waiting to repeat get_lists, of which 1 attempt had failed, with: get_lists: 503", "Nothing was sent."}},
		"a list that is no list": {odd, places["the list"], []string{
			"It was waiting to repeat get_lists, of which 1 attempt had failed, with: get_lists: status 200 with a body that is not the JSON expected", "Nothing was sent.",
		}},
		"jobs without a list of them": {odd, places["the jobs"], []string{"It was waiting to repeat get_bulk_import_profiles_jobs, of which 1 attempt had failed, with: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
			clock := &stoppableClock{} // what is looked up for many hears later than the run that the time is up
			w.client = newClientWith(t, klaviyo.Options{BaseURL: w.URL, RetryTimeout: time.Hour, Clock: clock})
			w.Inject(at(tc.fault, tc.place))
			_, err := w.export(people(3)).Run(endsAt(t, repeated, clock.stop), w.client, export.RunOptions{})
			asError(t, err, nil, "Export Interrupted", append(tc.says, "The export was ended: timeouts.create of 25s is over. ")...)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// edited is a Klaviyo that tells of jobs in other words.
func edited(t *testing.T, w *env, pattern, replacement string) {
	t.Helper()
	what := regexp.MustCompile(pattern)
	w.client = newClient(t, newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
		if isPoll(r) {
			body := what.ReplaceAllString(answer.Body.String(), replacement)
			answer.Body.Reset()
			answer.Body.WriteString(body)
		}
	}), impatient)
}

// Counts that are no numbers mean that nothing of the answer can be relied on: it
// is asked for again, and then the run ends with the reason.
func TestRunEndsWhenCountsAreNoNumbers(t *testing.T) {
	t.Parallel()
	for _, count := range []string{`"many"`, `{}`, `1.5`, `"3"`} {
		w := newEnv(t, simulator.Options{})
		edited(t, w, `"completed_count": ?\d+`, `"completed_count":`+count)
		_, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, nil, "Klaviyo's Answer Is Not Understood", "gave up after ", "completed_count", "accepted but not finished 1 job with 3 profiles")
		if n := len(w.imports()); n != 1 {
			t.Errorf("%d imports", n)
		}
	}
	w := newEnv(t, simulator.Options{})
	edited(t, w, `"completed_count": ?\d+`, `"completed_count":"many"`)
	_, err := w.export(people(3)).Run(endsAt(t, repeated), w.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted", "It was waiting to repeat get_bulk_import_profiles_jobs, of which 1 attempt had failed, with: ", "completed_count")
}

// Klaviyo may invent a status. Such a job may not be done, so it is waited for;
// but nobody is to wait without knowing why.
func TestRunSaysThatItDoesNotKnowAStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		`"paused"`: `has the status "paused", which this version of the provider does not know`, `""`: `has the status ""`, `null`: `has the status ""`,
		`7`: `has the status "7"`, `"\u001b[2J ada@example.com"`: `has the status "\\x1b[2J ***"`,
	} {
		w := newEnv(t, simulator.Options{})
		edited(t, w, `"status": ?"complete"`, strings.ReplaceAll(`"status":`+status, "$", "$$"))
		_, err := w.export(people(3)).Run(endsAt(t, "A job has a status that is not known"), w.client, export.RunOptions{})
		asError(t, err, nil, "Export Interrupted", "timeouts.create of 25s is over. Klaviyo says that job 01", want, "accepted but not finished 1 job with 3 profiles")
	}
}

// A status that is not known need not be the last.
func TestRunWaitsForAJobOfAnUnknownStatus(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: 300 * time.Millisecond})
	edited(t, w, `"status": ?"queued"`, `"status":"paused"`)
	if r := w.run(t, w.export(people(3))); r.Exported != 3 {
		t.Errorf("result %+v", r)
	}
}
