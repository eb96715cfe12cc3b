package export_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// oddAnswers are those of an import that was accepted, which do not name its
// job.
var oddAnswers = map[string]simulator.Fault{
	"empty":      {Status: http.StatusAccepted},
	"HTML":       {Status: http.StatusOK, Body: "<html>"},
	"no data":    {Status: http.StatusAccepted, Body: "{}"},
	"no id":      {Status: http.StatusAccepted, Body: `{"data":{"type":"profile-bulk-import-job"}}`},
	"no content": {Status: http.StatusNoContent},
}

// An import that was accepted is not sent again for the sake of a better answer:
// its job is among the account's.
func TestRunFindsTheJobOfAnImportThatWasAccepted(t *testing.T) {
	t.Parallel()
	const rows, jobs = 60, 3 // of 25, 25 and 10 profiles
	faults := map[string]simulator.Fault{"truncated": {Truncate: true}}
	for name, fault := range oddAnswers {
		fault.Done = true
		faults[name] = fault
	}
	for name, fault := range faults {
		for where, place := range map[string]simulator.Fault{"first": {Nth: 1}, "second": {Nth: 2}, "all": {Times: -1}} {
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{})
				for _, i := range []int{3, 30, 55} {
					w.FailEmail(address(i), "c", "d")
				}
				fault := fault // that of this test alone
				fault.Method, fault.Path, fault.Nth, fault.Times = http.MethodPost, jobsPath, place.Nth, place.Times
				w.Inject(fault)
				e := w.export(people(rows))
				e.SetBatchLimits(25, 1<<16)
				run := w.runListing
				if where == "all" { // then the file of rejects has rows that are not known
					run = w.run
				}
				r := run(t, e)
				if len(w.Pending()) > 0 || len(w.imports()) != jobs || r.Jobs != jobs || r.Exported != rows-3 {
					t.Errorf("%d imports, result %+v", len(w.imports()), r)
				}
				var places []string
				for _, reason := range r.Refused.Reasons() {
					for _, row := range reason.First {
						places = append(places, tally.Thousands(row.Number))
					}
				}
				// Whose job is whose is not known of two that are lost at once, but
				// nobody is told of the wrong row.
				for _, row := range places {
					if row != "4" && row != "31" && row != "56" && row != "0" {
						t.Errorf("the rows refused are %q", places)
					}
				}
				if where != "all" && strings.Join(places, " ") != "4 31 56" {
					t.Errorf("the rows refused are %q", places)
				}
				var want []string
				for i, a := range addresses(rows) {
					if i != 3 && i != 30 && i != 55 {
						want = append(want, a)
					}
				}
				w.checkMembers(t, want)
			})
		}
	}
}

// Klaviyo's clock may be another: its answers and its jobs are dated by the same.
func TestRunFindsTheJobOfAnImportByAnotherClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-50 * time.Minute, 50 * time.Minute} {
		w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
		fault := oddAnswers["empty"]
		fault.Done = true
		w.Inject(at(fault, places["an import"]))
		if r := w.run(t, w.export(people(60))); r.Exported != 60 || len(w.imports()) != 1 {
			t.Errorf("%v ahead: %d imports, result %+v", ahead, len(w.imports()), r)
		}
	}
}

// What is answered in Klaviyo's place has not arrived: it is sent once more.
func TestRunSendsAgainWhatHasNoJob(t *testing.T) {
	t.Parallel()
	for name, fault := range oddAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			w.Inject(at(fault, places["an import"]))
			if r := w.run(t, w.export(people(60))); r.Exported != 60 || r.Jobs != 1 || len(w.imports()) != 2 {
				t.Errorf("%d imports, result %+v", len(w.imports()), r)
			}
			w.checkMembers(t, addresses(60))
		})
	}
}

// When that is always answered in the same way, the run ends and says how.
func TestRunEndsWhenImportsHaveNoJobs(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Inject(simulator.Fault{
		Method: http.MethodPost, Times: -1, Status: http.StatusOK,
		Body: "<h1>Welcome</h1>\n<p>\x1b[1m " + address(1) + ", call 600 111 222, your key is " + testKey + "</p>" + strings.Repeat("x", 1000),
	})
	_, err := w.export(people(60)).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Imports Accepted Without A Job", "60 profiles (rows 1 to 60 of segment \"s1\")", "with success 4 times", "status 200",
		`begins with "<h1>Welcome</h1> <p>\x1b[1m ***, call ***, your key is pk_***</p>xxx`, "60 profiles were under way and may have arrived", "base_url", "Apply again")
	if n := len(w.imports()); n != 4 {
		t.Errorf("%d imports", n)
	}
}

