package export_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Others use the account, and the limits are for all of it: whoever is refused
// for that waits for his turn, and all of the segment arrives.
func TestRunBesideOthersOfTheAccount(t *testing.T) {
	t.Parallel()
	const rows = 240
	w := newWorld(t, simulator.Options{RateLimits: true})
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		for i := range 40 { // or it would use up a minute's allowance
			importDirectly(ctx, t, w, fmt.Sprintf("other%d@example.org", i))
		}
	})
	e := w.export(people(rows))
	e.SetBatchRoom(10, 1<<16) // more batches than the limits let through in a second or two
	r := w.run(t, e)
	stop()
	others.Wait()
	if r.Exported != rows || r.Jobs != 24 {
		t.Errorf("result %+v", r)
	}
	throttled := slices.ContainsFunc(w.imports(), func(r simulator.Request) bool {
		return r.Status == http.StatusTooManyRequests && r.Header.Get("User-Agent") != neighbour
	})
	if !throttled {
		t.Error("nobody was in the way")
	}
}

const neighbour = "another integration"

// importDirectly sends an import with neither patience nor a limiter.
func importDirectly(ctx context.Context, t *testing.T, w *world, email string) {
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
	time.Sleep(40 * time.Millisecond)
}
