package provider

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// hundreds is a segment of so many hundreds of people.
func hundreds(n int) string {
	var b strings.Builder
	b.WriteString("EMail,FirstName\n")
	for i := range n * 100 {
		fmt.Fprintf(&b, "person%d@example.com,P%d\n", i, i)
	}
	return b.String()
}

// An apply that changes nothing saves no look at the segments that a later plan
// without a refresh would take for today's.
func TestAccSegmentExport_staleRefresh(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(hundreds(1)).with(exportBlock, "triggers", `{ t = "1" }`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.terraformRun("0 changed", "apply", "-auto-approve")

	w.segment(hundreds(3))
	c.terraformRun("1 to change", "plan", "-refresh=false")
	c.write("main.tf", strings.Replace(c.read("main.tf"), `t = "1"`, `t = "2"`, 1))
	out, err := c.try("plan", "-no-color", "-input=false", "-refresh=false", "-out=plan.bin")
	if err != nil {
		t.Fatal(err, out)
	}
	c.wantWords(out, "300 Profiles To Export")
	c.wantWords(out, "profile_count = 100 -> (known after apply)")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	c.run(`profile_count = 300`, "show", "-no-color")
	c.terraformRun("No changes", "plan")
	w.wantImports(2)
}

// With pin_to_plan a plan without a refresh promises what it has just read.
func TestAccSegmentExport_staleRefreshPinned(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(hundreds(1)).with(exportBlock, "pin_to_plan", "true").with(exportBlock, "triggers", `{ t = "1" }`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.terraformRun("0 changed", "apply", "-auto-approve")
	w.segment(hundreds(3))
	c.write("main.tf", strings.Replace(c.read("main.tf"), `t = "1"`, `t = "2"`, 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve", "-refresh=false")
	c.terraformRun("No changes", "plan")
	w.wantImports(2)
}

// Without a refresh a schedule is looked at, too, whatever an earlier refresh
// has seen.
func TestSegmentExport_scheduleWithoutRefresh(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	start := time.Now()
	w.clock = func() time.Time { return start }
	config := w.exportObject(threeCSV).with("schedule", values{"cron": "@daily"})
	c := newCore(w, mainKey)
	export := c.mustRead(c.apply(c.absent(exportKind), config))
	c.wantNoChange("at once", export, config)
	later := newCore(w, mainKey) // another process
	w.clock = func() time.Time { return start.Add(48 * time.Hour) }
	if later.undynamic(later.typeOf(exportKind), later.plan(export, config).PlannedState).Equal(export.state) {
		t.Error("nothing is planned two days later")
	}
}

// Applies that change nothing do not change the state, so that a plan that was
// saved meanwhile can still be applied.
func TestAccSegmentExport_stateStaysTheSame(t *testing.T) {
	t.Parallel()
	for _, check := range []string{membershipCount, membershipFull} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			c := newCLI(t, w.export(hundreds(3)).with(exportBlock, "membership_check", `"`+check+`"`).with(exportBlock, "triggers", `{ t = "1" }`))
			c.terraformRun("Apply complete", "apply", "-auto-approve")
			before := c.read("terraform.tfstate")
			c.write("main.tf", strings.Replace(c.read("main.tf"), `t = "1"`, `t = "2"`, 1))
			c.terraformRun("1 to change", "plan", "-out=plan.bin")
			c.write("main.tf", strings.Replace(c.read("main.tf"), `t = "2"`, `t = "1"`, 1))
			for range 3 {
				c.terraformRun("0 changed", "apply", "-auto-approve")
				if c.read("terraform.tfstate") != before {
					t.Fatal("the state changed")
				}
			}
			c.terraformRun("Apply complete", "apply", "plan.bin")

			// The same holds of what makes a run due.
			w.RemoveMembers(w.list.ID, "person1@example.com")
			c.terraformRun("Apply complete", "apply", "-auto-approve", "-refresh-only")
			before = c.read("terraform.tfstate")
			time.Sleep(1100 * time.Millisecond) // a time to the second would differ
			c.terraformRun("Apply complete", "apply", "-auto-approve", "-refresh-only")
			if c.read("terraform.tfstate") != before {
				t.Error("the state changed when the same was found")
			}
		})
	}
}

// A list that cannot be read for a while is neither drift nor a change.
func TestAccSegmentExport_listNotRefreshed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(hundreds(1)), "KLAVIYO_RETRY_TIMEOUT=0s")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	before := c.read("terraform.tfstate")
	outage := func() {
		w.Inject(simulator.Fault{Method: http.MethodGet, Path: "/api/lists/" + w.list.ID, Status: http.StatusServiceUnavailable, Times: 1})
	}
	w.RemoveMembers(w.list.ID, "person1@example.com", "person2@example.com")
	outage()
	c.terraformRun("List Not Refreshed", "plan", "-detailed-exitcode")
	outage()
	c.terraformRun("found no differences", "plan", "-refresh-only")
	outage()
	c.terraformRun("List Not Refreshed", "apply", "-refresh-only", "-auto-approve")
	if c.read("terraform.tfstate") != before {
		t.Error("the state changed")
	}
	c.terraformRun("list lost 2 members", "plan")

	w.RevokeKey(mainKey)
	c.terraformRun("found no differences", "plan", "-refresh-only")
	c.fail("API Key Refused", "plan", "-no-color", "-input=false")
}