// A job of as many profiles need not be that of the run.
func TestRunDoesNotTakeTheJobOfAnother(t *testing.T) {
	t.Parallel()
	import60 := func(t *testing.T, k *tracked, list string) {
		t.Helper()
		var profiles strings.Builder
		for i := range 60 {
			if i > 0 {
				profiles.WriteByte(',')
			}
			profiles.WriteString(`{"type":"profile","attributes":{"email":"other` + tally.Thousands(int64(i)) + `@example.org"}}`)
		}
		if _, err := newClient(t, k.URL, patient).ImportProfiles(t.Context(), list, []byte(profiles.String())); err != nil {
			t.Error(err)
		}
	}
	for name, other := range map[string]func(*testing.T, *tracked){
		"for another list": func(t *testing.T, k *tracked) {
			import60(t, k, k.AddList(simulator.List{Name: "Others"}).ID)
		},
		"of a minute ago": func(t *testing.T, k *tracked) {
			k.ahead.Add(-60)
			import60(t, k, k.listID)
			k.ahead.Add(60)
		},
		"of a minute ago, by another clock": func(t *testing.T, k *tracked) {
			k.ahead.Add(-60)
			import60(t, k, k.listID)
			k.ahead.Add(60)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newTracked(t, false)
			if strings.Contains(name, "another clock") {
				k.ahead.Add(-1800)
			}
			// After the run has looked for earlier jobs, which it would wait for.
			var made atomic.Bool
			k.OnRequest(func(r *http.Request) {
				if r.Method == http.MethodPost && r.URL.Path == jobsPath && made.CompareAndSwap(false, true) {
					other(t, k)
					k.Inject(at(oddAnswers["HTML"], places["an import"]))
				}
			})
			const sent = 1 // by the other
			o := k.whenAccepted(1, func() { k.ahead.Add(3600) })
			r, err := k.export(people(60)).Run(t.Context(), k.client, o)
			if err != nil || r.Exported != 60 || len(k.imports())-sent != 2 {
				t.Fatalf("%d imports, result %+v, error %v", len(k.imports())-sent, r, err)
			}
			members := map[string]bool{}
			for _, a := range k.MemberEmails(k.listID) {
				members[a] = true
			}
			for _, a := range addresses(60) {
				if !members[a] {
					t.Fatalf("%s is not on the list", a)
				}
			}
		})
	}
}

// Two batches of as many profiles are lost at once, and there is one job: whose
// it is is not known, so both are sent again.
func TestRunDoesNotGuessWhoseJobItIs(t *testing.T) {
	t.Parallel()
	for i := range 4 { // either may come first
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			done := oddAnswers["empty"]
			done.Done = true
			w.Inject(at(done, places["an import"]))
			w.Inject(at(oddAnswers["empty"], places["an import"]))
			holdImports(w, 2)
			e := w.export(people(50))
			e.SetBatchLimits(25, 1<<16)
			if r := w.run(t, e); r.Exported != 50 || r.Jobs != 2 || len(w.imports()) != 4 {
				t.Errorf("%d imports, result %+v", len(w.imports()), r)
			}
			w.checkMembers(t, addresses(50))
		})
	}
}

// An import of which an answer was lost may have become two jobs, and another of
// as many profiles none: the one that is too many is not that of the other.
func TestRunDoesNotTakeAJobThatIsOneTooMany(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Inject(at(simulator.Fault{DropAfter: true}, places["an import"]))
	w.Inject(at(oddAnswers["HTML"], places["an import"]))
	holdImports(w, 2)
	e := w.export(people(50))
	e.SetBatchLimits(25, 1<<16)
	if r := w.run(t, e); r.Exported != 50 || r.Jobs != 2 || len(w.imports()) != 4 {
		t.Errorf("%d imports, result %+v", len(w.imports()), r)
	}
	w.checkMembers(t, addresses(50))
}

// holdImports lets the first imports be handled when so many have arrived.
func holdImports(w *env, n int) {
	var arriving sync.WaitGroup
	arriving.Add(n)
	var arrived atomic.Int32
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && int(arrived.Add(1)) <= n {
			arriving.Done()
			arriving.Wait()
		}
	})
}

// A run that ends while it looks for a job says so.
func TestRunInterruptedWhileLookingForAJob(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Inject(at(oddAnswers["HTML"], places["an import"]))
	_, err := w.export(people(60)).Run(endsAt(t, "which is looked for"), w.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted", "The export was ended: timeouts.create of 25s is over. Klaviyo had accepted an import without naming the job that it became, which was being looked for: ",
		`begins with "<html>"`, "60 profiles were under way and may have arrived")
	if n := len(w.imports()); n != 1 {
		t.Errorf("%d imports", n)
	}
}

// What cannot be looked for ends the run with the reason of that.
func TestRunThatCannotLookForAJob(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := newEnv(t, simulator.Options{})
	done := oddAnswers["empty"]
	done.Done = true
	w.Inject(at(done, places["an import"]))
	w.Inject(simulator.Fault{Path: jobsPath + "/*/relationships/lists", Times: -1, Status: http.StatusForbidden, Body: `{"errors":[{"detail":"No."}]}`})
	_, err := w.export(people(60)).Run(ctx, w.client, export.RunOptions{})
	asError(t, err, nil, "API Key Lacks A Scope", "get_list_ids_for_bulk_import_profiles_job", "60 profiles were under way and may have arrived")
}
