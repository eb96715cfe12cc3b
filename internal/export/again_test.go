package export_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Klaviyo's words for a profile that it did not import because of itself.
const (
	troubleCode   = "internal_server_error"
	troubleDetail = "A server error occurred. Please try again."
)

// onRound calls a function before the imports of a round after the first. All
// imports of the first round must fit into one request.
func (w *env) onRound(round int, do func()) {
	var imports atomic.Int64
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == jobsPath && imports.Add(1) == int64(round)+1 {
			do()
		}
	})
}

// Profiles that fail because of trouble in Klaviyo are sent again in the same
// run, only they, and arrive.
func TestRunSendsAgainWhatFailedInKlaviyo(t *testing.T) {
	t.Parallel()
	const rows, every = 3000, 40
	for name, rounds := range map[string]int{"once": 1, "twice": 2, "each time but the last": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			trouble := addressesEvery(rows, every)
			for _, a := range trouble {
				w.FailEmail(a, troubleCode, troubleDetail)
			}
			w.onRound(rounds, func() {
				for _, a := range trouble {
					w.TakeEmail(a)
				}
			})
			r := w.run(t, w.export(people(rows)))
			if r.Exported != rows || r.Failed() != 0 {
				t.Errorf("%d exported, %d refused, %d not taken", r.Exported, r.Refused.Total, r.Untaken.Total)
			}
			w.checkMembers(t, addresses(rows))
			sizes := w.bodies(t)
			if len(sizes) != rounds+1 || sizes[0] != rows {
				t.Fatalf("imports of %v profiles", sizes)
			}
			for _, again := range sizes[1:] {
				if again != len(trouble) {
					t.Errorf("imports of %v profiles, want %d again", sizes, len(trouble))
				}
			}
		})
	}
}

// Who fails each time is reported with Klaviyo's reason, and counted, since the
// next run may succeed.
func TestRunGivesUpOnWhatFailsEachTime(t *testing.T) {
	t.Parallel()
	const rows, every = 400, 40
	w := newEnv(t, simulator.Options{KeepBodies: true})
	trouble := addressesEvery(rows, every)
	for _, a := range trouble {
		w.FailEmail(a, troubleCode, troubleDetail)
	}
	w.FailEmail(address(1), "invalid", "Nobody wants them.")
	r := w.run(t, w.export(people(rows)))
	lost := int64(len(trouble))
	if r.Refused.Total != 1 || r.Untaken.Total != lost || r.Failed() != lost+1 || r.Exported != rows-lost-1 {
		t.Errorf("%d refused, %d not taken, %d exported", r.Refused.Total, r.Untaken.Total, r.Exported)
	}
	if says := r.Refused.String(); strings.Contains(says, troubleDetail) || !strings.Contains(says, "Nobody wants them.") {
		t.Errorf("the refused are %s", says)
	}
	if says := r.Untaken.String(); !strings.Contains(says, troubleDetail) || strings.Contains(says, "Nobody") || strings.Contains(says, "@") {
		t.Errorf("the profiles that were not taken are %s", says)
	}
	if sizes := w.bodies(t); len(sizes) != 4 || sizes[3] != len(trouble) { // not who was refused for good
		t.Errorf("imports of %v profiles", sizes)
	}
}

// A reason that is not known and about no value does not keep people off the list for
// good: whoever fails each time is tried by the next run, as after trouble in Klaviyo.
func TestUnknownReasonsAreNotForGood(t *testing.T) {
	t.Parallel()
	value := strings.NewReplacer("/attributes/email", "")
	nameless := strings.NewReplacer("/attributes/email", "", `"email":"`, `"elsewhere":"`, "/data/attributes/profiles/data/", "/data/")
	for name, tc := range map[string]struct {
		edit  *strings.Replacer // of the import errors
		sends int
	}{
		"of a known profile":   {value, 4},
		"of an unknown one":    {nameless, 1},
		"that Klaviyo keeps":   {strings.NewReplacer("import-error", "nothing"), 1},
		"at a profile's value": {strings.NewReplacer(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			w.FailEmail(address(3), "error", "Please try again.")
			proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
				if !strings.HasSuffix(r.URL.Path, "/import-errors") {
					return
				}
				body := tc.edit.Replace(answer.Body.String())
				if strings.Contains(body, `"nothing"`) {
					body = `{"data":[],"links":{"next":null}}`
				}
				answer.Body = bytes.NewBufferString(body)
			})
			w.client = newClient(t, proxy, impatient)
			e := w.export(people(10))
			e.TrackChanges = true
			r := w.run(t, e)
			if sizes := w.bodies(t); len(sizes) != tc.sends {
				t.Errorf("imports of %v profiles", sizes)
			}
			if name == "at a profile's value" {
				if r.Refused.Total != 1 || r.Untaken.Total != 0 {
					t.Errorf("%d refused, %d not taken", r.Refused.Total, r.Untaken.Total)
				}
				return
			}
			if r.Refused.Total != 0 || r.Untaken.Total != 1 {
				t.Errorf("%d refused, %d not taken", r.Refused.Total, r.Untaken.Total)
			}
			w.TakeEmail(address(3))
			w.run(t, next(e, r))
			w.checkMembers(t, addresses(10))
		})
	}
}

