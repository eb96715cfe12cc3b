package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// tracked is a Klaviyo with a clock that can be moved. It tells what each job of
// its client is about.
type tracked struct {
	*env
	ahead atomic.Int64 // seconds that its clock is ahead, or behind

	mu   sync.Mutex
	jobs map[string][]int // persons, in order
}

// newTracked starts one whose jobs stay queued for an hour of its clock. hidden
// are jobs that it does not list.
func newTracked(t *testing.T, hidden bool) *tracked {
	t.Helper()
	k := &tracked{jobs: map[string][]int{}}
	k.env = newEnv(t, simulator.Options{
		QueueDelay: time.Hour,
		Now:        func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load()) * time.Second) },
	})
	k.client = newClient(t, newProxy(t, k.env, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := record(next, r)
		switch {
		case r.Method == http.MethodPost && answer.Code == http.StatusAccepted:
			k.track(t, answer, persons(body))
		case hidden && isPoll(r):
			k.hide(t, answer)
		}
		replay(rw, answer)
	}), impatient)
	return k
}

// track notes what the job of an answer is about.
func (k *tracked) track(t *testing.T, answer *httptest.ResponseRecorder, persons []int) {
	var doc struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
		t.Error(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs[doc.Data.ID] = persons
}

// hide takes the jobs of the client out of a page of jobs.
func (k *tracked) hide(t *testing.T, answer *httptest.ResponseRecorder) {
	var doc map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
		t.Error(err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	doc["data"] = slices.DeleteFunc(doc["data"].([]any), func(job any) bool {
		_, ours := k.jobs[job.(map[string]any)["id"].(string)]
		return ours
	})
	body, err := json.Marshal(doc)
	if err != nil {
		t.Error(err)
	}
	answer.Body = bytes.NewBuffer(body)
}

// looks are the requests of the poller, in order: "jobs" for the first page of
// them, "more jobs" for another, and the path below them of what is asked for.
func (w *env) looks() (all []string) {
	for _, r := range w.Requests() {
		switch id, one := strings.CutPrefix(r.Path, jobsPath+"/"); {
		case one:
			all = append(all, id)
		case r.Method != http.MethodGet || r.Path != jobsPath || !strings.Contains(r.Query, "=100") || asksForUnfinished(r.Query):
		case strings.Contains(r.Query, "cursor"):
			all = append(all, "more jobs")
		default:
			all = append(all, "jobs")
		}
	}
	return all
}

// A job that others have pushed off the first page of jobs is found on the next.
func TestRunFindsItsJobBehindThoseOfOthers(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if isPoll(r) { // so the job is there
			once.Do(func() { w.AddJobs(150) })
		}
	})
	if r := w.run(t, w.export(people(50))); r.Jobs != 1 || r.Exported != 50 {
		t.Errorf("result %+v", r)
	}
	if got, want := w.looks(), []string{"jobs", "more jobs"}; !slices.Equal(got, want) {
		t.Errorf("asks for %q, want %q", got, want)
	}
}

// An account may have had thousands of jobs: those from before the run are not
// gone through for a job that is not listed.
func TestRunDoesNotLookThroughOldJobs(t *testing.T) {
	t.Parallel()
	k := newTracked(t, true)
	k.ahead.Store(-2 * 3600)
	k.AddJobs(250)
	k.ahead.Store(0)
	const looks = 3
	var polls atomic.Int32
	k.OnRequest(func(r *http.Request) {
		if isPoll(r) && polls.Add(1) == looks {
			k.ahead.Store(3600) // the job is done when it is asked for
		}
	})
	if r := k.run(t, k.export(people(50))); r.Jobs != 1 || r.Exported != 50 {
		t.Errorf("result %+v", r)
	}
	var want []string
	for id := range k.jobs {
		for range looks {
			want = append(want, "jobs", id)
		}
	}
	if got := k.looks(); !slices.Equal(got, want) {
		t.Errorf("asks for %q, want %q", got, want)
	}
}

// However many jobs of others are newer than the one that a run waits for, a
// look costs a few requests.
func TestRunAsksLittleForAnOldJob(t *testing.T) {
	t.Parallel()
	for others, want := range map[int][]string{
		0:     {"jobs"},
		100:   {"jobs", "more jobs"},
		1_000: {"jobs", "more jobs", "more jobs", "the job"},
		5_000: {"jobs", "more jobs", "more jobs", "the job"},
	} {
		t.Run(fmt.Sprint("behind ", others), func(t *testing.T) {
			t.Parallel()
			k := newTracked(t, false)
			const looks = 3
			var polls atomic.Int32
			k.OnRequest(func(r *http.Request) {
				if !isPoll(r) || r.URL.Query().Has("page[cursor]") {
					return
				}
				switch polls.Add(1) {
				case 1: // so the job is there
					k.AddJobs(others)
				case looks:
					k.ahead.Store(3600)
				}
			})
			if r := k.run(t, k.export(people(50))); r.Jobs != 1 || r.Exported != 50 {
				t.Errorf("result %+v", r)
			}
			got := k.looks()
			for i, look := range got {
				if _, ours := k.jobs[look]; ours {
					got[i] = "the job"
				}
			}
			if twice := slices.Concat(want, want); !slices.Equal(got[:min(len(twice), len(got))], twice) { // the third may see the job done
				t.Errorf("asks for %q, want %q each time", got, want)
			}
		})
	}
}

