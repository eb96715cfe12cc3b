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

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// passing are the faults that a run is to get over, apart from where they hit.
var passing = map[string]simulator.Fault{
	"429":                    {Status: 429, Header: soon},
	"429 for a second":       {Status: 429, Header: http.Header{"Retry-After": {"1"}}},
	"429 until a date":       {Status: 429, Header: http.Header{"Retry-After": {time.Now().Add(time.Second).UTC().Format(http.TimeFormat)}}},
	"429 without a time":     {Status: 429},
	"500":                    {Status: 500, Header: soon, Body: `{"errors":[{"code":"error","title":"A server error occurred."}]}`},
	"502":                    {Status: 502, Header: soon},
	"503 with HTML":          {Status: 503, Header: soon, Body: "<html>"},
	"dropped before":         {DropBefore: true},
	"dropped after":          {DropAfter: true},
	"two drops in a row":     {DropAfter: true, Times: 2},
	"truncated":              {Truncate: true},
	"HTML answer":            {Status: 200, Body: "<html>"},
	"empty answer":           {Status: 200},
	"an answer without data": {Status: 200, Body: "{}"},
	"data that is null":      {Status: 200, Body: `{"data":null}`},
	"408":                    {Status: 408, Header: soon},
	"404 with HTML":          {Status: 404, Header: soon, Body: "<html>"},
	"delayed":                {Delay: 20 * time.Millisecond},
	"delayed and truncated":  {Delay: 20 * time.Millisecond, Truncate: true},
	"delayed for too long":   {Delay: time.Hour},
}

// places are where faults hit, each a kind of request.
var places = map[string]simulator.Fault{
	"the account":       {Path: "/api/accounts"},
	"the scopes":        {Method: "GET", Path: jobsPath},
	"the list":          {Path: "/api/list[s]"},
	"the flows":         {Path: "/api/list[s]", Nth: 2},
	"the opt-outs":      {Path: "/api/profiles"},
	"an import":         {Method: "POST", Path: jobsPath},
	"the second import": {Method: "POST", Path: jobsPath, Nth: 2},
	"the jobs":          {Method: "GET", Path: jobsPath, Nth: 2},
	"the import errors": {Path: jobsPath + "/*/import-errors"},
	"the members":       {Path: "/api/lists/*"},
}

// at is a fault that hits in a place.
func at(fault, place simulator.Fault) simulator.Fault {
	fault.Method, fault.Path, fault.Nth = place.Method, place.Path, place.Nth
	return fault
}

// notListed hides all jobs, so that each is asked for. What the others hit it
// does not: nothing tells an empty page of import errors from the truth.
var notListed = simulator.Fault{
	Method: "GET", Path: "/api/profile-bulk-import-job[s]", Nth: 2, Status: 200, Body: `{"data":[],"links":{"next":null}}`,
}

// newPatientEnv is one whose client waits for an answer only as long as a
// fault makes sense of, and tries again as often as several may demand.
func newPatientEnv(t *testing.T, options simulator.Options) *env {
	t.Helper()
	w := newEnv(t, options)
	c, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: w.URL, Timeout: 750 * time.Millisecond, RetryTimeout: 4 * time.Hour, Clock: newFastClock()})
	if err != nil {
		t.Fatal(err)
	}
	w.client = c
	return w
}

// Each fault alone, in each place.
func TestRunGetsOverFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range passing {
		for where, place := range places {
			t.Run(name+" at "+where, func(t *testing.T) {
				t.Parallel()
				runOver(t, at(fault, place))
			})
		}
	}
	for name, faults := range map[string][]simulator.Fault{
		"too large": {at(simulator.Fault{Status: 413}, places["an import"])},
		"too large in part": { // down to one profile, at worst
			at(simulator.Fault{Status: 413, Times: 3}, places["an import"]),
		},
		"not listed": {notListed},
		"never listed, and the job's answer is lost": {
			{Method: "GET", Path: jobsPath + "/*", Truncate: true},
			{Method: "GET", Path: jobsPath + "/*", Status: 503, Header: soon},
			{Method: "GET", Path: notListed.Path, Nth: 2, Times: -1, Status: 200, Body: notListed.Body},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runOver(t, faults...)
		})
	}
}

