package export_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// gathering holds requests until so many are under way at once, and from then
// on none.
type gathering struct {
	size int32
	here atomic.Int32
	once sync.Once
	full chan struct{}
}

func newGathering(size int32) *gathering { return &gathering{size: size, full: make(chan struct{})} }

// join reports whether the request is to go on.
func (g *gathering) join(ctx context.Context) bool {
	if g.here.Add(1) == g.size {
		g.once.Do(func() { close(g.full) })
	}
	defer g.here.Add(-1)
	select {
	case <-g.full:
		return true
	case <-ctx.Done():
		return false
	}
}

// runThrough makes a run of which some requests, each alone, would wait for ever.
func (w *env) runThrough(t *testing.T, e *export.Export, g *gathering, joins func(*http.Request) bool) *export.Result {
	t.Helper()
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := record(next, r)
		if !joins(r) || g.join(r.Context()) {
			replay(rw, answer)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	result, err := e.Run(ctx, newClient(t, proxy, impatient), export.RunOptions{})
	if err != nil {
		t.Fatalf("of %d requests at once there were fewer: %v", g.size, err)
	}
	checkAccounting(t, result)
	return result
}

// An import takes Klaviyo a second, and it allows ten a second.
func TestRunSendsSeveralBatchesAtOnce(t *testing.T) {
	t.Parallel()
	const rows = 120
	w := newEnv(t, simulator.Options{})
	e := w.export(people(rows))
	e.SetBatchLimits(10, 1<<16)
	r := w.runThrough(t, e, newGathering(8), func(r *http.Request) bool { return r.Method == http.MethodPost })
	if r.Exported != rows || r.Jobs != 12 {
		t.Errorf("result %+v", r)
	}
	w.checkMembers(t, addresses(rows))
}

// A page of opt-outs takes Klaviyo a second, too.
func TestRunReadsSeveralWindowsOfOptOutsAtOnce(t *testing.T) {
	t.Parallel()
	const total, optedOut = tooMany, 600
	w := newOptedOutEnv(t, optedOut, func(i int) time.Time { return time.Date(2013, 1, 1+7*i, 0, 0, 0, 0, time.UTC) }) // to 2024
	r := w.runThrough(t, w.export(people(total)), newGathering(4), func(r *http.Request) bool {
		filter := r.URL.Query().Get("filter")
		return strings.HasSuffix(r.URL.Path, "/api/profiles") && (strings.Contains(filter, "greater-or-equal") || strings.Contains(filter, "less-than"))
	})
	if r.Withheld != optedOut || r.Exported != total-optedOut {
		t.Errorf("withheld %d, exported %d", r.Withheld, r.Exported)
	}
	w.checkMembers(t, addresses(total)[optedOut:])
}