// Klaviyo's clock may be behind: then a job of the run seems to be older than
// the run.
func TestRunFindsItsJobByAnotherClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-50 * time.Minute, 50 * time.Minute} {
		w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
		if r := w.run(t, w.export(people(50))); r.Jobs != 1 || r.Exported != 50 {
			t.Errorf("result %+v", r)
		}
		if got, want := w.looks(), []string{"jobs"}; !slices.Equal(got, want) {
			t.Errorf("%v ahead: asks for %q, want %q", ahead, got, want)
		}
	}
}

// whenAccepted are options of a run that calls do once, at a look at the jobs
// that comes when so many are open. A clock that is moved then is seen by the
// next look, which is about all of them.
func (k *tracked) whenAccepted(jobs int64, do func()) export.RunOptions {
	var accepted atomic.Bool
	var once sync.Once
	k.OnRequest(func(r *http.Request) {
		if isPoll(r) && accepted.Load() {
			once.Do(do)
		}
	})
	return export.RunOptions{ProgressInterval: time.Millisecond, Progress: func(p export.Progress) {
		accepted.Store(p.Jobs == jobs)
	}}
}

// However many jobs are cancelled, the error names each with its rows, and no
// other.
func TestRunNamesEveryCancelledJob(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []int{1, 2} {
		t.Run(fmt.Sprint(cancelled, " of 3"), func(t *testing.T) {
			t.Parallel()
			k := newTracked(t, false)
			k.CancelJobs(cancelled)
			e := k.export(people(50))
			e.SetBatchLimits(20, 1<<16)
			o := k.whenAccepted(3, func() { k.ahead.Store(3600) })
			_, err := e.Run(t.Context(), k.client, o)
			asError(t, err, nil, "Klaviyo Cancelled Imports", "cancelled "+tally.Count(int64(cancelled), "import job")+" of this run", "Cancelled in Klaviyo: ", "Klaviyo had finished "+tally.Count(int64(3-cancelled), "import job")+" with", "Apply again")
			found := regexp.MustCompile(`(\w+) with (\d+) profiles, rows (\d+) to (\d+) of segment "s1"`).FindAllStringSubmatch(err.Error(), -1)
			if len(found) != cancelled {
				t.Fatalf("%d jobs are named: %v", len(found), err)
			}
			last := -1
			arrived := addresses(50)
			for _, m := range found {
				sent := k.jobs[m[1]]
				if len(sent) == 0 {
					t.Fatalf("there is no job %s: %v", m[1], err)
				}
				first := sent[0]
				want := []string{fmt.Sprint(len(sent)), fmt.Sprint(first + 1), fmt.Sprint(sent[len(sent)-1] + 1)}
				if !slices.Equal(m[2:], want) || first <= last {
					t.Errorf("%q, want %q, in the order of the rows", m[0], want)
				}
				last = first
				arrived = slices.DeleteFunc(arrived, func(a string) bool {
					return slices.ContainsFunc(sent, func(i int) bool { return a == address(i) })
				})
			}
			k.checkMembers(t, arrived) // so it was these that were cancelled
		})
	}
}

// logged decodes a log and checks that it names nobody.
func logged(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		if strings.Contains(strings.ToLower(line), "example.com") || strings.Contains(line, testKey) {
			t.Errorf("personal data or the key in %s", line)
		}
	}
	entries, err := tflogtest.MultilineJSONDecode(log)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// saying are the entries of a log with a message.
func saying(entries []map[string]any, message string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(entries), func(e map[string]any) bool { return e["@message"] != message })
}

