package export_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A profile that is too large by itself is settled: a run that fails later does
// not say that it was not accepted, as if it would be the next time.
func TestFailedRunDoesNotNameWhatWasTooLarge(t *testing.T) {
	t.Parallel()
	const rows = 4
	for name, large := range map[string]int{"first of its half": 2, "last of its half": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{QueueDelay: time.Hour})
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
			_, err := w.export(source).Run(t.Context(), newClient(t, proxy, 2), export.RunOptions{})
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
