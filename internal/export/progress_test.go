package export_test

import (
	"context"
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

// told collects what a run tells of its progress.
type told struct {
	all  []export.Progress // the callback's own while the run lasts
	busy atomic.Bool
	slow time.Duration // how long a call takes
}

func (p *told) take(t *testing.T) func(export.Progress) {
	return func(now export.Progress) {
		if !p.busy.CompareAndSwap(false, true) {
			t.Error("two calls at once")
		}
		time.Sleep(p.slow)
		p.all = append(p.all, now)
		p.busy.Store(false)
	}
}

// check makes sure that no number goes back, and that the last ones are those
// of the result. What was told before anything was sent it takes away.
func (p *told) check(t *testing.T, r *export.Result) {
	t.Helper()
	p.preparing(t)
	for i, now := range p.all {
		before := p.all[max(i-1, 0)]
		if now.Rows < before.Rows || now.Accepted < before.Accepted || now.Jobs < before.Jobs || now.Finished < before.Finished || now.Elapsed < before.Elapsed {
			t.Errorf("%+v after %+v", now, before)
		}
		if now.Accepted > now.Expected || now.Finished > now.Jobs || now.Remaining < 0 {
			t.Errorf("progress %+v", now)
		}
	}
	last := p.all[len(p.all)-1]
	if last.Rows != r.Rows || last.Jobs != r.Jobs || last.Finished != r.Jobs || last.Expected != last.Accepted || last.Remaining != 0 {
		t.Errorf("in the end %+v", last)
	}
}

// preparing takes out what was told before anything was sent, and makes sure
// that it was not told later.
func (p *told) preparing(t *testing.T) {
	t.Helper()
	sending := func(now export.Progress) bool { return now.Preparing == "" }
	n := slices.IndexFunc(p.all, sending)
	if n < 0 || !slices.Equal(p.all[n:], slices.DeleteFunc(slices.Clone(p.all), func(now export.Progress) bool { return !sending(now) })) {
		t.Fatalf("%d of %d were told first", n, len(p.all))
	}
	p.all = p.all[n:]
}

func TestRunTellsItsProgress(t *testing.T) {
	t.Parallel()
	const rows, interval = 1200, 20 * time.Millisecond
	w := newEnv(t, simulator.Options{QueueDelay: 300 * time.Millisecond})
	w.Unsubscribe(w.listID, address(4)) // expected at first
	source := people(rows)
	source.rows[7] = []string{"ragged"}
	opened := 0
	source.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if opened == 2 && row%100 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	}
	e := w.export(source)
	e.SetBatchLimits(100, 1<<16)
	p := told{slow: interval + interval/2} // slower than the interval
	r, err := e.Run(t.Context(), w.client, export.RunOptions{Progress: p.take(t), ProgressInterval: interval})
	if err != nil {
		t.Fatal(err)
	}
	p.check(t, r)
	if last := p.all[len(p.all)-1]; last.Accepted != r.Submitted() || last.Accepted != rows-2 || last.Jobs != 12 {
		t.Errorf("in the end %+v", last)
	}
	if n := len(p.all); n < 5 || p.all[0].Elapsed < interval || p.all[0].Expected != rows-1 {
		t.Errorf("%d calls, the first is %+v", n, p.all[0])
	}
	if !slices.ContainsFunc(p.all, func(p export.Progress) bool { return 0 < p.Rows && p.Rows < rows }) ||
		!slices.ContainsFunc(p.all, func(p export.Progress) bool { return 0 < p.Accepted && p.Finished == 0 && p.Remaining > 0 }) {
		t.Errorf("nothing in between was told: %+v", p.all)
	}
}

