package export_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// optOutInEveryWay has eight people opt out, each in another way, and two whose mail
// is returned.
func (w *env) optOutInEveryWay() {
	w.Unsubscribe(w.listID, address(0))
	w.Unsubscribe(w.AddList(simulator.List{Name: "Other"}).ID, address(1))
	for i, reason := range []string{"UNSUBSCRIBE", "SPAM_COMPLAINT", "SPAM_REPORT", "spam_report", "USER_SUPPRESSED", "A_NEW_REASON"} {
		w.SuppressEverything(address(2+i), reason)
	}
	w.SuppressEverything(address(8), "HARD_BOUNCE")
	w.SuppressEverything(address(9), "INVALID_EMAIL")
	w.SuppressEverything(address(0), "SPAM_REPORT") // is counted as of the list
}

// Who is withheld depends on how they opted out, and on nothing else: neither on
// whether they are looked up or read, nor on how their reason is spelled. Bounces are
// nobody's will.
func TestRunWithholdsByKind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		optOuts export.OptOuts
		want    export.OptOutCounts
		absent  []int
	}{
		"all":  {export.WithholdOptOuts, export.OptOutCounts{List: 1, Everything: 2, Complaints: 3, ByHand: 1}, []int{0, 2, 3, 4, 5, 6, 7}},
		"list": {export.WithholdListOptOuts, export.OptOutCounts{List: 1}, []int{0}},
		"none": {export.IgnoreOptOuts, export.OptOutCounts{}, nil},
	} {
		for _, rows := range []int{50, 450, tooMany} {
			t.Run(fmt.Sprint(name, " of ", rows), func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{})
				w.optOutInEveryWay()
				e := w.export(people(rows))
				e.OptOuts = tc.optOuts
				r := w.runListing(t, e)
				if r.OptOuts != tc.want || r.Withheld != tc.want.Total() || r.Exported != int64(rows)-tc.want.Total() {
					t.Errorf("withheld %d: %s; %d exported; want %s", r.Withheld, r.OptOuts, r.Exported, tc.want)
				}
				var want []string
				for i := range rows {
					if !slices.Contains(tc.absent, i) {
						want = append(want, address(i))
					}
				}
				w.checkMembers(t, want)
				lookups, list, everything := w.optOutRequestsByKind()
				if (lookups > 0) != (rows == 50 && name != "none") || (list > 0) != (rows != 50 && name != "none") || (everything > 0) != (rows != 50 && name == "all") {
					t.Errorf("%d lookups, %d requests for the list, %d for everything", lookups, list, everything)
				}
			})
		}
	}
}

// suppressMany suppresses everything for strangers over ten years.
func (w *env) suppressMany(now *atomic.Int64, n int) {
	end := now.Load()
	for i := range n {
		now.Store(end - int64(i)*10*365*86_400/int64(n))
		w.SuppressEverything(fmt.Sprintf("stranger%d@example.com", i), "UNSUBSCRIBE")
	}
	now.Store(end)
}

// newTimedEnv is one whose time the test sets.
func newTimedEnv(t *testing.T) (*env, *atomic.Int64) {
	t.Helper()
	now := &atomic.Int64{}
	now.Store(time.Now().Unix())
	return newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }}), now
}

// Whether people are looked up or all opt-outs read is whatever takes fewer
// requests: never more than about twice as many as the other way.
func TestRunChoosesTheCheaperWay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows, suppressed                           int
		minLookups, maxLookups, minReads, maxReads int
	}{
		"few of either":           {200, 10, 2, 2, 0, 0},
		"few people":              {200, 3000, 2, 2, 0, 0},
		"few opt-outs":            {5000, 50, 0, 0, 2, 2},
		"several pages":           {5000, 350, 0, 0, 5, 5},
		"more opt-outs":           {1000, 3000, 10, 10, 3, 12},
		"more people":             {tooMany, 3000, 0, 0, 32, 250},
		"nobody to send, nothing": {0, 50, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, now := newTimedEnv(t)
			w.suppressMany(now, tc.suppressed)
			if tc.rows > 0 {
				w.SuppressEverything(address(tc.rows/2), "UNSUBSCRIBE")
			}
			e := w.export(people(tc.rows))
			e.Safeguards.AllowEmptySegment = true
			if r := w.run(t, e); tc.rows > 0 && (r.Withheld != 1 || r.OptOuts.Everything != 1) {
				t.Errorf("withheld %s", r.OptOuts)
			}
			lookups, list, everything := w.optOutRequestsByKind()
			if reads := list + everything; lookups < tc.minLookups || lookups > tc.maxLookups || reads < tc.minReads || reads > tc.maxReads {
				t.Errorf("%d lookups and %d requests for all opt-outs, want %d to %d and %d to %d", lookups, reads, tc.minLookups, tc.maxLookups, tc.minReads, tc.maxReads)
			}
		})
	}
}