// runOver makes a run that meets the faults and is to end as if it had not.
func runOver(t *testing.T, faults ...simulator.Fault) {
	t.Helper()
	const rows = 60
	w := newPatientEnv(t, simulator.Options{})
	w.FailEmail(address(7), "c", "d")
	w.RefuseEmail(address(8), "c", "d")
	w.RefusePhone("+34600111222", "c", "d")
	w.Unsubscribe(w.listID, address(9))
	for _, f := range faults {
		w.Inject(f)
	}
	source := people(rows)
	source.rows[10][1] = "+34600111222"
	e := w.export(source)
	e.SetBatchLimits(25, 1<<16)
	r := w.runListing(t, e)
	for _, f := range w.Pending() {
		t.Errorf("a fault has not hit: %+v", f)
	}
	if r.Exported != rows-3 || r.Refused.Total != 2 || r.Withheld != 1 || r.Unwanted.Total != 1 {
		t.Errorf("result %+v", r)
	}
	w.checkMembers(t, slices.Delete(addresses(rows), 7, 10))
	if p, _ := w.Profile(address(10)); p.PhoneNumber != "" {
		t.Errorf("profile %+v", p)
	}
}

// explained is what a user reads of a run that failed.
func explained(err error) string {
	var e *diagnostic.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	summary, detail := klaviyo.Explain(err)
	return summary + ": " + detail
}

func TestRunStopsAtOnceWhenTheKeyIsRevoked(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
	var revoked atomic.Bool
	source := people(2500).waitFor(1300, func() bool {
		if !w.polled() {
			return false
		}
		if revoked.CompareAndSwap(false, true) {
			w.RevokeKey(testKey)
		}
		return true
	})
	e := w.export(source)
	e.SetBatchLimits(1000, 1<<18)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "API Key Refused", "401", "accepted but not finished 1 job with 1,000 profiles", "Apply again")
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
			w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
			w.client = newClient(t, w.URL, impatient)
			var armed atomic.Bool
			method, path, _ := strings.Cut(path, " ")
			source := people(2500).waitFor(1300, func() bool {
				if !w.polled() {
					return false
				}
				if armed.CompareAndSwap(false, true) {
					w.Inject(simulator.Fault{Method: method, Path: path, Times: -1, Status: 503, Header: soon})
				}
				return true
			})
			e := w.export(source)
			e.SetBatchLimits(1000, 1<<18)
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, nil, "Klaviyo Fails", "gave up after ", "503", "00 profiles (", "Apply again")
			if klaviyo.StatusOf(err) != 503 {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRunThatCouldSendNothing(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.client = newClient(t, w.URL, impatient)
	w.Inject(simulator.Fault{Method: "POST", Times: -1, Status: 503, Header: soon})
	_, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Klaviyo Fails", "3 profiles were under way and may have arrived: rows 1 to 3 of segment \"s1\".")
	w.checkMembers(t, nil)
}

func TestRunSaysWhichScopeIsMissing(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	const key = "pk_reads_only"
	w.AddKey(key, "accounts:read", "flows:read", "lists:read", "profiles:read")
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
			w := newEnv(t, simulator.Options{})
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
	w := newEnv(t, simulator.Options{})
	w.CancelJobs(1)
	first, second := people(2), people(30)
	second.rows[29] = []string{"ragged"} // the last row sent is the one before
	e := w.export(first, second)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Klaviyo Cancelled Imports", "cancelled 1 import job of this run", "with 29 profiles, row 1 of segment \"s1\" to row 29 of segment \"s2\"", "Apply again")
	if strings.Contains(err.Error(), "by itself") {
		t.Errorf("the job is said to be open: %v", err)
	}
	w.checkMembers(t, nil)
	second.rows[29] = people(30).rows[29]
	w.run(t, e)
	w.checkMembers(t, addresses(30))
}

func TestRunThatFailsCanBeRunAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Inject(simulator.Fault{Method: "POST", Nth: 2, Times: -1, Status: 400, Body: `{"errors":[{"title":"Down.","source":{"pointer":"/data"}}]}`})
	e := w.export(people(2500))
	e.SetBatchLimits(1000, 1<<18)
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Klaviyo Refused The Request", "Down.")
	other := newEnv(t, simulator.Options{})
	other.AddMembers(other.listID, w.MemberEmails(w.listID)...) // what had arrived
	e.ListID = other.listID
	other.run(t, e)
	other.checkMembers(t, addresses(2500))
}

func TestNoErrorOfARunShowsPersonalData(t *testing.T) {
	t.Parallel()
	for _, fault := range []simulator.Fault{
		{Method: "POST", Status: 400, Body: `{"errors":[{"detail":"p1@example.com is odd.","source":{"pointer":"/data"}}]}`},
		{Method: "POST", Status: 422, Body: `{"errors":[{"detail":"p1@example.com is odd with ` + testKey + `."}]}`},
		{Method: "POST", Status: 401, Body: `{"errors":[{"detail":"` + testKey + ` is not known."}]}`},
	} {
		w := newEnv(t, simulator.Options{})
		w.Inject(fault)
		_, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
		if text := explained(err); err == nil || strings.Contains(text, "@") || strings.Contains(text, testKey) {
			t.Errorf("error %q", text)
		}
	}
}
