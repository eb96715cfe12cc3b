package export_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Others use the account, and the limits are for all of it: whoever is refused
// for that waits for his turn, and all of the segment arrives.
func TestRunBesideOthersOfTheAccount(t *testing.T) {
	t.Parallel()
	const rows = 240
	// Time stands still until the run is refused an import. So the neighbour has used
	// up what the second allows, however busy the machine is.
	var moves atomic.Bool
	start := time.Now()
	w := newEnv(t, simulator.Options{RateLimits: true, Now: func() time.Time {
		if moves.Load() {
			return time.Now()
		}
		return start
	}})
	ctx, stop := context.WithCancel(t.Context())
	importMany := func(n int) {
		for i := range n { // few enough not to use up the minute
			importDirectly(ctx, t, w, fmt.Sprintf("other%d@example.org", i))
		}
	}
	importMany(10)
	var others sync.WaitGroup
	var once sync.Once
	w.client = newClient(t, newEditor(t, w, func(_ *http.Request, answer *httptest.ResponseRecorder) {
		if answer.Code == http.StatusTooManyRequests {
			once.Do(func() {
				moves.Store(true)
				others.Go(func() { importMany(30) })
			})
		}
	}), patient)
	e := w.export(people(rows))
	e.SetBatchLimits(10, 1<<16) // more batches than the limits let through in a second or two
	r := w.run(t, e)
	stop()
	others.Wait()
	if r.Exported != rows || r.Jobs != 24 {
		t.Errorf("result %+v", r)
	}
	if !moves.Load() {
		t.Error("nobody was in the way")
	}
}

const neighbour = "another integration"

// importDirectly sends an import with neither patience nor a limiter.
func importDirectly(ctx context.Context, t *testing.T, w *env, email string) {
	body := `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[{"type":"profile","attributes":{"email":"` + email + `"}}]}}}}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+jobsPath, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Klaviyo-API-Key "+testKey)
	r.Header.Set("Content-Type", "application/vnd.api+json")
	r.Header.Set("revision", "2026-07-15")
	r.Header.Set("User-Agent", neighbour)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the test is over
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}
