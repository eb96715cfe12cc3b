package export_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// tooMany are so many people that reading some hundreds of opt-outs takes fewer
// requests than looking them up.
const tooMany = 25_000

// optOutRequests counts how often Klaviyo was asked for opt-outs.
func (w *env) optOutRequests() int {
	lookups, list, everything := w.optOutRequestsByKind()
	return lookups + list + everything
}

// optOutRequestsByKind counts requests for single people, for those who opted out of
// the list, and for those who opted out of everything.
func (w *env) optOutRequestsByKind() (lookups, list, everything int) {
	for _, r := range w.Requests() {
		if !strings.HasSuffix(r.Path, "/api/profiles") {
			continue
		}
		switch query, _ := url.QueryUnescape(r.Query); {
		case strings.Contains(query, "any(email"):
			lookups++
		case strings.Contains(query, "list_suppressions"):
			list++
		default:
			everything++
		}
	}
	return lookups, list, everything
}

// Who unsubscribed from the list is not put back on it, whatever the case of
// the address; who unsubscribed from another list is exported.
func TestRunWithholdsOptOuts(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Unsubscribe(w.listID, "P3@Example.com")
	w.Unsubscribe(w.listID, address(7))
	w.Unsubscribe(w.listID, "stranger@example.com")
	w.Unsubscribe(w.AddList(simulator.List{Name: "Other"}).ID, address(5))
	result := w.run(t, w.export(people(10)))
	if result.Withheld != 2 || result.Exported != 8 || result.Profiles != 10 {
		t.Errorf("withheld %d, exported %d of %d", result.Withheld, result.Exported, result.Profiles)
	}
	w.checkMembers(t, append(addresses(3), address(4), address(5), address(6), address(8), address(9)))
}

func TestRunAsksOnceWhereNobodyOptedOut(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.run(t, w.export(people(3)))
	if n := w.optOutRequests(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestRunMayIgnoreOptOuts(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Unsubscribe(w.listID, address(1))
	e := w.export(people(3))
	e.OptOuts = export.IgnoreOptOuts
	if result := w.run(t, e); result.Withheld != 0 || w.optOutRequests() != 0 {
		t.Errorf("withheld %d after %d requests", result.Withheld, w.optOutRequests())
	}
	w.checkMembers(t, addresses(3))
}

// Many opt-outs are read in windows of time, and none is missed: neither where
// they are years apart nor where thousands are of one day or of one second.
func TestRunWithholdsManyOptOuts(t *testing.T) {
	t.Parallel()
	const total, optedOut = tooMany, 1200
	r := rand.New(rand.NewPCG(3, 5))
	var now atomic.Int64
	now.Store(time.Now().Unix())
	w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	today := time.Now()
	for i := range optedOut {
		at := today.Add(-time.Duration(r.IntN(86_400)) * time.Second)
		switch {
		case i < 300:
			at = today.AddDate(-r.IntN(10), -r.IntN(12), 0)
		case i < 800:
			at = today.Add(-time.Hour)
		}
		now.Store(at.Unix())
		w.Unsubscribe(w.listID, address(i))
	}
	now.Store(today.Unix())
	result := w.run(t, w.export(people(total)))
	if result.Withheld != optedOut || result.Exported != total-optedOut {
		t.Errorf("withheld %d, exported %d", result.Withheld, result.Exported)
	}
	var want []string
	for i := optedOut; i < total; i++ {
		want = append(want, fmt.Sprintf("p%d@example.com", i))
	}
	w.checkMembers(t, want)
	if n, _, everything := w.optOutRequestsByKind(); n > 0 || everything != 1 || w.optOutRequests() > 10*optedOut/100 {
		t.Errorf("%d requests for %d opt-outs, %d lookups", w.optOutRequests(), optedOut, n)
	}
	if !slices.ContainsFunc(w.Requests(), func(r simulator.Request) bool { return strings.Contains(r.Query, "less-than") }) {
		t.Error("they were read by one cursor")
	}
}

// newOptedOutEnv is one where the first persons, so many, unsubscribed at
// times of their own.
func newOptedOutEnv(t *testing.T, persons int, at func(i int) time.Time) *env {
	t.Helper()
	var now atomic.Int64
	w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	for i := range persons {
		now.Store(at(i).Unix())
		w.Unsubscribe(w.listID, address(i))
	}
	now.Store(time.Now().Unix())
	return w
}

// Opt-outs that are older than Klaviyo, as those of an imported history may be,
// are obeyed when there are too many for one cursor, too.
func TestRunWithholdsOptOutsOlderThanKlaviyo(t *testing.T) {
	t.Parallel()
	const total, optedOut = tooMany, 900
	w := newOptedOutEnv(t, optedOut, func(i int) time.Time { return time.Date(1990, 1, 1+10*i, 0, 0, 0, 0, time.UTC) }) // to 2014
	if result := w.run(t, w.export(people(total))); result.Withheld != optedOut || result.Exported != total-optedOut {
		t.Errorf("withheld %d, exported %d", result.Withheld, result.Exported)
	}
	w.checkMembers(t, addresses(total)[optedOut:])
}

// An address is the same whether its host is written in Unicode or in ASCII,
// in Klaviyo or in the segment.
func TestRunWithholdsOptOutsWithInternationalHosts(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Unsubscribe(w.listID, "ada@bücher.example")
	w.Unsubscribe(w.listID, "Bob@BÜCHER.example")
	w.Unsubscribe(w.listID, "eve@xn--bcher-kva.example")
	source := people(1)
	for _, email := range []string{"ada@xn--bcher-kva.example", "bob@Bücher.example", "eve@bücher.example"} {
		source.rows = append(source.rows, []string{email, "", "", ""})
	}
	e := w.export(source)
	if result := w.run(t, e); result.Withheld != 3 || result.Exported != 1 {
		t.Errorf("withheld %d, exported %d", result.Withheld, result.Exported)
	}
	w.checkMembers(t, addresses(1))
	checkMembership(t, w.compare(t, e), 1, 0, 3, 0)
}

// When the opt-outs cannot be read, nobody is exported.
func TestRunSendsNothingWithoutTheOptOuts(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.client = newClient(t, w.URL, -1)
	w.Inject(simulator.Fault{Path: "/api/profiles", Times: -1, Status: 500})
	if _, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{}); err == nil || len(w.imports()) != 0 {
		t.Errorf("error %v, %d imports", err, len(w.imports()))
	}
}
