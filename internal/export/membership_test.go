package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// nobody is the fingerprint of no addresses.
const nobody = "0000"

// compare compares and checks what holds for every membership.
func (w *env) compare(t *testing.T, e *export.Export) *export.Membership {
	t.Helper()
	return compareWith(t, w.client, e)
}

func compareWith(t *testing.T, client *klaviyo.Client, e *export.Export) *export.Membership {
	t.Helper()
	s, m, err := e.Compare(t.Context(), client)
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	alone, err := e.Survey(t.Context())
	if err != nil || s.Fingerprint != alone.Fingerprint || s.Rows != alone.Rows || s.Profiles != alone.Profiles ||
		s.Duplicates != alone.Duplicates || s.Rejected.Total != alone.Rejected.Total {
		t.Errorf("survey %+v, alone it is %+v, %v", s, alone, err)
	}
	if len(m.MissingFingerprint) != len(nobody) || (m.Missing == 0) != (m.MissingFingerprint == nobody) {
		t.Errorf("%d are missing, with the fingerprint %q", m.Missing, m.MissingFingerprint)
	}
	return m
}

// checkMembership compares all but the fingerprint.
func checkMembership(t *testing.T, got *export.Membership, members, missing, optedOut, strangers int64) {
	t.Helper()
	want := export.Membership{Members: members, Missing: missing, OptOuts: export.OptOutCounts{List: optedOut}, Strangers: strangers, MissingFingerprint: got.MissingFingerprint}
	if *got != want {
		t.Errorf("membership %+v, want %+v", *got, want)
	}
}

// memberRequests are the requests for members of the list.
func (w *env) memberRequests() []simulator.Request {
	return slices.DeleteFunc(w.Requests(), func(r simulator.Request) bool { return !strings.HasSuffix(r.Path, w.listID+"/profiles") })
}

// changingMembers is the address of a proxy that changes the profiles in
// answers, and answers with each twice.
func (w *env) changingMembers(t *testing.T, change func(attributes map[string]any)) string {
	t.Helper()
	return newEditor(t, w, func(_ *http.Request, answer *httptest.ResponseRecorder) {
		var document map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
			t.Error(err)
		}
		page, _ := document["data"].([]any)
		for _, one := range page {
			change(one.(map[string]any)["attributes"].(map[string]any))
		}
		document["data"] = append(page, page...)
		answer.Body.Reset()
		if err := json.NewEncoder(answer.Body).Encode(document); err != nil {
			t.Error(err)
		}
	})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare                               func(*env)
		ignore                                bool
		members, missing, optedOut, strangers int64
	}{
		"equal":     {func(w *env) { w.AddMembers(w.listID, addresses(5)...) }, false, 5, 0, 0, 0},
		"empty":     {func(*env) {}, false, 0, 5, 0, 0},
		"missing":   {func(w *env) { w.AddMembers(w.listID, address(1), address(3)) }, false, 2, 3, 0, 0},
		"strangers": {func(w *env) { w.AddMembers(w.listID, addresses(8)...) }, false, 8, 0, 0, 3},
		"both":      {func(w *env) { w.AddMembers(w.listID, address(4), address(5)) }, false, 2, 4, 0, 1},
		"no address": {func(w *env) {
			w.AddMembers(w.listID, addresses(5)...)
			w.AddMembers(w.listID, "", "")
		}, false, 7, 0, 0, 2},
		"another list": {func(w *env) {
			other := w.AddList(simulator.List{Name: "Other"}).ID
			w.AddMembers(other, address(0))
			w.Unsubscribe(other, address(1))
		}, false, 0, 5, 0, 0},
		"opted out": {func(w *env) {
			w.AddMembers(w.listID, addresses(5)...)
			w.Unsubscribe(w.listID, "P1@example.com")
			w.Unsubscribe(w.listID, address(2))
			w.Unsubscribe(w.listID, "stranger@example.com")
		}, false, 3, 0, 2, 0},
		"opt-outs ignored": {func(w *env) {
			w.AddMembers(w.listID, addresses(5)...)
			w.Unsubscribe(w.listID, address(1))
		}, true, 4, 1, 0, 0},
		"opted out and put back": {func(w *env) {
			w.Unsubscribe(w.listID, address(1))
			w.AddMembers(w.listID, addresses(4)...)
		}, false, 4, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			tc.prepare(w)
			e := w.export(people(5))
			if tc.ignore {
				e.OptOuts = export.IgnoreOptOuts
			}
			checkMembership(t, w.compare(t, e), tc.members, tc.missing, tc.optedOut, tc.strangers)
			if n := len(w.memberRequests()); n != 1 {
				t.Errorf("%d requests for the members", n)
			}
			if n := w.optOutRequests(); (n > 0) != (!tc.ignore && tc.missing+tc.optedOut > 0) { // if nobody is missing, it does not matter
				t.Errorf("%d requests for opt-outs", n)
			}
		})
	}
}

