package klaviyo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// simulated starts a simulator and a client of it.
func simulated(t *testing.T, account simulator.Account) (*simulator.Server, *klaviyo.Client) {
	t.Helper()
	s, err := simulator.Start(simulator.Options{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddKey(testKey)
	return s, client(t, s.URL, klaviyo.Options{}, &api{})
}

// A removal whose answer was lost is retried and ends well.
func TestRemoveMembersIsRetried(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{})
	s.AddMembers(list.ID, "a@example.com", "b@example.com", "c@example.com")
	var leavers []string
	for m, err := range c.Members(t.Context(), list.ID, klaviyo.TimeRange{}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Email != "b@example.com" {
			leavers = append(leavers, m.ID)
		}
	}
	s.Inject(simulator.Fault{Method: "DELETE", DropAfter: true})
	if err := c.RemoveMembers(t.Context(), list.ID, leavers); err != nil {
		t.Fatal(err)
	}
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"b@example.com"}) || len(s.Pending()) > 0 {
		t.Errorf("members %q, faults left %v", got, s.Pending())
	}
}

func TestRemoveMembersKeepsToTheLimit(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{})
	ids := make([]string, klaviyo.MaxRemovedMembers)
	for i := range ids {
		ids[i] = fmt.Sprint("unknown", i)
	}
	if err := c.RemoveMembers(t.Context(), list.ID, ids); err != nil {
		t.Errorf("the most that is allowed: %v", err)
	}
	if err := c.RemoveMembers(t.Context(), list.ID, append(ids, "one more")); err == nil {
		t.Error("more than allowed are sent")
	}
	if err := c.RemoveMembers(t.Context(), list.ID, nil); err != nil {
		t.Errorf("nobody: %v", err)
	}
	if got := len(s.Requests()); got != 1 {
		t.Errorf("%d requests, want one", got)
	}
}

func TestListsWithFlows(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	quiet, busy := s.AddList(simulator.List{Name: "Quiet"}), s.AddList(simulator.List{Name: "Busy"})
	s.AddFlow(quiet.ID, simulator.Flow{Name: "Old", Status: "draft"})
	s.AddFlow(busy.ID, simulator.Flow{Name: "Welcome", Status: "live"})
	s.AddFlow(busy.ID, simulator.Flow{Name: "Gone", Status: "live", Archived: true})
	got, err := c.Lists(t.Context(), []string{quiet.ID, busy.ID, "NoList"})
	if err != nil || len(got) != 2 || len(s.Requests()) != 1 {
		t.Fatalf("lists %v, %v, %d requests", got, err, len(s.Requests()))
	}
	if l := got[quiet.ID]; l.Name != "Quiet" || len(l.Flows) != 1 || l.Flows[0].Status != "draft" {
		t.Errorf("list %+v", l)
	}
	if l := got[busy.ID]; l.Name != "Busy" || len(l.Flows) != 2 || l.Flows[0].Name != "Welcome" || l.Flows[0].Status != "live" || !l.Flows[1].Archived {
		t.Errorf("list %+v", l)
	}
}

// Unsubscribing from a list suppresses the list or everything, as the account says;
// complaints and suppressions by hand are of everything.
func TestSuppressions(t *testing.T) {
	t.Parallel()
	for _, global := range []bool{false, true} {
		t.Run(fmt.Sprint("global ", global), func(t *testing.T) {
			t.Parallel()
			s, c := simulated(t, simulator.Account{GlobalUnsubscribe: global})
			list := s.AddList(simulator.List{})
			s.AddMembers(list.ID, "left@example.com", "complained@example.com", "byhand@example.com", "bounced@example.com", "stays@example.com")
			before := time.Now().Truncate(time.Second)
			s.Unsubscribe(list.ID, "left@example.com")
			s.SuppressEverything("complained@example.com", "SPAM_COMPLAINT")
			s.SuppressEverything("byhand@example.com", "USER_SUPPRESSED")
			s.SuppressEverything("bounced@example.com", "HARD_BOUNCE")
			left := list.ID
			if global {
				left = ""
			}
			want := map[string]string{
				"left@example.com": left + " UNSUBSCRIBE", "complained@example.com": " SPAM_COMPLAINT",
				"byhand@example.com": " USER_SUPPRESSED", "bounced@example.com": " HARD_BOUNCE", "stays@example.com": "",
			}
			found, err := c.Suppressions(t.Context(), []string{"left@example.com", "complained@example.com", "byhand@example.com", "bounced@example.com", "stays@example.com", "unknown@example.com"})
			if err != nil || len(found) != len(want) {
				t.Fatalf("found %d people, %v", len(found), err)
			}
			for _, p := range found {
				email, got := p.Email, ""
				for _, one := range p.Suppressions {
					got += one.ListID + " " + one.Reason
					if one.At.Before(before) {
						t.Errorf("suppressed at %s", one.At)
					}
				}
				if got != want[email] {
					t.Errorf("%s has %q, want %q", email, got, want[email])
				}
			}
			if got := s.MemberEmails(list.ID); len(got) != 4 || slices.Contains(got, "left@example.com") {
				t.Errorf("members %q", got)
			}
			suppressed := 3
			if global {
				suppressed = 4
			}
			for during, count := range map[klaviyo.TimeRange]int{
				{}: suppressed, {From: before}: suppressed, {From: before.Add(time.Hour)}: 0, {To: before}: 0,
			} {
				people := 0
				for got, err := range c.Suppressed(t.Context(), during) {
					if people++; err != nil || len(got.Suppressions) != 1 || got.Suppressions[0].ListID+" "+got.Suppressions[0].Reason != want[got.Email] {
						t.Errorf("suppressed %+v, %v", got, err)
					}
				}
				if people != count {
					t.Errorf("%d people during %v, want %d", people, during, count)
				}
			}
		})
	}
}

// People who fail for now, or share an identifier, are in the errors of the finished
// job; the former are imported when sent again.
func TestErrorsOfFinishedJobs(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{})
	s.FailForNow(2, 1)
	s.RefuseSharedIdentifiers()
	send := func(profiles string) (errors []string) {
		job, err := c.ImportProfiles(t.Context(), list.ID, []byte(profiles))
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range c.ImportErrors(t.Context(), job.ID) {
			if err != nil {
				t.Fatal(err)
			}
			errors = append(errors, e.Email+" "+e.Code)
		}
		return errors
	}
	const a = `{"type":"profile","attributes":{"email":"a@example.com","external_id":"1"}}`
	const b = `{"type":"profile","attributes":{"email":"b@example.com"}}`
	const shared = `{"type":"profile","attributes":{"email":"c@example.com","external_id":"1"}}`
	if got := send(a + "," + b + "," + shared); !slices.Equal(got, []string{"b@example.com server_error", "c@example.com duplicate_profile"}) {
		t.Errorf("errors %q", got)
	}
	if got := send(b); got != nil {
		t.Errorf("sent again: %q", got)
	}
	if got := s.MemberEmails(list.ID); !slices.Equal(got, []string{"a@example.com", "b@example.com"}) {
		t.Errorf("members %q", got)
	}
}
