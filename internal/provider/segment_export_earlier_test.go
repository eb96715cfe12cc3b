package provider

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A run that fails while its job waits in Klaviyo leaves the job behind. The
// next apply waits for it, or it would put the old values back afterwards.
func TestAccSegmentExport_waitsForEarlierJobs(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64 // of the clock of Klaviyo
	w := newEnvWith(t, simulator.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	w.DelayJobs(1, time.Hour)
	var broken sync.Once
	w.OnRequest(func(r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == importsPath:
			broken.Do(func() {
				w.Inject(simulator.Fault{Method: "GET", Path: importsPath, Status: 400, Body: `{"errors":[{"detail":"Not now."}]}`})
			})
		case strings.HasSuffix(r.URL.Path, "/relationships/lists"): // so the run has seen the job
			ahead.Store(int64(time.Hour))
		}
	})
	config := w.export(threeCSV)
	again := applied(config, inState(exportAddress, values{"last_run.reason": "first run", "last_run.status": "succeeded"}))
	again.PreConfig = func() {
		w.wantImports(1)
		w.wantMembers()
		w.segment(strings.ReplaceAll(threeCSV, "Bob", "Robert"))
	}
	w.run(failed(config, "Klaviyo Refused The Request", "accepted but not finished 1 job with"), again)
	w.wantImports(2)
	ahead.Store(int64(2 * time.Hour)) // Klaviyo has done all by now
	if bob, _ := w.Profile("bob@example.com"); bob.Attributes["first_name"] != "Robert" {
		t.Errorf("bob is called %v, as he was before", bob.Attributes["first_name"])
	}
}
