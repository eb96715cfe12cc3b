package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

func TestRun(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: 50 * time.Millisecond, ProcessDelay: 50 * time.Millisecond})
	w.AddMembers(w.listID, "stranger@example.com", address(3))
	first, second := people(30), people(60)
	first.rows[5] = []string{"not an address", "", "", ""}
	first.rows[6] = []string{"ragged"}
	first.rows[7] = []string{" P7@Example.COM", "nonsense", "7.50", "gold"}
	e := w.export(first, second)
	s, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := w.run(t, e)
	if r.Rows != 90 || r.Exported != 60 || r.Duplicates != 28 || r.Rejected.Total != 2 || r.Refused.Total != 0 || r.Dropped.Total != 1 || r.Jobs != 1 {
		t.Errorf("result %+v", r)
	}
	if r.Fingerprint != s.Fingerprint || r.ListName != "VIP" || r.ListProfileCount != 61 {
		t.Errorf("fingerprint %s of %s, list %q with %d", r.Fingerprint, s.Fingerprint, r.ListName, r.ListProfileCount)
	}
	w.checkMembers(t, append(addresses(60), "stranger@example.com"))
	p, _ := w.Profile(address(7))
	if p.Properties["text"] != "gold" || fmt.Sprint(p.Properties["n"]) != "7.5" || p.PhoneNumber != "" {
		t.Errorf("profile %+v", p)
	}
	// A second run changes nothing and says the same.
	again := w.run(t, e)
	if again.Fingerprint != r.Fingerprint || again.Exported != 60 || again.ID == r.ID || again.ListProfileCount != 61 {
		t.Errorf("again: %+v", again)
	}
}

func TestRunRefusedProfiles(t *testing.T) {
	t.Parallel()
	const code, detail = "not_welcome", "Nobody wants them."
	for name, tc := range map[string]struct {
		options simulator.Options
		refuse  func(w *env, i int)
		rows    int
		every   int // which rows are not taken
	}{
		"refused at once":         {simulator.Options{}, func(w *env, i int) { w.RefuseEmail(address(i), code, detail) }, 500, 25},
		"refused one by one":      {simulator.Options{MaxErrorsPerResponse: 1}, func(w *env, i int) { w.RefuseEmail(address(i), code, detail) }, 400, 20},
		"refused all":             {simulator.Options{}, func(w *env, i int) { w.RefuseEmail(address(i), code, detail) }, 90, 1},
		"refused in some batches": {simulator.Options{MaxErrorsPerResponse: 3}, func(w *env, i int) { w.RefuseEmail(address(i), code, detail) }, 1200, 100},
		"failed later":            {simulator.Options{}, func(w *env, i int) { w.FailEmail(address(i), code, detail) }, 1000, 4}, // three pages
		"failed, null counts":     {simulator.Options{NullCounts: true}, func(w *env, i int) { w.FailEmail(address(i), code, detail) }, 300, 2},
		"failed all":              {simulator.Options{}, func(w *env, i int) { w.FailEmail(address(i), code, detail) }, 120, 1},
		"both": {simulator.Options{}, func(w *env, i int) {
			if i%2 == 0 {
				w.RefuseEmail(address(i), code, detail)
			} else {
				w.FailEmail(address(i), code, detail)
			}
		}, 700, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, tc.options)
			var taken []string
			var first []tally.Row
			for i := range tc.rows {
				if i%tc.every != 0 {
					taken = append(taken, address(i))
					continue
				}
				tc.refuse(w, i)
				first = append(first, tally.Row{Segment: "s1", Number: int64(i + 1)})
			}
			source := people(tc.rows)
			for i := range source.rows { // what Klaviyo reports has another case
				source.rows[i][0] = strings.ToUpper(source.rows[i][0])
			}
			e := w.export(source)
			e.SetBatchLimits(1000, 1<<18)
			r := w.run(t, e)
			if r.Refused.Total != int64(len(first)) || r.Exported != int64(len(taken)) {
				t.Errorf("%d refused and %d exported, want %d and %d", r.Refused.Total, r.Exported, len(first), len(taken))
			}
			w.checkMembers(t, taken)
			reasons := r.Refused.Reasons()
			if len(reasons) != 1 {
				t.Fatalf("reasons %+v", reasons)
			}
			got := reasons[0]
			if got.Code != code || got.Words != "Klaviyo: "+detail || got.Target != (profile.Target{Group: "klaviyo", Name: "email"}) {
				t.Errorf("reason %+v", got)
			}
			if want := first[:min(5, len(first))]; !slices.Equal(got.First, want) {
				t.Errorf("rows %v, want %v", got.First, want)
			}
			if strings.Contains(r.Refused.String(), "@") {
				t.Errorf("an address is shown: %s", r.Refused.String())
			}
		})
	}
}

