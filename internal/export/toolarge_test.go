package export_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// narrow is a client of which imports with a long text are too large, whatever
// else is in them.
func narrow(t *testing.T, w *env) *klaviyo.Client {
	t.Helper()
	return newClient(t, newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte(long)) {
			rw.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		replay(rw, record(next, r))
	}), impatient)
}

var long = strings.Repeat("x", 12_000)

// A profile that is too large by itself is one row that is not exported. The
// others are, wherever it is.
func TestRunLeavesOutAProfileThatIsTooLarge(t *testing.T) {
	t.Parallel()
	var odd []int
	for i := 1; i < 140; i += 2 {
		odd = append(odd, i)
	}
	for name, large := range map[string][]int{"in between": {3, 5, 6, 8, 9}, "at first": {0, 1, 2, 3, 4}, "every other one": odd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(2 * len(large))
			var small []string
			var rows []tally.Row
			for i := range source.rows {
				if slices.Contains(large, i) {
					source.rows[i][3] = long
					rows = append(rows, tally.Row{Segment: "s1", Number: int64(i + 1)})
				} else {
					small = append(small, address(i))
				}
			}
			r, err := w.export(source).Run(t.Context(), narrow(t, w), export.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			checkAccounting(t, r)
			w.checkMembers(t, small)
			if len(r.Refused.Reasons()) != 1 || r.Refused.Total != int64(len(large)) || r.Exported != int64(len(small)) {
				t.Fatalf("result %+v", r)
			}
			if reason := r.Refused.Reasons()[0]; reason.Code != string(profile.ProfileTooLarge) || !slices.Equal(reason.First, rows[:5]) {
				t.Errorf("reason %+v", reason)
			}
		})
	}
}

// Where nothing is small enough the rows are not to blame, and the run does not
// go through all of them.
func TestRunGivesUpWhereEverythingIsTooLarge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows, most int // imports
		text, says string
	}{
		"small":      {64, 7, "", `bytes (row 1 of segment "s1")`},
		"one":        {1, 1, "", `bytes (row 1 of segment "s1")`},
		"few, large": {3, 5, long, "None of the imports was accepted: 3 profiles were too large even alone."},
		"all, large": {400, 140, long, `bytes (row `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			w.Inject(simulator.Fault{Method: "POST", Times: -1, Status: 413})
			source := people(tc.rows)
			for i := range source.rows {
				source.rows[i][3] = tc.text
			}
			_, err := w.export(source).Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, nil, "Imports Refused As Too Large", tc.says, "proxy")
			if n := len(w.imports()); n > tc.most {
				t.Errorf("%d imports", n)
			}
		})
	}
}

// A profile that is too large by itself is settled: a run that fails later does
// not say that it was not accepted, as if it would be the next time.
func TestFailedRunDoesNotNameWhatWasTooLarge(t *testing.T) {
	t.Parallel()
	const rows = 4
	for name, large := range map[string]int{"first of its half": 2, "last of its half": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
			proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				body, _ := io.ReadAll(r.Body)
				switch {
				case bytes.Contains(body, []byte(long)):
					rw.WriteHeader(http.StatusRequestEntityTooLarge)
					return
				case slices.Contains(persons(body), rows-1):
					rw.WriteHeader(http.StatusUnauthorized)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				replay(rw, record(next, r))
			})
			source := people(rows) // one batch, so one piece of it is sent after the other
			source.rows[large][3] = long
			_, err := w.export(source).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
			asError(t, err, nil, "API Key Refused", "Apply again")
			places := readPlaces(t, err.Error(), []int{rows})
			var accepted, refused []int
			for i := range rows {
				switch {
				case i == large:
				case large < rows/2 && i >= rows/2, i == rows-1: // in the same request as the last one
					refused = append(refused, i)
				default:
					accepted = append(accepted, i)
				}
			}
			checkRows(t, "not finished", places["not finished"], accepted)
			checkRows(t, "not accepted", places["not accepted"], refused)
			checkRows(t, "under way", places["under way"], nil)
			checkRows(t, "after", places["after"], nil)
		})
	}
}