// What Klaviyo refused at once is not expected any more in the end, and a run
// that is shorter than the interval tells its end.
func TestRunTellsItsEnd(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	for _, refused := range []int{0, 1, 3} {
		for i := range refused {
			w.RefuseEmail(address(i), "c", "d")
		}
		var p told
		r, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{Progress: p.take(t), ProgressInterval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		p.check(t, r)
		if n := len(p.all); n != 1 || p.all[0].Accepted != int64(3-refused) {
			t.Errorf("%d refused: %d calls, the last is %+v", refused, n, p.all[n-1])
		}
	}
}

// Nothing is told of a run once it is over, and a run that fails tells no end.
func TestFailedRunStopsTelling(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var over atomic.Bool
	var once sync.Once
	_, err := w.export(people(3)).Run(ctx, w.client, export.RunOptions{ProgressInterval: time.Millisecond, Progress: func(p export.Progress) {
		if over.Load() || p.Finished > 0 {
			t.Errorf("told %+v", p)
		}
		if p.Jobs > 0 {
			once.Do(cancel)
		}
	}})
	over.Store(true)
	asError(t, err, nil, "Export Interrupted")
	time.Sleep(20 * time.Millisecond)
}

// Whoever waits for a request that fails again and again is told which, whatever
// the run does.
func TestRunTellsWhatIsRepeated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows                           int
		method, path, stage, operation string
	}{
		"in the checks":   {3, "GET", "/api/lists", "nothing sent yet, checking the connection and the list; ", "get_lists"},
		"in the opt-outs": {300, "GET", "/api/profiles", "nothing sent yet, reading who unsubscribed", "get_profiles"},
		"in the lookups":  {3, "GET", "/api/profiles", "3 rows read", "get_profiles"},
		"in the imports":  {3, "POST", "/api/profile-bulk-import-jobs", "3 rows read", "bulk_import_profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			var told atomic.Bool
			w.client = newClient(t, newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == tc.method && strings.HasPrefix(r.URL.Path, tc.path) && !told.Load() {
					rw.Header().Set("Retry-After", "0")
					rw.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				next.ServeHTTP(rw, r)
			}), time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), hung)
			defer cancel()
			r, err := w.export(people(tc.rows)).Run(ctx, w.client, export.RunOptions{ProgressInterval: 5 * time.Millisecond, Progress: func(p export.Progress) {
				text := p.String()
				if p.Repeating != "" && !told.Swap(true) && (!strings.HasPrefix(text, tc.stage) || !strings.HasSuffix(text, " so far, at most 1m") ||
					!strings.Contains(text, "; Klaviyo answers 503 to "+tc.operation+"; repeated for ")) {
					t.Errorf("told %q", text)
				}
			}})
			if err != nil || !told.Load() || r.Exported != int64(tc.rows) {
				t.Errorf("told %v: %v", told.Load(), err)
			}
		})
	}
}

func TestProgressInWords(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]export.Progress{
		"0 rows read; 0 of 1 profile accepted in 0 jobs":                  {Expected: 1},
		"nothing sent yet, reading the segments; 1 row read":              {Preparing: "reading the segments", Elapsed: time.Minute, Rows: 1},
		"nothing sent yet, reading who unsubscribed":                      {Preparing: "reading who unsubscribed"},
		"nothing sent yet, checking; Klaviyo is down":                     {Preparing: "checking", Repeating: "Klaviyo is down"},
		"0 rows read; 0 of 1 profile accepted in 0 jobs; Klaviyo is down": {Expected: 1, Repeating: "Klaviyo is down"},
		"1 row read; 1 of 1 profile accepted in 1 job, 0 of them done; 1 profile a second": {
			Elapsed: time.Second, Rows: 1, Accepted: 1, Expected: 1, Jobs: 1,
		},
		"120,000 rows read; 80,000 of 100,000 profiles accepted in 8 jobs, 5 of them done; 9,800 profiles a second, about 4s left": {
			Elapsed: 8163 * time.Millisecond, Rows: 120_000, Accepted: 80_000, Expected: 100_000, Jobs: 8, Finished: 5, Remaining: 4400 * time.Millisecond,
		},
		"2,000 rows read; 1,000 of 2,000 profiles accepted in 1,200 jobs, 1,100 of them done, about 1m2s left": {
			Elapsed: 999 * time.Millisecond, Rows: 2000, Accepted: 1000, Expected: 2000, Jobs: 1200, Finished: 1100, Remaining: 62 * time.Second,
		},
		"9 rows read; 1 of 9 profiles accepted in 1 job, 1 of them done": { // less than one a second
			Elapsed: time.Minute, Rows: 9, Accepted: 1, Expected: 9, Jobs: 1, Finished: 1, Remaining: 400 * time.Millisecond,
		},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShortest(t *testing.T) {
	t.Parallel()
	for profiles, want := range map[int64]struct {
		jobs  int64
		takes time.Duration
	}{
		0: {0, 0}, 1: {1, 0}, 10_000: {1, 0}, 10_001: {2, 0}, 100_000: {10, 0}, 100_001: {11, time.Second},
		1_000_000: {100, 9 * time.Second}, 1_500_000: {150, 14 * time.Second}, 1_500_001: {151, time.Minute}, 1_600_001: {161, 61 * time.Second},
		3_000_001: {301, 2 * time.Minute},
	} {
		if jobs, takes := export.Jobs(profiles), export.Shortest(profiles); jobs != want.jobs || takes != want.takes {
			t.Errorf("%d profiles take %d jobs and %v, want %d and %v", profiles, jobs, takes, want.jobs, want.takes)
		}
	}
}
