package klaviyo_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// simulated starts a simulator and a client of it.
func simulated(t *testing.T) (*simulator.Server, *klaviyo.Client) {
	t.Helper()
	s, err := simulator.Start(simulator.Options{})
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
	s, c := simulated(t)
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
	s, c := simulated(t)
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
	s, c := simulated(t)
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