// A small change to a large list takes as few lookups as there are hundreds of
// changes. Nothing is asked for about people who are not sent.
func TestRunLooksUpWhomItSends(t *testing.T) {
	t.Parallel()
	w, now := newTimedEnv(t)
	w.suppressMany(now, 600)
	source := people(12_000)
	e := tracking(w.export(source))
	w.runOn(t, e)
	_, before := len(w.Requests()), w.optOutRequests()
	w.Unsubscribe(w.listID, address(30))
	w.SuppressEverything(address(60), "UNSUBSCRIBE")
	w.SuppressEverything(address(61), "UNSUBSCRIBE") // whose row does not change
	for i := range 200 {
		source.rows[i*30][3] = "changed"
	}
	r := w.runOn(t, e)
	checkSent(t, "run", r, false, 0, 200, 11_800)
	if want := (export.OptOutCounts{List: 1, Everything: 1}); r.OptOuts != want || r.Exported != 198 {
		t.Errorf("withheld %s, %d exported", r.OptOuts, r.Exported)
	}
	lookups, _, _ := w.optOutRequestsByKind()
	if n := w.optOutRequests() - before; n != 2 || lookups != 2 {
		t.Errorf("%d requests, %d lookups", n, lookups)
	}
	before += 2
	// Nobody is looked up; only why the list is short is asked for.
	if r := w.runOn(t, e); r.Unchanged != 12_000 || w.optOutRequests() > before+2 {
		t.Errorf("%d unchanged; %d requests where nothing changed", r.Unchanged, w.optOutRequests()-before)
	}
}

// However long the addresses are, requests stay short enough for any server, and
// nobody is left out.
func TestRunLooksUpLongAddresses(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(90)
	var want []string
	for i := range source.rows {
		local := fmt.Sprintf("%02d%s", i, strings.Repeat("x", 60))
		email := local + "@" + strings.Repeat("label-of-a-long-host-name.", 6) + "example"
		source.rows[i][0] = email
		if i%10 == 0 {
			w.SuppressEverything(email, "UNSUBSCRIBE")
		} else {
			want = append(want, email)
		}
	}
	if r := w.run(t, w.export(source)); r.Withheld != 9 {
		t.Errorf("withheld %s", r.OptOuts)
	}
	w.checkMembers(t, want)
	for _, r := range w.Requests() {
		if n := len(r.Path) + len(r.Query); n > 8000 {
			t.Errorf("an address of %d bytes", n)
		}
	}
}

// A host name beyond ASCII is found in either spelling when people are read, too.
func TestRunReadsOptOutsWithInternationalHosts(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.SuppressEverything("Bob@BÜCHER.example", "UNSUBSCRIBE")
	source := people(400)
	source.rows[7][0] = "bob@xn--bcher-kva.example"
	if r := w.run(t, w.export(source)); r.OptOuts.Everything != 1 {
		t.Errorf("withheld %s", r.OptOuts)
	}
	if lookups, _, _ := w.optOutRequestsByKind(); lookups != 0 {
		t.Errorf("%d lookups", lookups)
	}
}

// When people cannot be looked up, or opt-outs cannot be read, nobody is sent of whom
// it is not known.
func TestRunSendsNobodyUnasked(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{150, 500} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			w.client = newClient(t, w.URL, -1)
			w.Inject(simulator.Fault{Path: "/api/profiles", Times: -1, Status: 500})
			_, err := w.export(people(rows)).Run(t.Context(), w.client, export.RunOptions{})
			if text := explained(err); err == nil || len(w.imports()) != 0 || strings.Contains(text, "@example") {
				t.Errorf("error %s, %d imports", text, len(w.imports()))
			}
		})
	}
}

// Several requests are made at once, since each takes Klaviyo up to a second. Whoever
// is sent comes in the order of the rows.
func TestRunLooksUpManyAtOnce(t *testing.T) {
	t.Parallel()
	const rows = 1000
	w, now := newTimedEnv(t)
	w.suppressMany(now, 3000)
	w.SuppressEverything(address(7), "UNSUBSCRIBE")
	r := w.runThrough(t, w.export(people(rows)), newGathering(8), isLookup)
	if r.Withheld != 1 || r.Exported != rows-1 {
		t.Errorf("withheld %s, %d exported", r.OptOuts, r.Exported)
	}
	w.checkMembers(t, slices.Delete(addresses(rows), 7, 8))
}

