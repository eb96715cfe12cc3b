package klaviyo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func TestImportProfilesSendsExactlyItsBody(t *testing.T) {
	t.Parallel()
	one := `{"type":"profile","attributes":{"email":"ada@example.com","properties":{"x":"\u0000é"}}}`
	many := strings.Repeat(one+",", 999) + one
	for name, tc := range map[string]struct{ listID, profiles, id string }{
		"one":              {"Y6nRLr", one, `"Y6nRLr"`},
		"many":             {"Y6nRLr", many, `"Y6nRLr"`},
		"nobody":           {"Y6nRLr", "", `"Y6nRLr"`},
		"a list id quoted": {`a"b\`, one, `"a\"b\\"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[` + tc.profiles +
				`]}},"relationships":{"lists":{"data":[{"type":"list","id":` + tc.id + `}]}}}}`
			a := serve(t, klaviyo.Options{}, html(503), drop, html(408), answer(202, jobBody))
			job, err := a.ImportProfiles(t.Context(), tc.listID, []byte(tc.profiles))
			if err != nil || job != (klaviyo.ImportJob{ID: "job-1", Status: klaviyo.JobQueued, TotalCount: -1, CompletedCount: -1, FailedCount: -1, Twice: true}) {
				t.Fatalf("job %+v, %v", job, err)
			}
			requests := a.received()
			if len(requests) != 4 {
				t.Errorf("%d requests", len(requests))
			}
			for i, r := range requests {
				if r.body != want || r.length != int64(len(want)) || !json.Valid([]byte(r.body)) {
					t.Errorf("request %d has a body of %d bytes, announced as %d; want %d", i, len(r.body), r.length, len(want))
				}
			}
			if around := len(want) - len(tc.profiles); around > klaviyo.ImportOverhead {
				t.Errorf("the envelope has %d bytes, more than %d", around, klaviyo.ImportOverhead)
			}
		})
	}
}

// Whoever looks for a job by what is in it must know that there may be two.
func TestImportsThatMayHaveBecomeTwoJobs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		want    bool
	}{
		"at once":            {[]http.HandlerFunc{answer(202, jobBody)}, false},
		"throttled":          {[]http.HandlerFunc{answer(429, "{}", "Retry-After", "0"), answer(202, jobBody)}, false},
		"an answer was lost": {[]http.HandlerFunc{drop, answer(429, "{}", "Retry-After", "0"), answer(202, jobBody)}, true},
		"503":                {[]http.HandlerFunc{html(503), truncate(202, jobBody)}, true},
		"503, then odd":      {[]http.HandlerFunc{html(503), answer(202, "")}, true},
		"503, then refused":  {[]http.HandlerFunc{html(503), problem(400, "c", "d", "")}, true},
		"odd":                {[]http.HandlerFunc{answer(202, "")}, false},
		"refused":            {[]http.HandlerFunc{problem(400, "c", "d", "")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if job, err := serve(t, klaviyo.Options{}, tc.answers...).ImportProfiles(t.Context(), "x", []byte("{}")); job.Twice != tc.want {
				t.Errorf("job %+v, error %v", job, err)
			}
		})
	}
}

func TestImportJob(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]klaviyo.ImportJob{
		`{"status":"queued","total_count":0,"completed_count":0,"failed_count":0}`:          {ID: "j", Status: klaviyo.JobQueued},
		`{"status":"processing","completed_count":null,"failed_count":null}`:                {ID: "j", Status: klaviyo.JobProcessing, TotalCount: -1, CompletedCount: -1, FailedCount: -1},
		`{"status":"complete","total_count":100,"completed_count":88,"failed_count":12}`:    {ID: "j", Status: klaviyo.JobComplete, TotalCount: 100, CompletedCount: 88, FailedCount: 12},
		`{"status":"complete","total_count":-100,"completed_count":-88,"failed_count":-12}`: {ID: "j", Status: klaviyo.JobComplete, TotalCount: -1, CompletedCount: -1, FailedCount: -1},
		`{"status":"cancelled","created_at":"yesterday","expires_at":"soon"}`:               {ID: "j", Status: klaviyo.JobCancelled, TotalCount: -1, CompletedCount: -1, FailedCount: -1},
		`{"status":"paused","failed_count":1,"created_at":"2026-08-01T14:00:00+00:00","expires_at":"2026-08-08T14:00:00+00:00"}`: {
			ID: "j", Status: "paused", TotalCount: -1, CompletedCount: -1, FailedCount: 1,
			CreatedAt: time.Date(2026, 8, 1, 14, 0, 0, 0, time.UTC), ExpiresAt: time.Date(2026, 8, 8, 14, 0, 0, 0, time.UTC),
		},
	} {
		resource := `{"type":"profile-bulk-import-job","id":"j","attributes":` + body + `}`
		got, err := serve(t, klaviyo.Options{}, answer(200, `{"data":`+resource+`}`)).ImportJob(t.Context(), "j")
		got.CreatedAt, got.ExpiresAt = got.CreatedAt.UTC(), got.ExpiresAt.UTC() // whatever their zone is called
		if err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", body, got, err, want)
		}
		if known := got.Status.Known(); known == (got.Status == "paused") {
			t.Errorf("%s known: %v", got.Status, known)
		}
		if done := got.Done(); done != (got.Status == klaviyo.JobComplete || got.Status == klaviyo.JobCancelled) {
			t.Errorf("%s done: %v", got.Status, done)
		}
		a := serve(t, klaviyo.Options{}, answer(200, `{"data":[`+resource+`,`+resource+`]}`))
		var all []klaviyo.ImportJob
		for job, err := range a.ImportJobs(t.Context(), 3) {
			if err != nil {
				t.Error(err)
			}
			all = append(all, job)
		}
		if len(all) != 2 || all[0].ID != want.ID || all[1].FailedCount != want.FailedCount {
			t.Errorf("jobs %+v", all)
		}
	}
}

func TestImportJobExpires(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 8, 14, 0, 0, 0, time.UTC)
	for want, job := range map[bool]klaviyo.ImportJob{true: {ExpiresAt: at.Add(-time.Second)}, false: {ExpiresAt: at}} {
		if job.Expired(at) != want {
			t.Errorf("a job that expires at %v is expired at %v: %v", job.ExpiresAt, at, !want)
		}
	}
	if (klaviyo.ImportJob{}).Expired(at) {
		t.Error("a job without an end is expired")
	}
}

// No more pages are asked for than are wanted, nor one more when the jobs of
// the last have been taken.
func TestImportJobsReadsSoManyPages(t *testing.T) {
	t.Parallel()
	pages := 0
	next := func(w http.ResponseWriter, r *http.Request) {
		pages++
		answer(200, fmt.Sprintf(`{"data":[{"id":"j%d","attributes":{}}],"links":{"next":"/x?page[cursor]=%d"}}`, pages, pages))(w, r)
	}
	for _, most := range []int{1, 2, 5} {
		a := serve(t, klaviyo.Options{}, next)
		jobs := 0
		for _, err := range a.ImportJobs(t.Context(), most) {
			if err != nil {
				t.Fatal(err)
			}
			jobs++
		}
		if got := len(a.received()); jobs != most || got != most {
			t.Errorf("%d jobs with %d requests, want %d", jobs, got, most)
		}
	}
}

// The lists of a job never change, so they are asked for once, and never for a
// job that the client made itself.
func TestImportJobListsAsksOnce(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, problem(404, "not_found", "No.", ""),
		answer(200, `{"data":[{"type":"list","id":"L1"},{"type":"list","id":"L2"}],"links":{"next":null}}`), answer(202, jobBody))
	if _, err := a.ImportJobLists(t.Context(), "other"); !klaviyo.IsNotFound(err) {
		t.Errorf("error %v", err)
	}
	for range 3 {
		if lists, err := a.ImportJobLists(t.Context(), "other"); err != nil || !slices.Equal(lists, []string{"L1", "L2"}) {
			t.Errorf("lists %q, %v", lists, err)
		}
	}
	job, err := a.ImportProfiles(t.Context(), "Y6nRLr", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if lists, err := a.ImportJobLists(t.Context(), job.ID); err != nil || !slices.Equal(lists, []string{"Y6nRLr"}) {
		t.Errorf("lists %q, %v", lists, err)
	}
	if got := len(a.received()); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}

func TestCheckReadScopesAsksForOnePage(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, answer(200, `{"data":[{"id":"j","attributes":{}}],"links":{"next":"/x?page[cursor]=y"}}`))
	if err := a.CheckReadScopes(t.Context()); err != nil {
		t.Error(err)
	}
	a.only(t)
	if err := serve(t, klaviyo.Options{}, problem(403, "permission_denied", "No.", "")).CheckReadScopes(t.Context()); !klaviyo.IsForbidden(err) {
		t.Errorf("error %v", err)
	}
}

func TestImportErrors(t *testing.T) {
	t.Parallel()
	item := func(code, payload, pointer string) string {
		return fmt.Sprintf(`{"type":"import-error","id":"x","attributes":{"code":%q,"title":"Not ada@example.com.","detail":"ada@example.com is taken.",`+
			`"source":{"pointer":%q},"original_payload":%s}}`, code, pointer, payload)
	}
	const at = "/data/attributes/profiles/data/7/attributes/email"
	a := serve(t, klaviyo.Options{},
		answer(200, `{"data":[`+item("c1", `{"email":"Ada@example.com"}`, at)+`],"links":{"next":"/x?page[cursor]=2"}}`),
		answer(200, `{"data":[`+item("c2", `null`, "/data")+`],"links":{"next":null}}`))
	var got []klaviyo.ImportError
	for e, err := range a.ImportErrors(t.Context(), "job-1") {
		if err != nil {
			t.Error(err)
		}
		got = append(got, e)
	}
	want := []klaviyo.ImportError{
		{Code: "c1", Title: "Not ***", Detail: "*** is taken.", Pointer: at, Email: "Ada@example.com"},
		{Code: "c2", Title: "Not ***", Detail: "*** is taken.", Pointer: "/data"},
	}
	if len(got) != 2 {
		t.Fatalf("errors %+v", got)
	}
	for i := range want {
		got[i].Title = strings.TrimSuffix(got[i].Title, ".")
		if got[i] != want[i] {
			t.Errorf("error %+v, want %+v", got[i], want[i])
		}
	}
	if i, ok := got[0].Profile(); !ok || i != 7 {
		t.Errorf("profile %d, %v", i, ok)
	}
	if i, ok := got[1].Profile(); ok {
		t.Errorf("profile %d", i)
	}
}

func TestPayloadEmail(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"email":"a@b.co"}`:                                 "a@b.co",
		`{"id":"x","email":"a@b.co","first_name":"Ada"}`:     "a@b.co",
		`{"type":"profile","attributes":{"email":"a@b.co"}}`: "a@b.co",
		`{"data":{"attributes":{"email":"a@b.co"}}}`:         "a@b.co",
		`{"attributes":{"first_name":"Ada"}}`:                "",
		`{"email":null,"attributes":{"email":"a@b.co"}}`:     "a@b.co",
		`{"email":7}`:                        "",
		`{}`:                                 "",
		`null`:                               "",
		`"a@b.co"`:                           "",
		`[]`:                                 "",
		``:                                   "",
		`{"attributes":{"email":"a@b.co"}`:   "",
		`{"attributes":{"properties":null}}`: "",
	} {
		if got := klaviyo.PayloadEmail(json.RawMessage(payload)); got != want {
			t.Errorf("%s has %q, want %q", payload, got, want)
		}
	}
}
