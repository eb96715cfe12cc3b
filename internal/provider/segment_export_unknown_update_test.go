package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// What a plan says of an export that has run holds at apply, whatever an argument turns
// out to be that is not known before.
func TestAccSegmentExport_unknownInputsOfAnUpdate(t *testing.T) {
	t.Parallel()
	type change = func(w *env, c configuration) configuration
	late := func(argument, expression string) change {
		return func(_ *env, c configuration) configuration {
			return c.with(exportBlock, argument, expression).late(exportBlock, argument)
		}
	}
	tests := map[string]struct {
		before, after change
		grows         bool // the segment has one more row by then
		imports       int
	}{
		"a new trigger": {after: func(_ *env, c configuration) configuration {
			return c.with(dataBlock, "input", `"1"`).with(exportBlock, "triggers", `{ release = terraform_data.late.output }`)
		}, imports: 2},
		"a trigger of the same value": {
			before: func(_ *env, c configuration) configuration {
				return c.with(dataBlock, "input", `"1"`).with(exportBlock, "triggers", `{ release = terraform_data.late.output }`)
			},
			after: func(_ *env, c configuration) configuration { return c.with(dataBlock, "triggers_replace", `"1"`) }, imports: 1,
		},
		"other triggers": {
			before: func(_ *env, c configuration) configuration {
				return c.with(exportBlock, "triggers", `{ release = "1" }`)
			},
			after: late("triggers", `{ release = "2" }`), imports: 2,
		},
		"the same list":      {after: func(_ *env, c configuration) configuration { return c.late(exportBlock, "list_id") }, imports: 1},
		"the same key":       {after: func(_ *env, c configuration) configuration { return c.late(providerBlock, "api_key") }, imports: 1},
		"the same opt_outs":  {after: late("opt_outs", `"withhold"`), imports: 1},
		"other opt_outs":     {after: late("opt_outs", `"ignore"`), imports: 2},
		"the same sync_mode": {after: late("sync_mode", `"upsert"`), imports: 1},
		"another sync_mode":  {after: late("sync_mode", `"mirror"`), imports: 1},
		"the same send":      {after: late("send", `"changes"`), imports: 1},
		"full_send_after":    {after: late("full_send_after", `"24h"`), imports: 1},
		"membership_check":   {after: late("membership_check", `"full"`), imports: 1},
		"schedule":           {after: late("schedule", fmt.Sprintf(`{ cron = "0 %d * * *" }`, farHour(time.UTC))), imports: 1},
		"still enabled":      {after: late("enabled", "true"), imports: 1},
		"disabled":           {after: late("enabled", "false"), imports: 1},
		"disabled, and not run": {after: func(w *env, c configuration) configuration {
			return late("enabled", "false")(w, c.with(exportBlock, "run_on_apply", "false"))
		}, imports: 1},
		"disabled, the same list": {after: func(_ *env, c configuration) configuration {
			return c.with(exportBlock, "enabled", "false").late(exportBlock, "list_id")
		}, imports: 1},
		"whether it runs: yes": {after: late("run_on_apply", "true"), grows: true, imports: 2},
		"whether it runs: no":  {after: late("run_on_apply", "false"), grows: true, imports: 1},
		"the path of a segment": {after: func(w *env, c configuration) configuration {
			c = c.with(dataBlock, "input", `"`+w.dir+`"`)
			return c.with(exportBlock, "segment", vipSegment("file", `path = "${terraform_data.late.output}/vip.csv"`))
		}, grows: true, imports: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			before := w.export(threeCSV)
			if test.before != nil {
				before = test.before(w, before)
			}
			after := applied(test.after(w, before))
			if test.grows {
				after.PreConfig = func() { w.segment(threeCSV + "new@example.com,New\n") }
			}
			w.run(applied(before), after)
			w.wantImports(test.imports)
		})
	}
}

// What is not known when planning may turn out to be what it was, and the segment may grow
// meanwhile: the apply does what is due then.
func TestAccSegmentExport_unknownAndTheSegmentGrows(t *testing.T) {
	t.Parallel()
	for argument, expression := range map[string]string{
		"on_destroy": `"keep"`, "run_on_apply": "true", "display_name": `"VIP customers to Klaviyo"`, "safeguards": "{ max_profiles = 1000 }",
	} {
		t.Run(argument, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.export(threeCSV).with(exportBlock, argument, expression)
			c := newCLI(t, config)
			c.terraformRun("Apply complete", "apply", "-auto-approve")
			c.write("main.tf", cliConfig(config.late(exportBlock, argument)))
			c.terraformRun("", "plan", "-out=plan.bin")
			w.segment(threeCSV + "new@example.com,New\n")
			c.terraformRun("Apply complete", "apply", "plan.bin")
			c.terraformRun("", "apply", "-auto-approve")
			w.wantMembers(append(slices.Clone(three), "new@example.com")...)
			c.terraformRun("No changes", "plan")
		})
	}
}

// An export that is disabled from the beginning, which only apply finds out, has not
// looked at its list.
func TestAccSegmentExport_createdDisabledAtApply(t *testing.T) {
	t.Parallel()
	for _, runs := range []string{"true", "false"} {
		w := newEnv(t)
		config := w.export(threeCSV).with(exportBlock, "run_on_apply", runs).with(exportBlock, "enabled", "false").late(exportBlock, "enabled")
		w.run(applied(config, inState(exportAddress, values{"list_name": nil, "list_profile_count": nil, "last_run": nil})))
		w.wantImports(0)
	}
}

// What was counted while runs were off is sent by the apply that turns them on.
func TestAccSegmentExport_runOnApplyAgain(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	rows := peopleHeader + peopleRows(0, 250)
	config := w.export(rows)
	off := config.with(exportBlock, "run_on_apply", "false")
	counted := applied(off, inState(exportAddress, values{"profile_count": 251}))
	counted.PreConfig = func() { w.segment(rows + peopleRows(250, 251)) }
	unchanged := resource.TestStep{Config: off.String(), PlanOnly: true}
	again := applied(config, inState(exportAddress, values{"last_run.profiles_submitted": 1}))
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("segment changed: +1 ~0 -0"))
	w.run(applied(config), applied(off), counted, unchanged, again)
	if sent := strings.Join(w.lastImport(), " "); sent != "p250@example.com" {
		t.Errorf("sent %q", sent)
	}
}

// An export whose list was changed while it was disabled does not show the former list.
func TestAccSegmentExport_anotherListWhileDisabled(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	second := config.with(exportBlock, "list_id", `"`+w.AddList(simulator.List{Name: "Second"}).ID+`"`)
	w.run(
		applied(config, inState(exportAddress, values{"list_name": "VIP customers"})),
		applied(second.with(exportBlock, "enabled", "false"), inState(exportAddress, values{"list_name": nil, "list_profile_count": nil})),
		applied(second, inState(exportAddress, values{"list_name": "Second", "list_profile_count": 3})))
	w.wantImports(2)
}
