package klaviyo_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A hundred addresses are looked up in one request; an address that was merged into
// another profile leads to that profile.
func TestProfileIDs(t *testing.T) {
	t.Parallel()
	s, c := simulated(t, simulator.Account{})
	list := s.AddList(simulator.List{})
	emails := make([]string, klaviyo.MaxLookup)
	for i := range emails {
		emails[i] = fmt.Sprintf("p%d@example.com", i)
	}
	s.AddMembers(list.ID, emails[:90]...)
	s.AddMembers(list.ID, "other@example.com")
	s.Merge(emails[7], "other@example.com")
	other, _ := s.Profile("other@example.com")
	before := len(s.Requests())
	ids, err := c.ProfileIDs(t.Context(), emails)
	if err != nil || len(ids) != 90 || !slices.Contains(ids, other.ID) {
		t.Errorf("%d profiles found, %v", len(ids), err)
	}
	if n := len(s.Requests()) - before; n != 1 {
		t.Errorf("%d requests", n)
	}
	if ids, err := c.ProfileIDs(t.Context(), nil); err != nil || ids != nil {
		t.Errorf("nobody is %q, %v", ids, err)
	}
	if _, err := c.ProfileIDs(t.Context(), slices.Concat(emails, []string{"one@example.com"})); err == nil {
		t.Error("too many are looked up")
	}
}
