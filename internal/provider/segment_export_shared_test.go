package provider

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// An id that several people have, as a default is, is named on plan and not sent, so
// that Klaviyo does not merge them.
func TestAccSegmentExport_sharedExternalID(t *testing.T) {
	t.Parallel()
	w := newEnvWith(t, simulator.Options{MergeProfiles: true})
	config := w.export("email,first_name,customer_id\nann@example.com,Ann,1041\nbob@example.com,Bob,0\ncat@example.com,Cat,0\ndan@example.com,Dan,1042\neve@example.com,Eve,0\n").
		with(exportBlock, "data_matching", block(`email = "email"`, `external_id = "customer_id"`)).
		with(exportBlock, "attributes", block(`first_name = "first_name"`))
	c := newCLI(t, config, envAPIKey+"=")
	plan, err := c.try("plan", "-no-color", "-input=false", "-out=plan.bin")
	if err != nil {
		t.Fatalf("%s\n%s", err, plan)
	}
	for _, words := range []string{
		"Warning: 3 External Ids Shared: VIP customers to Klaviyo",
		"Klaviyo would merge them into one, so they are exported without it: 3 rows (2, 3, 5 of vip).",
		"Correct the column that data_matching.external_id names, or leave the argument out.",
	} {
		c.wantWords(plan, words)
	}
	if apply, err := c.try("apply", "-no-color", "-input=false", "plan.bin"); err != nil {
		t.Fatalf("%s\n%s", err, apply)
	}
	w.wantMembers("ann@example.com", "bob@example.com", "cat@example.com", "dan@example.com", "eve@example.com")
	for email, want := range map[string]string{"ann@example.com": "1041", "bob@example.com": "", "cat@example.com": "", "dan@example.com": "1042", "eve@example.com": ""} {
		if p, _ := w.Profile(email); p.ExternalID != want {
			t.Errorf("%s has the id %q, want %q", email, p.ExternalID, want)
		}
	}
	if again, err := c.try("plan", "-no-color", "-input=false", "-detailed-exitcode"); err != nil {
		t.Errorf("the second plan is not empty: %s\n%s", err, again)
	}
}