// A list that is gone is an error of the plan, whether or not a run is due.
func TestAccSegmentExport_listGone(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	gone := refused(config, "List Not Found", `The list "VIP customers", with the id `+w.list.ID, "was probably deleted", "The last run, at 2", "Make a new list")
	gone.PreConfig = func() { w.DeleteList(w.list.ID) }
	typo := refused(config.with(exportBlock, "list_id", `"NoList"`), "List Not Found", `There is no list "NoList"`, "at the end of its address")
	w.run(applied(config), gone, typo)
}

// The warning of the refresh does not say again what the error says.
func TestAccSegmentExport_listGoneIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.run("Apply complete", "apply", "-no-color", "-auto-approve")
	w.DeleteList(w.list.ID)
	out, err := c.try("plan", "-no-color")
	if err == nil {
		t.Fatal("the plan succeeded")
	}
	c.wantWords(out, "List Not Refreshed")
	if n := strings.Count(out, "at the end of its address"); n > 0 || strings.Count(out, "was probably") != 1 {
		t.Errorf("the reason is not told once:\n%s", out)
	}
}

// An export that is created while its list is renamed has the new name.
func TestAccSegmentExport_listRenamedInTheSameApply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(listBlock, "name", `"Old"`).with(listBlock, "force_destroy", "true").with(exportBlock, "list_id", listAddress+".id")
	lists := maps.Clone(config)
	delete(lists, exportBlock)
	renamed := applied(config.with(listBlock, "name", `"New"`), inState(exportAddress, values{"list_name": "New"}))
	renamed.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, values{"list_name": "New"})
	w.run(applied(lists), renamed)
}

// Each export of several has its number of profiles in the plan.
func TestAccSegmentExport_countsOfSeveral(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	other := w.AddList(simulator.List{Name: "Another"})
	config := w.export(threeCSV).
		with(exportBlock, "for_each", fmt.Sprintf("{ A = %q, B = %q }", w.list.ID, other.ID)).
		with(exportBlock, "list_id", "each.value").
		with(exportBlock, "display_name", `"Export ${each.key}"`).
		with(exportBlock, "segment", vipSegment("file", fmt.Sprintf("path = each.key == \"A\" ? %q : %q", w.write("a.csv", hundreds(2)), w.write("b.csv", hundreds(3)))))
	c := newCLI(t, config)
	out, err := c.try("plan", "-no-color", "-input=false")
	if err != nil {
		t.Fatal(err, out)
	}
	for _, words := range []string{"200 Profiles To Export: Export A", "300 Profiles To Export: Export B", `list_name = "VIP customers"`, `list_name = "Another"`} {
		c.wantWords(out, words)
	}
}

// A warning has both what was sent and what was planned when they differ, and the
// next refresh has the counts of what was sent.
func TestAccSegmentExport_sentSomethingElse(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(hundreds(1)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(hundreds(3))
	c.terraformRun("segment changed: 100 -> 300 profiles", "plan", "-out=plan.bin")
	w.segment(hundreds(2) + "no address,Nobody\n")
	out, err := c.try("apply", "-no-color", "-input=false", "plan.bin")
	if err != nil {
		t.Fatal(err, out)
	}
	for _, words := range []string{
		"Segment Changed Since The Plan: VIP customers to Klaviyo", "The plan was made for 300 profiles", "200 profiles from 201 rows",
		"1 Row Not Exported: VIP customers to Klaviyo", "1 row (201 of vip)",
	} {
		c.wantWords(out, words)
	}
	c.terraformRun("No changes", "plan")
	c.terraformRun("Apply complete", "apply", "-auto-approve", "-refresh-only")
	c.run(`profile_count = 200`, "show", "-no-color")
	c.run(`rejected_count = 1`, "show", "-no-color")
	c.terraformRun("No changes", "plan")
	w.wantImports(2)
}

// Where the same people are read from makes no run due.
func TestAccSegmentExport_otherPathOfTheSame(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	moved := applied(config.with(exportBlock, "segment", fileSegment(w.write("moved.csv", threeCSV))), inState(exportAddress, values{"last_run.reason": "first run"}))
	moved.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "first run", "last_run.status": "succeeded", "profile_count": 3})
	changed := config.with(exportBlock, "segment", fileSegment(w.write("other.csv", "EMail,FirstName\n"+rowAnn)))
	other := applied(changed, inState(exportAddress, values{"last_run.reason": "segments changed", "profile_count": 1}))
	other.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueUnread("segments changed"))
	w.run(applied(config), moved, other)
	w.wantImports(1) // two have left, and nobody else has changed
}

// What is edited without a run being due gets none, whatever happens to the
// segments between plan and apply; the next plan finds it.
func TestAccSegmentExport_changedAfterAnEdit(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", strings.Replace(c.read("main.tf"), "VIP customers to Klaviyo", "Renamed", 1))
	c.terraformRun("1 to change", "plan", "-out=plan.bin")
	w.segment(hundreds(1))
	c.terraformRun("Apply complete", "apply", "plan.bin")
	w.wantImports(1)
	c.terraformRun("segment changed: 3 -> 100 profiles", "plan")
}