// The segments are compared as what they are together, without their
// duplicates and what cannot be exported, and without being asked twice.
func TestCompareTakesTheUnionOfTheSegments(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, address(1), address(3), address(9))
	first, second := people(3), people(6)
	second.rows = append(second.rows, []string{"P4@Example.com", "", "", ""}, []string{"no address", "", "", ""}, []string{"ragged"})
	opened := 0
	first.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		return nil
	}
	_, m, err := w.export(first, second).Compare(t.Context(), w.client)
	if err != nil {
		t.Fatal(err)
	}
	checkMembership(t, m, 3, 4, 0, 1)
	if opened != 1 {
		t.Errorf("the segment was read %d times", opened)
	}
}

// Who is missing has the same fingerprint in whatever order the rows come, and
// another when it is somebody else.
func TestCompareTellsWhoIsMissing(t *testing.T) {
	t.Parallel()
	missing := func(present []string, order []int) string {
		w := newEnv(t, simulator.Options{})
		w.AddMembers(w.listID, present...)
		source := people(6)
		for i, at := range order {
			source.rows[i] = []string{strings.ToUpper(address(at)), "", "", "as " + address(i)}
		}
		return w.compare(t, w.export(source)).MissingFingerprint
	}
	up, down := []int{0, 1, 2, 3, 4, 5}, []int{5, 4, 3, 2, 1, 0}
	want := missing(addresses(4), up)
	if got := missing(addresses(4), down); got != want {
		t.Errorf("in another order %s is %s", want, got)
	}
	if got := missing([]string{address(3), address(1), address(0), address(2), address(7)}, up); got != want {
		t.Errorf("with other members %s is %s", want, got)
	}
	seen := map[string]int{want: -1}
	for i := range 4 { // two are missing here, too
		got := missing(slices.Concat(addresses(i), addresses(5)[i+1:]), up)
		if before, twice := seen[got]; twice {
			t.Errorf("without %d and %d the fingerprint is %s", before, i, got)
		}
		seen[got] = i
	}
}

// Who is on two pages is one member, with an address or without.
func TestCompareCountsMembersOnce(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, addresses(150)...)
	w.AddMembers(w.listID, "", "", "")
	proxy := w.changingMembers(t, func(map[string]any) {})
	checkMembership(t, compareWith(t, newClient(t, proxy, impatient), w.export(people(160))), 153, 10, 0, 3)
	if n := len(w.memberRequests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Who joins or moves to the end while the list is read is found, and counted
// once.
func TestCompareFindsWhoJoinsMeanwhile(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().Unix())
	w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	w.AddMembers(w.listID, addresses(150)...)
	w.OnRequest(func(r *http.Request) {
		if r.URL.Query().Has("page[cursor]") {
			now.Add(3600)
			w.RemoveMembers(w.listID, address(0))
			w.AddMembers(w.listID, address(0), address(150))
		}
	})
	checkMembership(t, w.compare(t, w.export(people(160))), 151, 9, 0, 0)
}

