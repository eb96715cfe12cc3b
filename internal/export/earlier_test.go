package export_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// valueOf is the property "text" of somebody.
func (w *env) valueOf(t *testing.T, i int) any {
	t.Helper()
	p, ok := w.Profile(address(i))
	if !ok {
		t.Fatalf("there is no %s", address(i))
	}
	return p.Properties["text"]
}

// saying makes a segment in which everybody has a value.
func (s *table) saying(text string) *table {
	for _, row := range s.rows {
		row[3] = text
	}
	return s
}

// askedLists are the jobs that were asked for their lists, in order.
func (w *env) askedLists() (jobs []string) {
	for _, r := range w.Requests() {
		if id, ok := strings.CutSuffix(strings.TrimPrefix(r.Path, jobsPath+"/"), "/relationships/lists"); ok {
			jobs = append(jobs, id)
		}
	}
	return jobs
}

// onceWaiting are options of a run that call do once, when the run says that it
// waits for earlier jobs.
func onceWaiting(do func(p export.Progress)) export.RunOptions {
	var once sync.Once
	return export.RunOptions{ProgressInterval: time.Millisecond, Progress: func(p export.Progress) {
		if strings.HasPrefix(p.Preparing, "waiting for") {
			once.Do(func() { do(p) })
		}
	}}
}

// interrupt makes a run whose job Klaviyo accepts and keeps queued for an hour
// of its clock, and ends it.
func (k *tracked) interrupt(t *testing.T, e *export.Export) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	k.DelayJobs(1, time.Hour)
	k.OnRequest(func(r *http.Request) {
		if isPoll(r) {
			cancel()
		}
	})
	_, err := e.Run(ctx, k.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted", "accepted but not finished 1 job with")
}

// newQuick is a tracked Klaviyo that does jobs at once.
func newQuick(t *testing.T) *tracked {
	t.Helper()
	k := &tracked{}
	k.env = newEnv(t, simulator.Options{
		Now: func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load()) * time.Second) },
	})
	return k
}

// A job of an interrupted run that is done after those of the next one would put
// the old values back, and nobody would ever notice.
func TestRunIsNotOvertakenByAnInterruptedOne(t *testing.T) {
	t.Parallel()
	k := newQuick(t)
	k.interrupt(t, k.export(people(20).saying("old")))
	k.client = newClient(t, k.URL, impatient) // as a new process would have
	k.ResetRequests()
	o := onceWaiting(func(p export.Progress) {
		if want := "nothing sent yet, waiting for 1 earlier import job to this list; 20 rows read"; p.String() != want {
			t.Errorf("told %q, want %q", p, want)
		}
		if n := len(k.imports()); n != 0 {
			t.Errorf("%d imports before the earlier job is done", n)
		}
		k.ahead.Store(3600)
	})
	r, err := k.export(people(20).saying("new")).Run(t.Context(), k.client, o)
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	k.ahead.Store(2 * 3600) // by now Klaviyo has done everything
	for i := range 20 {
		if got := k.valueOf(t, i); got != "new" {
			t.Fatalf("%s has the value %v that was sent before", address(i), got)
		}
	}
	if asked := k.askedLists(); len(asked) != 1 {
		t.Errorf("asks for the lists of %q", asked)
	}
}

// Whoever is not patient enough learns what is waited for, and for how long.
func TestRunThatWaitsCanBeInterrupted(t *testing.T) {
	t.Parallel()
	k := newQuick(t)
	e := k.export(people(20))
	k.interrupt(t, e)
	var job string
	for j, err := range k.client.UnfinishedImportJobs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		job = j.ID
	}
	k.ResetRequests()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	_, err := e.Run(ctx, k.client, onceWaiting(func(export.Progress) { cancel(errors.New("timeouts.create of 20m is over")) }))
	asError(t, err, nil, "Export Interrupted", "timeouts.create of 20m is over.",
		"Nothing was sent. It was waiting for 1 earlier import job to this list, which Klaviyo had not finished: "+job+".",
		"apply again", "raise timeouts", "The last of them expires at")
	if !errors.Is(err, context.Canceled) || len(k.imports()) != 0 {
		t.Errorf("error %v after %d imports", err, len(k.imports()))
	}
	if asked := k.askedLists(); len(asked) != 0 {
		t.Errorf("the client made the job, and asks for the lists of %q", asked)
	}
}

