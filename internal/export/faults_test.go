package export_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// passing are the faults that a run is to get over, apart from where they hit.
var passing = map[string]simulator.Fault{
	"429":                   {Status: 429, Header: soon},
	"500":                   {Status: 500, Header: soon, Body: `{"errors":[{"code":"error","title":"A server error occurred."}]}`},
	"503 with HTML":         {Status: 503, Header: soon, Body: "<html>"},
	"dropped before":        {DropBefore: true},
	"dropped after":         {DropAfter: true},
	"truncated":             {Truncate: true},
	"HTML answer":           {Status: 200, Body: "<html>"},
	"empty answer":          {Status: 200},
	"429 without a time":    {Status: 429},
	"two drops in a row":    {DropAfter: true, Times: 2},
	"delayed and truncated": {Delay: 20 * time.Millisecond, Truncate: true},
}

func TestRunGetsOverFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range passing {
		for where, path := range map[string]string{
			"POST jobs": jobsPath, "GET jobs": jobsPath, "GET errors": jobsPath + "/*/import-errors", "GET list": "/api/lists/*", "GET account": "/api/accounts",
		} {
			t.Run(name+" at "+where, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, simulator.Options{})
				w.FailEmail(address(7), "c", "d")
				w.RefuseEmail(address(8), "c", "d")
				f := fault
				f.Method, f.Path, _ = strings.Cut(where, " ")
				f.Path = path
				w.Inject(f)
				r := w.run(t, w.export(people(300)))
				if r.Exported != 298 || r.Refused.Total != 2 {
					t.Errorf("result %+v", r)
				}
				w.checkMembers(t, slices.DeleteFunc(addresses(300), func(a string) bool { return a == address(7) || a == address(8) }))
			})
		}
	}
}

// explained is what a user reads of a run that failed.
func explained(err error) string {
	var e *export.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	summary, detail := klaviyo.Explain(err)
	return summary + ": " + detail
}

func TestRunStopsAtOnceWhenTheKeyIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{QueueDelay: time.Hour})
	var revoked atomic.Bool
	source := people(25_000).waitFor(10_300, func() bool {
		if !w.polled() {
			return false
		}
		if revoked.CompareAndSwap(false, true) {
			w.RevokeKey(testKey)
		}
		return true
	})
	_, err := w.export(source).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "API Key Refused", "401", "accepted but not finished 1 job with 10,000 profiles", "Apply again")
	if !klaviyo.IsUnauthorized(err) {
		t.Errorf("error %v", err)
	}
	refused := 0
	for _, r := range w.imports() {
		if r.Status == http.StatusUnauthorized {
			refused++
		}
	}
	if refused > 6 { // as many as were under way
		t.Errorf("%d imports were refused", refused)
	}
}

func TestRunGivesUpWhenRetriesAreExhausted(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"imports": "POST " + jobsPath, "polls": "GET " + jobsPath} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{QueueDelay: time.Hour})
			w.client = newClient(t, w.URL, 2)
			var armed atomic.Bool
			method, path, _ := strings.Cut(path, " ")
			source := people(25_000).waitFor(10_300, func() bool {
				if !w.polled() {
					return false
				}
				if armed.CompareAndSwap(false, true) {
					w.Inject(simulator.Fault{Method: method, Path: path, Times: -1, Status: 503, Header: soon})
				}
				return true
			})
			_, err := w.export(source).Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, nil, "Klaviyo Fails", "gave up after 3 attempts", "503", ",000 profiles (", "Apply again")
			if klaviyo.StatusOf(err) != 503 {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRunThatCouldSendNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.client = newClient(t, w.URL, 1)
	w.Inject(simulator.Fault{Method: "POST", Times: -1, Status: 503, Header: soon})
	_, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Klaviyo Fails", "3 profiles were under way and may have arrived: rows 1 to 3 of segment \"s1\".")
	w.checkMembers(t, nil)
}

func TestRunSaysWhichScopeIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	const key = "pk_reads_only"
	w.AddKey(key, "accounts:read", "lists:read", "profiles:read")
	client, err := klaviyo.New(klaviyo.Options{APIKey: key, BaseURL: w.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.export(people(3)).Run(t.Context(), client, export.RunOptions{})
	asError(t, err, nil, "API Key Lacks A Scope", "It needs the scopes lists:write and profiles:write.")
	if n := len(w.imports()); n != 1 {
		t.Errorf("%d imports", n)
	}
}

func TestRunWhenTheListIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"before the import": "POST", "after the import": "GET"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			w.OnRequest(func(r *http.Request) {
				if r.Method == method && (method == "POST" || r.URL.Query().Get("page[size]") == "100") {
					w.DeleteList(w.listID)
				}
			})
			_, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, []string{"list_id"}, "List Not Found")
			if method == "POST" && !strings.Contains(err.Error(), fmt.Sprintf("List ID %s does not exist.", w.listID)) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRunSaysWhichRowsACancelledJobHad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.CancelJobs(1)
	first, second := people(2), people(30)
	second.rows[29] = []string{"ragged"} // the last row sent is the one before
	e := w.export(first, second)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Klaviyo Cancelled An Import", "with 29 profiles, row 1 of segment \"s1\" to row 29 of segment \"s2\"", "Apply again")
	w.checkMembers(t, nil)
	second.rows[29] = people(30).rows[29]
	w.run(t, e)
	w.checkMembers(t, addresses(30))
}

func TestRunThatFailsCanBeRunAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.Inject(simulator.Fault{Method: "POST", Nth: 2, Times: -1, Status: 400, Body: `{"errors":[{"title":"Down.","source":{"pointer":"/data"}}]}`})
	e := w.export(people(25_000))
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Klaviyo Refused The Request", "Down.")
	other := newWorld(t, simulator.Options{})
	other.AddMembers(other.listID, w.MemberEmails(w.listID)...) // what had arrived
	e.ListID = other.listID
	other.run(t, e)
	other.checkMembers(t, addresses(25_000))
}

func TestNoErrorOfARunShowsPersonalData(t *testing.T) {
	t.Parallel()
	for _, fault := range []simulator.Fault{
		{Method: "POST", Status: 400, Body: `{"errors":[{"detail":"p1@example.com is odd.","source":{"pointer":"/data"}}]}`},
		{Method: "POST", Status: 422, Body: `{"errors":[{"detail":"p1@example.com is odd with ` + testKey + `."}]}`},
		{Method: "POST", Status: 401, Body: `{"errors":[{"detail":"` + testKey + ` is not known."}]}`},
	} {
		w := newWorld(t, simulator.Options{})
		w.Inject(fault)
		_, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
		if text := explained(err); err == nil || strings.Contains(text, "@") || strings.Contains(text, testKey) {
			t.Errorf("error %q", text)
		}
	}
}
