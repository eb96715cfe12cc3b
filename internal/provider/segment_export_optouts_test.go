package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
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
		w.segment(strings.Replace(threeCSV, "Bob", "Robert", 1) + "joe@example.com,Joe\n")
	}
	grown.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +1 ~1 -0"))
	w.run(first, left, grown)
	w.wantMembers("ann@example.com", "eve@example.com", "joe@example.com")
}

// newGlobalEnv is one whose account takes unsubscribing from a list for unsubscribing
// from everything.
func newGlobalEnv(t *testing.T) *env {
	t.Helper()
	return newEnvWith(t, simulator.Options{Account: simulator.Account{GlobalUnsubscribe: true}})
}

// allUnsubscribe has three people unsubscribe from everything and thereby leave the
// list.
func (w *env) allUnsubscribe() {
	for _, email := range three {
		w.Unsubscribe(w.list.ID, email)
	}
}

// Who unsubscribes from everything and thereby leaves the list makes no run due, and
// one that is due does not put them back: neither if only changes are sent nor if
// everything is.
func TestAccSegmentExport_optOutsOfEverything(t *testing.T) {
	t.Parallel()
	for _, check := range []string{membershipCount, membershipFull} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			w := newGlobalEnv(t)
			config := w.checking(check)
			left := resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: w.allUnsubscribe}
			changed := applied(config, inState(exportAddress, values{"withheld_count": 3, "list_profile_count": 1}))
			changed.PreConfig = func() {
				w.segment("EMail,FirstName\nann@example.com,A\nbob@example.com,B\neve@example.com,E\njoe@example.com,Joe\n")
			}
			changed.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +1 ~3 -0"))
			all := config.with(exportBlock, "attributes", `{ last_name = "FirstName" }`)
			mapped := applied(all, inState(exportAddress, values{"withheld_count": 3, "list_profile_count": 1}))
			mapped.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueUnread("everything is sent: mapping changed"))
			w.run(applied(config), left, changed, mapped)
			w.wantMembers("joe@example.com")
			w.wantImports(3)
		})
	}
}

// With withhold_list only who unsubscribed from the list is withheld.
func TestAccSegmentExport_optOutsOfTheList(t *testing.T) {
	t.Parallel()
	for check, reason := range map[string]string{membershipCount: "everything is sent: list lost 1 member", membershipFull: "list lacks 1 profile"} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.checking(check).with(exportBlock, "opt_outs", `"withhold_list"`)
			withheld := map[string]int{membershipFull: 0, membershipCount: 1}[check] // the full check sends only who is missing
			again := applied(config, inState(exportAddress, values{"withheld_count": withheld, "list_profile_count": 2}))
			again.PreConfig = func() {
				w.Unsubscribe(w.list.ID, "bob@example.com")
				w.SuppressEverything("eve@example.com", "UNSUBSCRIBE")
				w.RemoveMembers(w.list.ID, "eve@example.com")
			}
			again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun(reason))
			w.run(applied(config), again)
			w.wantMembers("ann@example.com", "eve@example.com")
			for _, r := range w.Requests() {
				if strings.Contains(r.Query, "marketing.suppression") {
					t.Errorf("who unsubscribed from everything was asked for: %s", r.Query)
				}
			}
		})
	}
}

// With ignore everybody is put back, and Klaviyo is not asked who opted out.
func TestAccSegmentExport_optOutsIgnoredLater(t *testing.T) {
	t.Parallel()
	w := newGlobalEnv(t)
	config := w.export(threeCSV).with(exportBlock, "opt_outs", `"ignore"`)
	again := applied(config, inState(exportAddress, values{"withheld_count": 0, "list_profile_count": 3}))
	again.PreConfig = w.allUnsubscribe
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("everything is sent: list lost 3 members"))
	w.run(applied(config), again)
	w.wantMembers(three...)
	for _, r := range w.Requests() {
		if strings.HasSuffix(r.Path, "/api/profiles") {
			t.Errorf("asked for opt-outs: %s", r.Query)
		}
	}
}

// A plan says who is not put back, as far as it knows, and a run whom it withheld: by
// the way they opted out, and without a name.
func TestAccSegmentExport_optOutsInWarnings(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(hundreds(1)).with(exportBlock, "membership_check", `"full"`).with(exportBlock, "attributes", `{ first_name = "FirstName" }`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.Unsubscribe(w.list.ID, "person1@example.com")
	w.Unsubscribe(w.list.ID, "person2@example.com")
	for i, reason := range []string{3: "UNSUBSCRIBE", 4: "SPAM_COMPLAINT", 5: "SPAM_REPORT", 6: "USER_SUPPRESSED", 7: "HARD_BOUNCE"} {
		if reason != "" {
			w.SuppressEverything(fmt.Sprintf("person%d@example.com", i), reason)
		}
	}
	w.RemoveMembers(w.list.ID, "person3@example.com")
	c.terraformRun("No changes", "plan")

	w.segment(strings.Replace(hundreds(1), ",P", ",Q", 10))
	c.terraformRun("segment changed: +0 ~10 -0", "plan", "-out=plan.bin")
	c.wantWords(c.output.String(), "Warning: People Who Opted Out: VIP customers to Klaviyo")
	c.wantWords(c.output.String(), "3 people are in the segments but not on the list, because they opted out: 2 unsubscribed from this list, 1 from everything. The run does not put them back.")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	c.wantWords(c.output.String(), "Warning: People Withheld: VIP customers to Klaviyo")
	c.wantWords(c.output.String(), `6 people were withheld: 2 unsubscribed from this list, 1 from everything, 2 complained of spam, 1 was suppressed by hand. They are neither put on the list "VIP customers" nor updated.`)
	if strings.Contains(c.output.String(), "@example.com") {
		t.Error("somebody is named")
	}
	c.terraformRun("No changes", "plan")
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
