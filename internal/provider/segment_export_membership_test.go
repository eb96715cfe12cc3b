package provider

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// checking is an export with a membership check.
func (w *env) checking(check string) configuration {
	return w.export(threeCSV).with(exportBlock, "membership_check", `"`+check+`"`)
}

// The full check sees who is missing also when others have joined; the count
// does not, and without a check nobody looks.
func TestAccSegmentExport_membershipChecks(t *testing.T) {
	t.Parallel()
	for check, reason := range map[string]string{
		membershipFull: "list lacks 1 profile and has 2 members who are in no segment", membershipCount: "", membershipNone: "",
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.checking(check)
			swap := func() {
				w.RemoveMembers(w.list.ID, "bob@example.com")
				w.AddMembers(w.list.ID, "zed@example.com", "yan@example.com")
			}
			step := resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: swap}
			if reason != "" {
				step = applied(config)
				step.PreConfig = swap
				step.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun(reason))
			}
			w.run(applied(config), step)
		})
	}
}

// Without a check a loss is not noticed, and the list is not counted.
func TestAccSegmentExport_membershipNotChecked(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.checking(membershipNone)
	w.run(applied(config), resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: func() { w.RemoveMembers(w.list.ID, three...) }})
	w.wantImports(1)
}

// Who was not on the list right after the run, since Klaviyo merged or skipped
// profiles, is no drift later; who goes then is.
func TestAccSegmentExport_baselineOfTheList(t *testing.T) {
	t.Parallel()
	for check, reason := range map[string]string{membershipFull: "list lacks 1 profile", membershipCount: "everything is sent: list lost 1 member"} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			w.FailEmail("eve@example.com", "merged", "Merged into another profile")
			config := w.checking(check)
			again := applied(config)
			again.PreConfig = func() { w.RemoveMembers(w.list.ID, "ann@example.com") }
			again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun(reason))
			w.run(applied(config), resource.TestStep{Config: config.String(), PlanOnly: true}, again)
			w.wantMembers("ann@example.com", "bob@example.com")
		})
	}
}

// Who unsubscribes from the list is withheld by the next run, but makes none
// due.
func TestAccSegmentExport_unsubscribedIsNoDrift(t *testing.T) {
	t.Parallel()
	for _, check := range []string{membershipFull, membershipCount} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.checking(check)
			withheld := map[string]int{membershipFull: 0, membershipCount: 1}[check] // the full check sends only who is missing
			lost := applied(config, inState(exportAddress, values{"withheld_count": withheld}))
			lost.PreConfig = func() { w.RemoveMembers(w.list.ID, "bob@example.com") }
			reason := map[string]string{membershipFull: "list lacks 1 profile", membershipCount: "everything is sent: list lost 1 member"}[check]
			lost.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun(reason))
			w.run(applied(config),
				resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: func() { w.Unsubscribe(w.list.ID, "ann@example.com") }},
				lost)
			w.wantMembers("bob@example.com", "eve@example.com")
			w.wantImports(2)
		})
	}
}

// Only who is missing is sent, and who was missing right after the last run is not
// sent again with them.
func TestAccSegmentExport_sendsWhoIsMissing(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	w.FailEmail("p7@example.com", "merged", "Merged into another profile")
	config := w.export(peopleHeader+peopleRows(0, 450)).with(exportBlock, "membership_check", `"full"`)
	lost := applied(config, inState(exportAddress, merged(changesOf(1, 3, 0, 446), values{"last_run.sent": "changes", "last_run.profiles_updated": 3})))
	lost.PreConfig = func() { w.RemoveMembers(w.list.ID, "p1@example.com", "p200@example.com", "p449@example.com") }
	lost.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("list lacks 3 profiles"))
	unchanged := resource.TestStep{Config: config.String(), PlanOnly: true}
	w.run(applied(config), unchanged, lost, unchanged)
	if sent := w.lastImport(); !slices.Equal(sent, []string{"p1@example.com", "p200@example.com", "p449@example.com", "p7@example.com"}) {
		t.Errorf("sent %v", sent)
	}
}

// Who was missing right after the last run, since Klaviyo has merged two people, is
// not sent again because of somebody else.
func TestAccSegmentExport_doesNotSendTheMergedAgain(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	w.AddMembers(w.list.ID, "p5@example.com", "p6@example.com")
	w.Merge("p5@example.com", "p6@example.com")
	config := w.export(peopleHeader+peopleRows(0, 150)).with(exportBlock, "membership_check", `"full"`)
	grown := applied(config)
	grown.PreConfig = func() { w.segment(peopleHeader + peopleRows(0, 151)) }
	grown.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +1 ~0 -0"))
	w.run(applied(config), resource.TestStep{Config: config.String(), PlanOnly: true}, grown)
	if sent := w.lastImport(); !slices.Equal(sent, []string{"p150@example.com"}) {
		t.Errorf("sent %v", sent)
	}
}

// Who changed and is missing is sent once, and joins the list.
func TestAccSegmentExport_changedAndMissing(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	people := peopleHeader + peopleRows(0, 450)
	config := w.export(people).with(exportBlock, "membership_check", `"full"`)
	changed := strings.Replace(people, "p1@example.com,", "p1@example.com,x", 1)
	sent := applied(config, inState(exportAddress, merged(changesOf(0, 2, 0, 448), values{"last_run.sent": "changes", "last_run.profiles_updated": 2})))
	sent.PreConfig = func() {
		w.segment(changed)
		w.RemoveMembers(w.list.ID, "p1@example.com", "p200@example.com")
	}
	joining := refused(config, "Joining The List Starts A Live Flow", "Up to 2 profiles")
	joining.PreConfig = func() {
		w.segment(strings.Replace(changed, "p2@example.com,", "p2@example.com,x", 1))
		w.RemoveMembers(w.list.ID, "p2@example.com", "p300@example.com")
		w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome series", Status: "live"})
	}
	w.run(applied(config), sent, joining)
	if sent := w.lastImport(); !slices.Equal(sent, []string{"p1@example.com", "p200@example.com"}) {
		t.Errorf("sent %v", sent)
	}
}