// The log tells how far a run is, and nothing of whom it exports.
func TestRunLogsItsProgress(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: 50 * time.Millisecond})
	w.FailEmail(address(3), "c", address(3)+" is odd.")
	w.Unsubscribe(w.listID, address(4))
	w.Inject(simulator.Fault{Method: "POST", Status: 503, Header: soon, Body: `{"errors":[{"detail":"` + address(5) + ` is odd."}]}`})
	source := people(100)
	source.rows[7][0] = "nobody.example.com"
	e := w.export(source)
	e.SetBatchLimits(20, 1<<16)
	var log bytes.Buffer
	r, err := e.Run(tflogtest.RootLogger(t.Context(), &log), w.client, export.RunOptions{ProgressInterval: 3 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	entries := saying(logged(t, &log), "Exporting")
	if len(entries) == 0 {
		t.Fatal("no progress is logged")
	}
	for _, entry := range entries {
		for _, name := range []string{"rows", "profiles_accepted", "profiles_expected", "batches", "jobs", "jobs_finished", "profiles_per_second", "seconds_left"} {
			if n, ok := entry[name].(float64); !ok || n < 0 {
				t.Errorf("%s is %v", name, entry[name])
			}
		}
		if entry["@level"] != "info" || entry["run"] != r.ID {
			t.Errorf("entry %v", entry)
		}
	}
	last := entries[len(entries)-1]
	for name, want := range map[string]float64{
		"rows": 100, "profiles_accepted": 98, "profiles_expected": 98, "batches": 5, "jobs": 5, "jobs_finished": 5, "seconds_left": 0,
	} {
		if last[name] != want {
			t.Errorf("in the end %s is %v, want %v", name, last[name], want)
		}
	}
}

// Every job that is not done is named, however the run ends, and the log has the
// rows of each.
func TestFailedRunLogsEveryOpenJob(t *testing.T) {
	t.Parallel()
	const jobs, batchRows = 25, 4
	for summary, end := range map[string]func(*tracked, context.CancelFunc){
		"Klaviyo Refused The Request": func(k *tracked, _ context.CancelFunc) {
			k.Inject(simulator.Fault{Method: "GET", Path: jobsPath, Status: http.StatusBadRequest, Body: `{"errors":[{}]}`})
		},
		"Export Interrupted": func(_ *tracked, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(summary, func(t *testing.T) {
			t.Parallel()
			k := newTracked(t, false)
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(tflogtest.RootLogger(t.Context(), &log))
			defer cancel()
			o := k.whenAccepted(jobs, func() { end(k, cancel) })
			e := k.export(people(jobs * batchRows))
			e.SetBatchLimits(batchRows, 1<<16)
			_, err := e.Run(ctx, k.client, o)
			asError(t, err, nil, summary, "accepted but not finished 25 jobs with 100 profiles")
			for id := range k.jobs {
				if !strings.Contains(err.Error(), id) {
					t.Errorf("job %s is not named", id)
				}
			}
			got, want := map[string]string{}, map[string]string{}
			for _, entry := range saying(logged(t, &log), "Klaviyo had not finished a job") {
				got[entry["job"].(string)] = fmt.Sprint(entry["@level"], " ", entry["profiles"], " ", entry["rows"])
			}
			for id, sent := range k.jobs {
				want[id] = fmt.Sprintf(`warn %d rows %d to %d of segment "s1"`, batchRows, sent[0]+1, sent[batchRows-1]+1)
			}
			if len(want) != jobs || !maps.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// A job that was cancelled is named also when the run ends for another reason.
func TestFailedRunNamesCancelledJobs(t *testing.T) {
	t.Parallel()
	k := newTracked(t, false)
	for _, i := range []int{5, 305, 605} { // in each job but the last one, at which the poll looks first
		k.FailEmail(address(i), "c", "d")
	}
	k.Inject(simulator.Fault{Path: jobsPath + "/*/import-errors", Status: http.StatusBadRequest, Body: `{"errors":[{}]}`})
	var once sync.Once
	e := k.export(people(1200).waitFor(1100, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		if len(k.jobs) < 3 {
			return false
		}
		once.Do(func() { k.CancelJobs(1) })
		return true
	}))
	e.SetBatchLimits(300, 1<<20)
	var log bytes.Buffer
	_, err := e.Run(tflogtest.RootLogger(t.Context(), &log), k.client, k.whenAccepted(4, func() { k.ahead.Store(3600) }))
	asError(t, err, nil, "Klaviyo Refused The Request", "Apply again")
	if cancelled := saying(logged(t, &log), "A job was cancelled in Klaviyo"); len(cancelled) != 1 || cancelled[0]["rows"] != `rows 901 to 1,200 of segment "s1"` {
		t.Errorf("the log has %v", cancelled)
	}
	places := readPlaces(t, err.Error(), []int{1200})
	if len(places["Cancelled"]) != 300 || len(places["not finished"]) != 900 {
		t.Errorf("rows are not named: %v", err)
	}
}

// A refusal that names no profile of the batch ends the run: to send the same
// again would be for ever.
func TestRunEndsWhenAProfileThatWasNotSentIsRefused(t *testing.T) {
	t.Parallel()
	inside := `{"code":"c","detail":"No.","source":{"pointer":"/data/attributes/profiles/data/3/attributes/email"}},`
	for _, index := range []string{"99", "10", "-1", "x", "99999999999999999999", "99 beside another"} {
		index, _, beside := strings.Cut(index, " ")
		before := ""
		if beside {
			before = inside
		}
		t.Run(fmt.Sprint(index, ", beside another: ", beside), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), hung)
			defer cancel()
			w := newEnv(t, simulator.Options{})
			w.Inject(simulator.Fault{
				Method: "POST", Path: jobsPath, Times: -1, Status: http.StatusBadRequest,
				Body: `{"errors":[` + before + `{"code":"c","detail":"No.","source":{"pointer":"/data/attributes/profiles/data/` + index + `/attributes/email"}}]}`,
			})
			_, err := w.export(people(10)).Run(ctx, w.client, export.RunOptions{})
			asError(t, err, nil, "Klaviyo Refused The Request", "No [c]")
			if n := len(w.imports()); n != 1 {
				t.Errorf("%d imports", n)
			}
		})
	}
}
