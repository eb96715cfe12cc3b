package export_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// sampled is an export that has run, with what is known of the run.
type sampled struct {
	*env
	*export.Export
	last export.LastSent
}

// newSampled exports a segment, and looks up a sample after it.
func newSampled(t *testing.T, w *env, source *table, tracked bool) *sampled {
	t.Helper()
	s := &sampled{env: w, Export: w.export(source)}
	s.TrackChanges = tracked
	s.runAgain(t)
	return s
}

// runAgain makes a run as the provider does.
func (s *sampled) runAgain(t *testing.T) *export.Result {
	t.Helper()
	sample := &export.Sample{}
	r, err := s.Run(t.Context(), s.client, export.RunOptions{Sample: sample})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	absent, err := s.SampleAbsent(t.Context(), s.client, sample, s.last.Absent)
	if err != nil {
		t.Fatal(err)
	}
	s.Acknowledged, s.last = r.Acknowledged, export.LastSent{Fingerprint: r.Fingerprint, Absent: absent}
	s.ResetRequests()
	return r
}

// check looks up a sample, as a plan does.
func (s *sampled) check(t *testing.T) *export.SampleCheck {
	t.Helper()
	survey, sample, err := s.SurveySampled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.CheckSample(t.Context(), s.client, survey, sample, s.last)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s *sampled) want(t *testing.T, people, missing int64) {
	t.Helper()
	if got := s.check(t); got == nil || *got != (export.SampleCheck{People: people, Missing: missing}) {
		t.Errorf("found %+v, want %d of %d missing", got, missing, people)
	}
}

// people are those whom the last check looked up, in order of their addresses.
func (s *sampled) people(t *testing.T) []string {
	t.Helper()
	for _, r := range slices.Backward(s.Requests()) {
		if strings.HasSuffix(r.Path, s.listID+"/profiles") {
			query, err := url.ParseQuery(r.Query)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Query) > 7500 {
				t.Errorf("the query has %d bytes", len(r.Query))
			}
			found := regexp.MustCompile(`[^"]+@[^"]+`).FindAllString(query.Get("filter"), -1)
			slices.Sort(found)
			return found
		}
	}
	t.Fatal("nobody was looked up")
	return nil
}

// A hundred people are looked up with one request, spread over the segment, the same
// ones as long as the segment holds the same people.
func TestSample(t *testing.T) {
	t.Parallel()
	const rows = 2000
	w := newEnv(t, simulator.Options{})
	source := people(rows)
	s := newSampled(t, w, source, true)
	s.want(t, 100, 0)
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
	first := s.people(t)
	if len(first) != 100 || len(slices.Compact(slices.Clone(first))) != 100 {
		t.Fatalf("%d people are looked up: %q", len(first), first)
	}
	halves := map[bool]int{}
	for _, email := range first {
		number := 0
		if _, err := fmt.Sscanf(email, "p%d@", &number); err != nil {
			t.Fatal(err)
		}
		halves[number < rows/2]++
	}
	if halves[true] < 25 || halves[false] < 25 {
		t.Errorf("the halves of the segment have %v of the sample", halves)
	}
	slices.Reverse(source.rows)
	s.want(t, 100, 0)
	if second := s.people(t); !slices.Equal(first, second) {
		t.Errorf("the sample depends on the order of the rows: %q and %q", first, second)
	}
}

// Everybody is in the sample once, although segments with shared identifiers are read
// twice. Nobody asks for a long address.
func TestSampleOfFew(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(3)
	source.rows[0][1], source.rows[1][1] = "+34600111222", "+34600111222"
	long := strings.Repeat("x", 60) + "@example.com"
	source.rows = append(source.rows, []string{long, "", "1", ""}, source.rows[0])
	s := newSampled(t, w, source, false)
	s.want(t, 3, 0)
	w.RemoveMembers(w.listID, address(1), long)
	s.want(t, 3, 1)
}

func TestSampleOfLongAddresses(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(150)
	for i := range source.rows {
		source.rows[i][0] = fmt.Sprintf("%s%03d+x@example.com", strings.Repeat("y", 37), i)
	}
	s := newSampled(t, w, source, false)
	s.want(t, 100, 0)
	s.people(t)
}