// Who unsubscribes while the list is read is not missing.
func TestCompareFindsWhoUnsubscribesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, addresses(5)...)
	var once sync.Once
	w.OnRequest(func(*http.Request) { once.Do(func() { w.Unsubscribe(w.listID, address(2)) }) })
	checkMembership(t, w.compare(t, w.export(people(5))), 4, 0, 1, 0)
}

// A large list is read in windows of time. Nobody is missed, neither where
// members are years apart nor where thousands joined in one second, nor where
// they joined after what is tomorrow for this machine.
func TestCompareReadsLargeListsInWindows(t *testing.T) {
	t.Parallel()
	const total = 6000
	r := rand.New(rand.NewPCG(4, 7))
	today := time.Now()
	for name, tc := range map[string]struct {
		joined func(i int) time.Time
	}{
		"evenly over years": {func(int) time.Time { return today.Add(-time.Duration(r.IntN(8*365*86_400)) * time.Second) }},
		"of one second":     {func(int) time.Time { return today.Add(-time.Hour) }},
		"of a few seconds":  {func(i int) time.Time { return today.Add(-time.Hour + time.Duration(i/2500)*time.Second) }},
		"mixed": {func(i int) time.Time {
			switch {
			case i < 500:
				return today.AddDate(-r.IntN(10), -r.IntN(12), 0)
			case i < 3500:
				return today.AddDate(0, -1, 0)
			case i < 5000:
				return today.Add(-time.Duration(r.IntN(86_400)) * time.Second)
			}
			return today.Add(time.Duration(r.IntN(3600)) * time.Second)
		}},
		"in the future":  {func(i int) time.Time { return today.AddDate(1, 0, i/10) }},
		"before Klaviyo": {func(i int) time.Time { return time.Date(1990, 1, 1, i, 0, 0, 0, time.UTC) }},
	} {
		var times []time.Time
		for i := range total {
			times = append(times, tc.joined(i))
		}
		slices.SortFunc(times, time.Time.Compare) // it is how the simulator takes them fast
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now atomic.Int64
			now.Store(today.Unix())
			w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
			for i, at := range times {
				now.Store(at.Unix())
				w.AddMembers(w.listID, address(i))
			}
			now.Store(today.Unix())
			source := people(total + 40)
			source.rows = source.rows[50:] // 50 strangers, 40 missing
			checkMembership(t, w.compare(t, w.export(source)), total, 40, 0, 50)
			requests := w.memberRequests()
			if len(requests) > 2*total/100 { // one cursor needs half of that
				t.Errorf("%d requests for %d members", len(requests), total)
			}
			if !slices.ContainsFunc(requests, func(r simulator.Request) bool { return strings.Contains(r.Query, "greater-or-equal") }) {
				t.Error("they were read by one cursor")
			}
		})
	}
}

// A server that does not tell when members joined, or begins with the last,
// makes the walk longer, not shorter.
func TestCompareDoesNotTrustTheOrder(t *testing.T) {
	t.Parallel()
	const total = 2500
	for name, proxied := range map[string]func(*testing.T, *env) string{
		"no dates": func(t *testing.T, w *env) string {
			return w.changingMembers(t, func(attributes map[string]any) { delete(attributes, "joined_group_at") })
		},
		"backwards": func(t *testing.T, w *env) string {
			return newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				query := r.URL.Query()
				if query.Has("sort") {
					query.Set("sort", "-joined_group_at")
					r.URL.RawQuery = query.Encode()
				}
				next.ServeHTTP(rw, r)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now atomic.Int64
			w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
			start := time.Now().AddDate(-1, 0, 0)
			for i := range total {
				now.Store(start.Add(time.Duration(i) * time.Hour).Unix())
				w.AddMembers(w.listID, address(i))
			}
			checkMembership(t, compareWith(t, newClient(t, proxied(t, w), impatient), w.export(people(total+1))), total, 1, 0, 0)
		})
	}
}