// bodies checks every import that was accepted and counts their profiles.
func (w *env) bodies(t *testing.T) (sizes []int) {
	t.Helper()
	for _, r := range w.imports() {
		profiles := bytes.Count(r.Body, []byte(`{"type":"profile",`))
		if r.BodySize > 5_000_000 || profiles > 10_000 || profiles == 0 || !json.Valid(r.Body) {
			t.Errorf("an import of %d profiles and %d bytes", profiles, r.BodySize)
		}
		if r.Status == http.StatusAccepted {
			sizes = append(sizes, profiles)
		}
	}
	return sizes
}

func TestRunFillsBatchesByNumber(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	r := w.run(t, w.export(people(25_000)))
	sizes := w.bodies(t)
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{5000, 10_000, 10_000}) || r.Jobs != 3 || r.Exported != 25_000 {
		t.Errorf("batches of %v, result %+v", sizes, r)
	}
	w.checkMembers(t, addresses(25_000))
}

func TestRunFillsBatchesBySize(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	source := people(160)
	for i := range source.rows {
		source.rows[i][3] = strings.Repeat("x", 60_000+(i%5)*9_900) // to just below 100 KB
	}
	source.rows[80][3] = strings.Repeat("x", 100_000)
	r := w.run(t, w.export(source))
	sizes := w.bodies(t)
	if len(sizes) < 3 || r.Exported != 159 || r.Rejected.Total != 1 || r.Rejected.Reasons()[0].Code != "profile_too_large" {
		t.Errorf("batches of %v, result %+v", sizes, r)
	}
	full := 0
	for _, request := range w.imports() {
		if request.BodySize > 4_800_000 {
			full++
		}
	}
	if full < len(sizes)-1 {
		t.Errorf("only %d of %d batches are full", full, len(sizes))
	}
}

func TestRunHalvesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	w.Inject(simulator.Fault{Method: "POST", Path: jobsPath, Times: 4, Status: 413, Body: `{"errors":[]}`})
	w.RefuseEmail(address(1), "c", "d")
	w.FailEmail(address(98), "c", "d")
	r := w.run(t, w.export(people(100)))
	if r.Exported != 98 || r.Refused.Total != 2 || r.Jobs < 2 {
		t.Errorf("result %+v", r)
	}
	if got := r.Refused.Reasons()[0].First; !slices.Contains(got, tally.Row{Segment: "s1", Number: 2}) || !slices.Contains(got, tally.Row{Segment: "s1", Number: 99}) {
		t.Errorf("refused %v", got)
	}
	total := 0
	for _, n := range w.bodies(t) {
		total += n
	}
	if total != 99 {
		t.Errorf("%d profiles accepted", total)
	}
}

func TestRunTakesManyJobs(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{QueueDelay: 300 * time.Millisecond})
	for range 150 { // more than a page of other jobs before this run's
		job, err := w.client.ImportProfiles(t.Context(), w.listID, []byte(`{"type":"profile","attributes":{"email":"x@example.com"}}`))
		if err != nil || job.ID == "" {
			t.Fatal(err)
		}
	}
	w.ResetRequests()
	r := w.run(t, w.export(people(50)))
	if r.Jobs != 1 || r.Exported != 50 {
		t.Errorf("result %+v", r)
	}
	for _, request := range w.Requests() {
		if strings.HasPrefix(request.Path, jobsPath+"/") {
			t.Errorf("asks for %s", request.Path)
		}
	}
}

func TestRunAgainstATwinOfTheJob(t *testing.T) {
	t.Parallel()
	// The answer is lost after the import was taken: the second import is the one to follow.
	w := newEnv(t, simulator.Options{})
	w.Inject(simulator.Fault{Method: "POST", DropAfter: true})
	w.FailEmail(address(2), "c", "d")
	r := w.run(t, w.export(people(5)))
	if r.Jobs != 1 || r.Exported != 4 || r.Refused.Total != 1 || len(w.imports()) != 2 {
		t.Errorf("result %+v", r)
	}
}

func TestRunCountsARowOnceHoweverOftenItFails(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.FailEmail(address(3), "first", "One reason.")
	proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
		if strings.HasSuffix(r.URL.Path, "/import-errors") { // a second reason for the same profile
			var doc struct {
				Data  []map[string]any `json:"data"`
				Links map[string]any   `json:"links"`
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &doc); err != nil {
				t.Error(err)
			}
			for _, e := range slices.Clone(doc.Data) {
				second := map[string]any{"type": "import-error", "id": "second", "attributes": map[string]any{
					"code": "second", "title": "t", "detail": "Another reason.", "source": e["attributes"].(map[string]any)["source"],
					"original_payload": e["attributes"].(map[string]any)["original_payload"],
				}}
				doc.Data = append(doc.Data, second)
			}
			body, err := json.Marshal(doc)
			if err != nil {
				t.Error(err)
			}
			answer.Body = bytes.NewBuffer(body)
		}
	})
	r, err := w.export(people(10)).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	if r.Exported != 9 || r.Refused.Total != 1 {
		t.Errorf("%d exported and %d refused, want 9 and 1: %s", r.Exported, r.Refused.Total, r.Refused.String())
	}
}