// A profile that is gone from the segments when it is to be sent again is
// accounted for.
func TestRunMissesWhoIsGoneWhenSentAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(100)
	for _, i := range []int{10, 99} {
		w.FailEmail(address(i), troubleCode, troubleDetail)
	}
	w.OnRequest(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/import-errors") {
			source.rows = source.rows[:99] // the segment has been read by then, and is not being read
			for _, i := range []int{10, 99} {
				w.TakeEmail(address(i))
			}
		}
	})
	r := w.run(t, w.export(source))
	if r.Exported != 99 || r.Refused.Total != 1 || !strings.Contains(r.Refused.String(), "it was gone") {
		t.Errorf("%d exported, refused %s", r.Exported, r.Refused.String())
	}
	w.checkMembers(t, addresses(99))
}

// An identifier that belongs to another profile costs nobody the export: the
// person is sent by address alone, whether Klaviyo says so at once or in the end.
func TestRunSendsWithoutIdentifiersOfOthers(t *testing.T) {
	t.Parallel()
	const code, detail = "duplicate_profile", "A profile already exists with one of these identifiers."
	for name, fail := range map[string]func(*env, string){
		"at once":    func(w *env, a string) { w.RefuseEmail(a, code, detail) },
		"in the end": func(w *env, a string) { w.FailEmail(a, code, detail) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			fail(w, address(7))
			w.onRound(1, func() { w.TakeEmail(address(7)) })
			source := people(50)
			for _, i := range []int{7, 8} {
				source.rows[i][1], source.rows[i][3] = fmt.Sprintf("+3460011122%d", i), "id of "+address(i)[:2]
			}
			e := w.export(source)
			e.Mapping.ExternalID = "text"
			e.Mapping.Properties = map[string]profile.Property{"n": {Column: "n", Type: profile.Number}}
			r := w.run(t, e)
			if r.Exported != 50 || r.Refused.Total != 0 || r.Unwanted.Total != 1 {
				t.Errorf("%d exported, %d refused, %d values left out: %s", r.Exported, r.Refused.Total, r.Unwanted.Total, r.Refused.String())
			}
			w.checkMembers(t, addresses(50))
			if p, _ := w.Profile(address(7)); p.PhoneNumber != "" || p.ExternalID != "" || p.Properties["n"] == nil {
				t.Errorf("sent with %+v", p)
			}
			if p, _ := w.Profile(address(8)); p.PhoneNumber == "" || p.ExternalID == "" {
				t.Errorf("the neighbour was sent with %+v", p)
			}
		})
	}
}

// addressesEvery is every so many of the addresses.
func addressesEvery(rows, every int) (some []string) {
	for i := 0; i < rows; i += every {
		some = append(some, address(i))
	}
	return some
}

// A value that is left out each time that a profile is sent is counted once.
func TestValuesLeftOutAgainAreCountedOnce(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"a phone number": troubleCode, "identifiers": "duplicate_profile"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			source := people(10)
			for i := range source.rows {
				source.rows[i][1] = phoneOf(i)
			}
			if w.FailEmail(address(2), code, troubleDetail); code == troubleCode {
				w.RefusePhone(phoneOf(2), "invalid", "There is no such number.")
			}
			var failed atomic.Int64
			w.OnRequest(func(r *http.Request) {
				switch {
				case !strings.HasSuffix(r.URL.Path, "/import-errors"):
				case failed.Add(1) == 1:
					w.FailEmail(address(2), troubleCode, troubleDetail)
				default:
					w.TakeEmail(address(2))
				}
			})
			r := w.run(t, w.export(source))
			reasons := r.Unwanted.Reasons()
			if r.Exported != 10 || failed.Load() != 2 || len(reasons) != 1 || reasons[0].Rows() != "1 row (3 of s1)" {
				t.Errorf("%d exported, %d jobs with failures, values left out: %s", r.Exported, failed.Load(), r.Unwanted.String())
			}
		})
	}
}