// Jobs that are for other lists or have expired are not waited for.
func TestRunDoesNotWaitForJobsOfOthers(t *testing.T) {
	t.Parallel()
	k := newTracked(t, false)
	k.ahead.Store(-8 * 24 * 3600) // they expire after seven days
	k.DelayJobs(3, 30*24*time.Hour)
	k.AddJobs(3, k.listID)
	k.ahead.Store(0)
	other := k.AddList(simulator.List{}).ID
	const others = 120
	k.AddJobs(others-10, other)
	k.AddJobs(10)
	o := k.whenAccepted(1, func() { k.ahead.Store(3600) })
	r, err := k.export(people(20)).Run(t.Context(), k.client, o)
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	asked := k.askedLists()
	slices.Sort(asked)
	if n := len(asked); n != others || len(slices.Compact(asked)) != others {
		t.Errorf("%d questions about the lists of %d jobs, want one each of %d", n, len(slices.Compact(asked)), others)
	}
}

// Of hundreds of jobs of others only a few are asked for their lists before it
// is seen that they are done.
func TestRunAsksFewOfManyJobsForTheirLists(t *testing.T) {
	t.Parallel()
	k := newTracked(t, false)
	k.AddJobs(700)
	var looks atomic.Int32
	k.OnRequest(func(r *http.Request) {
		if asksForUnfinished(r.URL.RawQuery) && !strings.Contains(r.URL.RawQuery, "cursor") && looks.Add(1) == 3 {
			k.ahead.Store(3600)
		}
	})
	o := k.whenAccepted(1, func() { k.ahead.Store(2 * 3600) })
	if _, err := k.export(people(20)).Run(t.Context(), k.client, o); err != nil {
		t.Fatal(err)
	}
	if asked := k.askedLists(); len(asked) > 2*50 {
		t.Errorf("%d jobs are asked for their lists", len(asked))
	}
}

// A neighbour that sends to the list all the time does not keep a run from
// beginning.
func TestRunWaitsOnlyForJobsOfBefore(t *testing.T) {
	t.Parallel()
	k := newTracked(t, false)
	k.AddJobs(2, k.listID)
	var looks atomic.Int32
	k.OnRequest(func(r *http.Request) {
		if asksForUnfinished(r.URL.RawQuery) && looks.Add(1) > 1 {
			k.AddJobs(150, k.listID) // more than a page
			k.ahead.Add(1200)
		}
	})
	o := k.whenAccepted(1, func() { k.ahead.Add(3600) })
	r, err := k.export(people(20)).Run(t.Context(), k.client, o)
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	if n := looks.Load(); n < 3 || n > 8 {
		t.Errorf("%d questions for unfinished jobs", n)
	}
	if asked := k.askedLists(); len(asked) != 2 {
		t.Errorf("asks for the lists of %d jobs, want those of before", len(asked))
	}
}

// Two exports of one process may send to one list at once. The later one waits
// for what the other has sent by then, and asks nobody whose jobs they are.
func TestRunsToOneListEnd(t *testing.T) {
	t.Parallel()
	k := newTracked(t, false)
	first, second := make(chan error, 1), make(chan error, 1)
	run := func(e *export.Export, o export.RunOptions, end chan<- error) {
		_, err := e.Run(t.Context(), k.client, o)
		end <- err
	}
	var once sync.Once
	k.OnRequest(func(r *http.Request) {
		if isPoll(r) {
			once.Do(func() {
				go run(k.export(people(20).saying("second")), onceWaiting(func(export.Progress) { k.ahead.Store(3600) }), second)
			})
			if k.ahead.Load() > 0 {
				k.ahead.Add(3600)
			}
		}
	})
	go run(k.export(people(20).saying("first")), export.RunOptions{}, first)
	if err := errors.Join(<-first, <-second); err != nil {
		t.Fatal(err)
	}
	if got := k.valueOf(t, 7); got != "second" {
		t.Errorf("the value is of the %v", got)
	}
	if asked := k.askedLists(); len(asked) != 0 {
		t.Errorf("asks for the lists of %q", asked)
	}
}

// A job that is gone when it is asked for its lists is not waited for, and any
// other failure to ask ends the run before it sends anything.
func TestRunThatCannotAskForLists(t *testing.T) {
	t.Parallel()
	for status, fails := range map[int]bool{http.StatusNotFound: false, http.StatusForbidden: true} {
		k := newQuick(t)
		k.DelayJobs(1, time.Hour)
		k.AddJobs(1, k.listID)
		k.Inject(simulator.Fault{Path: jobsPath + "/*/relationships/lists", Status: status, Body: `{"errors":[{"code":"permission_denied"}]}`})
		_, err := k.export(people(20)).Run(t.Context(), k.client, export.RunOptions{})
		if (err != nil) != fails || (len(k.imports()) == 0) != fails {
			t.Errorf("%d: error %v after %d imports", status, err, len(k.imports()))
		}
	}
}