func isLookup(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Query().Get("filter"), "any(email")
}

// A run that is interrupted while it looks people up ends at once, and leaves no
// request behind.
func TestRunIsInterruptedInALookup(t *testing.T) {
	t.Parallel()
	w, now := newTimedEnv(t)
	w.suppressMany(now, 3000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var underway atomic.Int32
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if !isLookup(r) {
			next.ServeHTTP(rw, r)
			return
		}
		if underway.Add(1) == 3 {
			cancel()
		}
		<-r.Context().Done() // the answer never arrives
	})
	_, err := ended(t, func() (*export.Result, error) {
		return w.export(people(1000)).Run(ctx, newClient(t, proxy, impatient), export.RunOptions{})
	})
	asError(t, err, nil, "Export Interrupted")
	if len(w.imports()) != 0 {
		t.Errorf("%d imports", len(w.imports()))
	}
}

// A run whose lookup fails does not wait for the others.
func TestRunEndsWithALookupThatFails(t *testing.T) {
	t.Parallel()
	w, now := newTimedEnv(t)
	w.suppressMany(now, 3000)
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case !isLookup(r):
			next.ServeHTTP(rw, r)
		case strings.Contains(r.URL.Query().Get("filter"), `"p0@`):
			rw.WriteHeader(http.StatusBadRequest)
		default:
			<-r.Context().Done() // the answer never arrives
		}
	})
	_, err := ended(t, func() (*export.Result, error) {
		return w.export(people(1000)).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
	})
	if err == nil || len(w.imports()) != 0 {
		t.Errorf("error %v, %d imports", err, len(w.imports()))
	}
}

// With ignore nobody is looked up either in a segment that had been empty.
func TestRunLooksNobodyUpToIgnoreThem(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Unsubscribe(w.listID, address(0))
	source, opened := people(0), 0
	source.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if opened == 2 { // the survey is over
			source.rows = people(3).rows
		}
		return nil
	}
	e := w.export(source)
	e.OptOuts, e.Safeguards.AllowEmptySegment = export.IgnoreOptOuts, true
	if r := w.run(t, e); r.Exported != 3 || w.optOutRequests() != 0 {
		t.Errorf("%d exported after %d requests", r.Exported, w.optOutRequests())
	}
}

// Whose mail has bounced since the last run is lost, although they unsubscribed from
// everything long before.
func TestLostLooksAtWhatIsNew(t *testing.T) {
	t.Parallel()
	w, now := newTimedEnv(t)
	run := time.Unix(now.Load(), 0)
	now.Add(60)
	w.SuppressEverything(address(1), "HARD_BOUNCE")
	proxy := newEditor(t, w, func(_ *http.Request, answer *httptest.ResponseRecorder) {
		text := strings.ReplaceAll(answer.Body.String(), `"suppression":[`, `"suppression":[{"reason":"UNSUBSCRIBE","timestamp":"2016-02-03T04:05:06+00:00"},`)
		answer.Body = bytes.NewBufferString(text)
	})
	client := newClient(t, proxy, impatient)
	if lost, err := w.export(people(1)).Lost(t.Context(), client, 10, 9, run); err != nil || lost != 1 {
		t.Errorf("lost %d, %v", lost, err)
	}
	if lost, err := w.export(people(1)).Lost(t.Context(), client, 10, 9, time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil || lost != 0 {
		t.Errorf("lost %d since 2016, %v", lost, err)
	}
}

// Somebody who opts out between the survey and the sending of a small export is
// withheld.
func TestRunLooksUpAtTheLastMoment(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.OnRequest(func(r *http.Request) {
		if r.URL.Query().Get("include") == "flow-triggers" {
			w.SuppressEverything(address(3), "UNSUBSCRIBE")
		}
	})
	if r := w.run(t, w.export(people(5))); r.Withheld != 1 {
		t.Errorf("withheld %s", r.OptOuts)
	}
}

// A list that lost as many members as opted out since the last run has lost nobody.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		optOuts        export.OptOuts
		before, now    int64
		optOut         func(*env)
		lost, requests int64
	}{
		"none":                  {0, 100, 100, func(w *env) { w.Unsubscribe(w.listID, address(1)) }, 0, 0},
		"more members":          {0, 100, 101, func(*env) {}, 0, 0},
		"lost":                  {0, 100, 97, func(*env) {}, 3, 2},
		"of the list":           {0, 100, 98, func(w *env) { w.Unsubscribe(w.listID, address(1)); w.Unsubscribe(w.listID, address(2)) }, 0, 1},
		"of everything":         {0, 100, 99, func(w *env) { w.SuppressEverything(address(1), "UNSUBSCRIBE") }, 0, 2},
		"both":                  {0, 100, 97, func(w *env) { w.Unsubscribe(w.listID, address(1)); w.SuppressEverything(address(1), "SPAM_REPORT") }, 2, 2},
		"bounced":               {0, 100, 98, func(w *env) { w.SuppressEverything(address(1), "HARD_BOUNCE") }, 2, 2},
		"several pages":         {0, 2000, 1000, func(w *env) { suppress(w, 900) }, 100, 0},
		"no more than it takes": {0, 100, 99, func(w *env) { suppress(w, 900) }, 0, 2},
		"withhold list":         {export.WithholdListOptOuts, 100, 98, func(w *env) { w.optOutInEveryWay() }, 1, 1},
		"ignore":                {export.IgnoreOptOuts, 100, 98, func(w *env) { w.optOutInEveryWay() }, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, now := newTimedEnv(t)
			run := time.Unix(now.Load(), 0)
			now.Add(-3600) // these opted out before the run
			w.Unsubscribe(w.listID, address(990))
			w.SuppressEverything(address(991), "UNSUBSCRIBE")
			now.Add(7200)
			w.SuppressEverything(address(991), "HARD_BOUNCE")
			tc.optOut(w)
			e := w.export(people(1))
			e.OptOuts = tc.optOuts
			lost, err := e.Lost(t.Context(), w.client, tc.before, tc.now, run)
			if n := int64(w.optOutRequests()); err != nil || lost != tc.lost || tc.requests > 0 && n != tc.requests || tc.requests == 0 && name != "several pages" && n > 0 {
				t.Errorf("lost %d after %d requests, %v; want %d after %d", lost, n, err, tc.lost, tc.requests)
			}
		})
	}
}