// Klaviyo's answers may have the case that somebody once typed.
func TestCompareIgnoresCase(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, addresses(5)...)
	w.Unsubscribe(w.listID, address(1))
	proxy := w.changingMembers(t, func(attributes map[string]any) {
		attributes["email"] = strings.ToUpper(attributes["email"].(string))
	})
	checkMembership(t, compareWith(t, newClient(t, proxy, impatient), w.export(people(6))), 4, 1, 1, 0)
}

func TestCompareFails(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.DeleteList(w.listID)
	_, m, err := w.export(people(3)).Compare(t.Context(), w.client)
	asError(t, err, []string{"list_id"}, "List Not Found", w.listID)
	if m != nil {
		t.Errorf("membership %+v", m)
	}

	for _, path := range []string{"/api/lists", "/api/profiles"} {
		w = newEnv(t, simulator.Options{})
		w.Inject(simulator.Fault{Path: path, Status: 403, Body: `{"errors":[{"code":"permission_denied"}]}`})
		if _, m, err = w.export(people(3)).Compare(t.Context(), w.client); !klaviyo.IsForbidden(err) || m != nil {
			t.Errorf("%s: membership %+v, error %v", path, m, err)
		}
	}
}

// What is wrong with the segments is said before a list is walked for minutes.
func TestCompareReadsTheSegmentsFirst(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	_, _, err := w.export(people(0)).Compare(t.Context(), w.client)
	asError(t, err, []string{"segment", "s1"}, "Segment Is Empty")
	e := w.export(people(3))
	e.Destination.MaxProfiles = 2
	_, _, err = e.Compare(t.Context(), w.client)
	asError(t, err, []string{"destination"}, "Too Many Profiles")
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A list that goes away half-way is not compared by half.
func TestCompareFailsWhenTheListGoesAway(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().Unix())
	w := newEnv(t, simulator.Options{Now: func() time.Time { return time.Unix(now.Add(60), 0) }})
	w.AddMembers(w.listID, addresses(1500)...)
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if strings.Contains(r.URL.Query().Get("filter"), "joined_group_at") {
			once.Do(func() { w.DeleteList(w.listID) })
		}
	})
	_, _, err := w.export(people(3)).Compare(t.Context(), w.client)
	asError(t, err, []string{"list_id"}, "List Not Found")
}

func TestCompareEndsWhenCancelled(t *testing.T) {
	t.Parallel()
	inWindow := func(r *http.Request) bool { return strings.Contains(r.URL.Query().Get("filter"), "joined_group_at") }
	for name, at := range map[string]func(*http.Request) bool{
		"on the list":       func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/lists/") },
		"in the windows":    inWindow,
		"with the opt-outs": func(r *http.Request) bool { return r.URL.Path == "/api/profiles" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			w.AddMembers(w.listID, addresses(1500)[1:]...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if at(r) {
					cancel()
					<-r.Context().Done() // the answer never arrives
					return
				}
				replay(rw, record(next, r))
			})
			_, m, err := w.export(people(3)).Compare(ctx, newClient(t, proxy, impatient))
			if !errors.Is(err, context.Canceled) || m != nil {
				t.Errorf("membership %+v, error %v", m, err)
			}
		})
	}
}

func TestCompareEndsWhenCancelledWhileReading(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source := people(30_000)
	source.before = func(ctx context.Context, row int) error {
		if row != 5000 {
			return nil
		}
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	if _, _, err := w.export(source).Compare(ctx, w.client); !errors.Is(err, context.Canceled) || len(w.Requests()) != 0 {
		t.Errorf("error %v after %d requests", err, len(w.Requests()))
	}
}

// No error shows whom it is about.
func TestNoErrorOfACompareShowsPersonalData(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.Inject(simulator.Fault{Path: "/api/lists", Status: 400, Body: `{"errors":[{"detail":"p1@example.com is odd with ` + testKey + `."}]}`})
	_, _, err := w.export(people(3)).Compare(t.Context(), w.client)
	if text := explained(err); err == nil || strings.Contains(text, "@") || strings.Contains(text, testKey) {
		t.Errorf("error %q", text)
	}
}