// Who opted out is not missing, in whichever way, unless opt-outs are ignored.
func TestSampleMissing(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	s := newSampled(t, w, people(300), true)
	s.want(t, 100, 0)
	looked := s.people(t)
	w.RemoveMembers(w.listID, looked[:5]...)
	s.want(t, 100, 5)
	w.Unsubscribe(w.listID, looked[10])
	other := w.AddList(simulator.List{})
	for _, email := range looked[11:16] {
		w.RemoveMembers(w.listID, email)
	}
	w.SuppressEverything(looked[11], "UNSUBSCRIBE")
	w.SuppressEverything(looked[12], "SPAM_COMPLAINT")
	w.SuppressEverything(looked[13], "USER_SUPPRESSED")
	w.SuppressEverything(looked[14], "HARD_BOUNCE") // not what the person wants
	w.Unsubscribe(other.ID, looked[15])             // from another list
	s.want(t, 100, 7)
	s.OptOuts = export.IgnoreOptOuts
	s.want(t, 100, 11)
}

// Who is new in the segments, or was refused, is not expected to be on the list.
func TestSampleOfChangedSegments(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(1000)
	s := newSampled(t, w, source, true)
	source.rows = append(source.rows, people(1030).rows[1000:]...)
	found := s.check(t)
	if found == nil || found.Missing != 0 || found.People == 100 || found.People < 90 {
		t.Errorf("with new people it found %+v", found)
	}
	w.RemoveMembers(w.listID, s.people(t)[:2]...)
	if found := s.check(t); found == nil || found.Missing != 2 {
		t.Errorf("with new people and two missing it found %+v", found)
	}

	// So much has changed that nobody knows who was there.
	s.ResetRequests()
	for _, row := range source.rows {
		row[2] += "0"
	}
	if found := s.check(t); found != nil || len(s.Requests()) != 0 {
		t.Errorf("found %+v with %d requests", found, len(s.Requests()))
	}
}

// Who was not on the list right after the run is not missing later, because Klaviyo
// refused the person, or the person opted out.
func TestSampleAfterRefusals(t *testing.T) {
	t.Parallel()
	for _, tracked := range []bool{true, false} {
		t.Run(fmt.Sprint("tracked ", tracked), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			all := addresses(50)
			for _, email := range all[:10] {
				w.FailEmail(email, "invalid", "No such mailbox")
			}
			w.AddMembers(w.listID, all[10])
			w.Unsubscribe(w.listID, all[10])
			s := newSampled(t, w, people(50), tracked)
			if n := len(s.last.Absent.Keys); n != 11 {
				t.Errorf("%d people are known to be absent", n)
			}
			if found := s.check(t); found == nil || found.Missing != 0 {
				t.Errorf("found %+v", found)
			}
			s.OptOuts = export.IgnoreOptOuts
			w.RemoveMembers(w.listID, all[20])
			if found := s.check(t); found == nil || found.Missing != 1 {
				t.Errorf("found %+v, want one missing", found)
			}
		})
	}
}

// Who is removed from the list between the check and a run that sends only changes is
// found by the next check, and who is absent stays so.
func TestSampleOfARunOfChanges(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(90)
	s := newSampled(t, w, source, true)
	s.want(t, 90, 0)
	w.RemoveMembers(w.listID, address(7))
	s.last.Absent = absentNow(t, s)
	s.want(t, 90, 0)
	w.RemoveMembers(w.listID, address(3))
	source.rows[5][2] = "500"
	w.OnRequest(func(r *http.Request) { // after it was sent
		if r.URL.Query().Has("additional-fields[list]") {
			w.RemoveMembers(w.listID, address(5))
		}
	})
	if r := s.runAgain(t); r.Everything || r.Updated != 1 {
		t.Fatalf("sent %+v", r.Sent)
	}
	s.want(t, 90, 1)
	if klaviyo.MaxLookup != 100 {
		t.Error("the sample of this test is no longer the whole segment")
	}
}

// absentNow is who is not on the list, as after a run that sent everything.
func absentNow(t *testing.T, s *sampled) *export.Absent {
	t.Helper()
	_, sample, err := s.SurveySampled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	absent, err := s.SampleAbsent(t.Context(), s.client, sample, nil)
	if err != nil {
		t.Fatal(err)
	}
	return absent
}