func suppress(w *env, n int) {
	for i := range n {
		w.SuppressEverything(address(i), "UNSUBSCRIBE")
	}
}

// Who opted out of everything and is not on the list is not missing; who is on it
// counts as everybody else. However many others opted out, few requests are made.
func TestCompareExcusesOptOuts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		strangers int
		lookups   int // requests
		readings  int32
	}{
		"few": {30, 0, 1}, "many": {3000, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, now := newTimedEnv(t)
			w.AddMembers(w.listID, addresses(300)[12:]...)
			w.optOutInEveryWay() // of p0 to p9
			w.SuppressEverything(address(20), "UNSUBSCRIBE")
			w.suppressMany(now, tc.strangers)
			source := people(300)
			var readings atomic.Int32
			source.before = func(_ context.Context, row int) error {
				if row == 0 {
					readings.Add(1)
				}
				return nil
			}
			_, m, err := w.export(source).Compare(t.Context(), w.client)
			if err != nil {
				t.Fatal(err)
			}
			want := export.OptOutCounts{List: 1, Everything: 2, Complaints: 3, ByHand: 1}
			// p1 unsubscribed from another list, p8 and p9 bounced, and nobody knows about p10 and p11.
			if m.Missing != 5 || m.OptOuts != want || m.Members != 288 {
				t.Errorf("membership %+v", m)
			}
			if lookups, list, everything := w.optOutRequestsByKind(); lookups != tc.lookups || readings.Load() != tc.readings || list+everything > 13 {
				t.Errorf("%d lookups, %d other requests, %d readings", lookups, list+everything, readings.Load())
			}
			other := w.compare(t, w.export(people(12))) // fewer profiles, the same people missing
			if other.MissingFingerprint != m.MissingFingerprint {
				t.Errorf("the missing are %s and %s", m.MissingFingerprint, other.MissingFingerprint)
			}
		})
	}
}

// Counts read well for one and for many.
func TestOptOutCountsInWords(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]export.OptOutCounts{
		"":                               {},
		"1 unsubscribed from this list":  {List: 1},
		"2 unsubscribed from everything": {Everything: 2},
		"1,234 were suppressed by hand":  {ByHand: 1234},
		"1 was suppressed by hand":       {ByHand: 1},
		"7 unsubscribed from this list, 4 from everything, 1 complained of spam": {List: 7, Everything: 4, Complaints: 1},
	} {
		if got := c.String(); got != want {
			t.Errorf("%+v is %q, want %q", c, got, want)
		}
	}
}
