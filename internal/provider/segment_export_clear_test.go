package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// A property whose value is empty is removed from the profile if that is declared, and
// kept if not; and once it is removed, nothing is planned.
func TestAccSegmentExport_clearsProperties(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export("EMail,FirstName,Tier,Zone\nann@example.com,Ann,gold,north\nbob@example.com,Bob,silver,south\n").
		with(exportBlock, "property", `{
    name  = "tier"
    field = "Tier"
    empty = "clear"
  }`).with(exportBlock, "properties", `{ zone = "Zone" }`)
	emptied := applied(config)
	emptied.PreConfig = func() {
		w.segment("EMail,FirstName,Tier,Zone\nann@example.com,Ann,,\nbob@example.com,Bob,silver,south\n")
	}
	emptied.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +0 ~1 -0"))
	w.run(applied(config), emptied, resource.TestStep{Config: config.String(), PlanOnly: true})
	p, _ := w.Profile("ann@example.com")
	if _, has := p.Properties["tier"]; has || p.Properties["zone"] != "north" {
		t.Errorf("properties %v", p.Properties)
	}
	if p, _ = w.Profile("bob@example.com"); p.Properties["tier"] != "silver" {
		t.Errorf("properties of another profile %v", p.Properties)
	}
}