// A failed profile that Klaviyo hardly names is still not exported, and found
// by whatever Klaviyo tells of it.
func TestRunFindsTheRowOfAFailure(t *testing.T) {
	t.Parallel()
	pointer := regexp.MustCompile(`"pointer": ?"[^"]*"`)
	fourth := []tally.Row{{Segment: "s1", Number: 4}}
	for name, tc := range map[string]struct {
		edit func(body string) string
		code string
		rows []tally.Row
	}{
		"nothing listed": {func(string) string { return `{"data":[],"links":{"next":null}}` }, "not_imported", []tally.Row{{}}},
		"by its pointer": {func(body string) string { return strings.ReplaceAll(body, `"email":"`, `"elsewhere":"`) }, "c", fourth},
		"by its address": {func(body string) string { return pointer.ReplaceAllString(body, `"pointer":"/data"`) }, "c", fourth},
		"by another spelling": {func(body string) string {
			return strings.ReplaceAll(pointer.ReplaceAllString(body, `"pointer":""`), "p3@", "P3@")
		}, "c", fourth},
		"by nothing": {func(body string) string {
			return strings.ReplaceAll(pointer.ReplaceAllString(body, `"pointer":"/data"`), `"email":"`, `"elsewhere":"`)
		}, "c", []tally.Row{{}}},
		"by a profile that there is not": {func(body string) string {
			return strings.NewReplacer("/data/3/", "/data/10/", `"email":"`, `"elsewhere":"`).Replace(body)
		}, "c", []tally.Row{{}}},
		"by none that can be": {func(body string) string {
			return strings.NewReplacer("/data/3/", "/data/4294967299/", `"email":"`, `"elsewhere":"`).Replace(body)
		}, "c", []tally.Row{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			w.FailEmail(address(3), "c", "d")
			proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
				if strings.HasSuffix(r.URL.Path, "/import-errors") {
					answer.Body = bytes.NewBufferString(tc.edit(answer.Body.String()))
				}
			})
			r, err := w.export(people(10)).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if checkAccounting(t, r); r.Exported != 9 || r.Failed() != 1 {
				t.Fatalf("result %+v", r)
			}
			if reason := slices.Concat(r.Refused.Reasons(), r.Untaken.Reasons())[0]; reason.Code != tc.code || !slices.Equal(reason.First, tc.rows) {
				t.Errorf("reason %+v", reason)
			}
		})
	}
}

// A job that is not among the account's is asked for by its id.
func TestRunAsksForAJobThatIsNotListed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := record(next, r)
		if r.Method == http.MethodGet && r.URL.Path == jobsPath {
			answer.Body = bytes.NewBufferString(`{"data":[],"links":{"next":null}}`)
		}
		replay(rw, answer)
	})
	r, err := w.export(people(10)).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if checkAccounting(t, r); r.Exported != 10 || r.Jobs != 1 {
		t.Errorf("result %+v", r)
	}
}

// What Klaviyo refuses need not be an identifier.
func TestRunNamesTheFieldThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.export(people(10))
	e.Mapping.Properties["$reserved"] = profile.Property{Column: "text"} // the schema would have refused this
	e.Segments[0].Source.(*table).rows[7][3] = "x"
	r := w.run(t, e)
	w.checkMembers(t, slices.Concat(addresses(7), addresses(10)[8:]))
	reason := r.Refused.Reasons()[0]
	if reason.Target != (profile.Target{Group: "klaviyo", Name: "properties/$reserved"}) || !slices.Equal(reason.First, []tally.Row{{Segment: "s1", Number: 8}}) {
		t.Errorf("reason %+v", reason)
	}
}

// Batches are used again while the jobs of their earlier contents are open.
func TestRunRemembersTheRowsOfOpenJobs(t *testing.T) {
	t.Parallel()
	const rows, batchRows = 8500, 1000
	w := newEnv(t, simulator.Options{QueueDelay: time.Second})
	var want []tally.Row
	for i := 3; i < rows; i += 2000 {
		w.FailEmail(address(i), fmt.Sprint("failed ", i), "No.")
		want = append(want, tally.Row{Segment: "s1", Number: int64(i + 1)})
	}
	e := w.export(people(rows))
	e.SetBatchLimits(batchRows, 1<<18)
	r := w.run(t, e)
	var got []tally.Row
	for _, reason := range r.Refused.Reasons() { // one each, since the codes differ
		got = append(got, reason.First...)
	}
	slices.SortFunc(got, func(a, b tally.Row) int { return int(a.Number - b.Number) })
	if r.Jobs != 9 || r.Exported != rows-int64(len(want)) || !slices.Equal(got, want) {
		t.Errorf("refused %v in %d jobs, want %v", got, r.Jobs, want)
	}
}
