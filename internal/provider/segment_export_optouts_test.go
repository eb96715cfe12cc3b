package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// An opt-out makes no run due, and is not put back on the list by
// one that is due for another reason.
func TestAccSegmentExport_optOuts(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	first := applied(config, inState(exportAddress, values{"opt_outs": "withhold", "withheld_count": 0, "list_profile_count": 3}))
	left := resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: func() { w.Unsubscribe(w.list.ID, "Bob@Example.com") }}
	grown := applied(config, inState(exportAddress, values{"withheld_count": 1, "last_run.profiles_submitted": 1}))
	grown.PreConfig = func() {
		w.wantMembers("ann@example.com", "eve@example.com")
		w.segment(threeCSV + "joe@example.com,Joe\n")
	}
	grown.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +1 ~0 -0"))
	w.run(first, left, grown)
	w.wantMembers("ann@example.com", "eve@example.com", "joe@example.com")
}

func TestAccSegmentExport_optOutsIgnored(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.Unsubscribe(w.list.ID, "bob@example.com")
	config := w.export(threeCSV)
	all := applied(config.with(exportBlock, "opt_outs", `"ignore"`), inState(exportAddress, values{"withheld_count": 0}))
	all.PreConfig = func() { w.wantMembers("ann@example.com", "eve@example.com") }
	all.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueUnread("everything is sent: opt_outs changed"))
	w.run(resource.TestStep{Config: config.String()}, all)
	w.wantMembers(three...)
}
