package provider

import (
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// oneJob ends the reason of a run of few profiles that refreshing has counted.
const oneJob = " (1 import job, 1s at best)"

// dueRun is what a plan says of a run: why and how long, and nothing else.
func dueRun(reason string) values {
	return values{
		"last_run.reason": reason + oneJob,
		"last_run.id":     unknown, "last_run.status": unknown, "last_run.started_at": unknown, "last_run.completed_at": unknown,
		"last_run.fingerprint": unknown, "last_run.profiles_submitted": unknown, "last_run.profiles_failed": unknown,
		"last_run.profiles_unconfirmed": unknown,
		"last_run.list_profile_count":   unknown, "last_run.jobs": unknown, "list_profile_count": unknown,
		"fingerprint": anyFingerprint,
	}
}

// dueUnread is a run that is due for segments that refreshing did not read as
// they are declared now: their counts are left to apply.
func dueUnread(reason string) values {
	v := dueRun(reason)
	v["last_run.reason"] = reason
	v["fingerprint"], v["profile_count"] = unknown, unknown
	return v
}

// with returns a copy of values with another one.
func with(v values, name string, value any) values {
	v = maps.Clone(v)
	v[name] = value
	return v
}

// A run is due when what would be sent, where it goes, or a trigger is no
// longer what it was; and the plan says so. The cases are one for each thing that
// is compared; package due has a test of every rule.
func TestAccSegmentExport_runIsDue(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(w *env) // happens between the applies
		change func(w *env, c configuration) configuration
		plan   func(reason string) values // dueRun if it is nil
		reason string
	}{
		"row added": {
			before: func(w *env) { w.segment(threeCSV + "joe@example.com,Joe\n") },
			reason: "segment changed: +1 ~0 -0",
		},
		"mapping": {
			change: func(_ *env, c configuration) configuration { return c.without(exportBlock, "attributes") },
			plan:   dueUnread,
			reason: "everything is sent: mapping changed",
		},
		"a member lost and a row changed": {
			before: func(w *env) {
				w.RemoveMembers(w.list.ID, "ann@example.com")
				w.segment("EMail,FirstName\n" + rowAnn + rowBob + "eve@example.com,Eva\n")
			},
			reason: "everything is sent: list lost 1 member; segment changed: +0 ~1 -0",
		},
		"other list": {
			change: func(w *env, c configuration) configuration {
				w.list = w.AddList(simulator.List{Name: "Another"})
				return c.with(exportBlock, "list_id", `"`+w.list.ID+`"`)
			},
			plan:   func(reason string) values { return with(dueUnread(reason), "list_name", "Another") },
			reason: "everything is sent: list changed",
		},
		"triggers": {
			change: func(_ *env, c configuration) configuration {
				return c.with(exportBlock, "triggers", `{ release = "2", month = "May", kept = "as is" }`)
			},
			plan:   dueUnread,
			reason: "everything is sent: trigger gone changed; trigger month changed; trigger release changed",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.export(threeCSV).with(exportBlock, "triggers", `{ release = "1", gone = "soon", kept = "as is" }`)
			first := applied(config)
			if test.change != nil {
				config = test.change(w, config)
			}
			if test.plan == nil {
				test.plan = dueRun
			}
			plan := test.plan(test.reason)
			second := applied(config, inState(exportAddress, values{"last_run.reason": plan["last_run.reason"], "last_run.status": "succeeded"}))
			second.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, plan)
			second.PreConfig = func() {
				if test.before != nil {
					test.before(w)
				}
			}
			w.run(first, second)
			w.wantImports(2)
			if name != "row added" {
				w.wantMembers(three...)
			}
		})
	}
}

// What changes nothing that would be sent leaves the plan empty.
func TestAccSegmentExport_emptyPlan(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *env){
		"nothing happened":    func(*env) {},
		"rows in other order": func(w *env) { w.segment("EMail,FirstName\n" + rowEve + rowAnn + rowBob) },
		"columns rearranged": func(w *env) {
			w.segment("Extra,FirstName,EMail\n1,Ann,Ann@Example.com\n2,Bob,bob@example.com\n3,Eve,eve@example.com\n")
		},
		"duplicate added":   func(w *env) { w.segment(threeCSV + "ANN@example.com,Anna\n") },
		"strangers on list": func(w *env) { w.AddMembers(w.list.ID, "zed@example.com", "joe@example.com") },
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.export(threeCSV).String()
			w.run(resource.TestStep{Config: config},
				resource.TestStep{Config: config, PlanOnly: true, PreConfig: func() { happens(w) }})
			w.wantImports(1)
		})
	}
}

// Changes that concern nobody outside of Terraform are saved without a run.
func TestAccSegmentExport_savedWithoutRun(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	renamed := config.with(exportBlock, "display_name", `"Other"`).with(connectionBlock, "max_profiles_per_export", "10")
	saved := applied(renamed, inState(exportAddress, values{
		"display_name": "Other", "destination.max_profiles_per_export": 10, "last_run.reason": "first run",
	}))
	saved.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"last_run.reason": "first run", "last_run.status": "succeeded", "list_profile_count": 3, "id": "MainAc/" + w.list.ID,
	})
	w.run(applied(config), saved)
	w.wantImports(1)
}

func TestAccSegmentExport_runOnApply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	off := w.export(threeCSV).with(exportBlock, "run_on_apply", "false")
	changed := applied(off, inState(exportAddress, values{"profile_count": 4, "last_run": nil}))
	changed.PreConfig = func() {
		w.wantImports(0)
		w.segment(threeCSV + "joe@example.com,Joe\n")
	}
	changed.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 4, "last_run": nil})
	on := applied(off.without(exportBlock, "run_on_apply"), inState(exportAddress, values{"list_profile_count": 4}))
	on.PreConfig = func() { w.wantImports(0) }
	on.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueRun("first run"))
	w.run(
		applied(off, inState(exportAddress, values{
			"profile_count": 3, "fingerprint": anyFingerprint, "last_run": nil, "list_name": "VIP customers", "list_profile_count": 0,
		})),
		changed, on)
	w.wantImports(1)
}

// An export that is not enabled costs nothing: no request, no look at the
// file, not even a key.
func TestAccSegmentExport_disabled(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	off := w.export(threeCSV).
		with(exportBlock, "destination", literalDestination("MainAc", `api_key_env = "KLAVIYO_KEY_THAT_IS_NOT_SET"`)).
		with(exportBlock, "segment", fileSegment("nowhere.csv")).
		with(exportBlock, "enabled", "false")
	delete(off, connectionBlock)
	on := applied(w.export(threeCSV), inState(exportAddress, values{"last_run.reason": "first run"}))
	on.PreConfig = func() {
		if n := len(w.Requests()); n > 0 {
			t.Errorf("%d requests were made for an export that is not enabled", n)
		}
	}
	w.run(applied(off, inState(exportAddress, values{
		"id": "MainAc/" + w.list.ID, "fingerprint": nil, "profile_count": nil, "last_run": nil, "list_name": nil, "list_profile_count": nil,
	})), on)
	w.wantImports(1)
}

// Switched off, an export keeps what it knew; switched on again, it makes good
// what happened meanwhile.
func TestAccSegmentExport_switchedOffAndOn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	off := config.with(exportBlock, "enabled", "false")
	on := applied(config, inState(exportAddress, values{"list_profile_count": 3}))
	on.PreConfig = func() { w.RemoveMembers(w.list.ID, "ann@example.com") }
	on.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueUnread("everything is sent: enabled again"))
	w.run(applied(config), applied(off, inState(exportAddress, values{"last_run.reason": "first run", "profile_count": 3})), on)
	w.wantImports(2)
	w.wantMembers(three...)
}

// What makes a run due is not forgotten when it is saved while runs are
// switched off.
func TestAccSegmentExport_dueWhileOff(t *testing.T) {
	t.Parallel()
	changes := map[string]struct{ argument, reason string }{
		"list":    {"list_id", "everything is sent: list changed"},
		"trigger": {"triggers", "everything is sent: trigger release changed"},
	}
	for _, offSwitch := range []string{"run_on_apply", "enabled"} {
		for name, change := range changes {
			t.Run(name+" with "+offSwitch, func(t *testing.T) {
				t.Parallel()
				w := newEnv(t)
				config := w.export(threeCSV)
				first := applied(config)
				value := `{ release = "2" }`
				if name == "list" {
					w.list = w.AddList(simulator.List{Name: "Another"})
					value = `"` + w.list.ID + `"`
				}
				config = config.with(exportBlock, change.argument, value)
				on := applied(config)
				reason := change.reason
				if offSwitch == "enabled" { // nothing is refreshed then
					reason = strings.Replace(reason, "sent: ", "sent: enabled again; ", 1)
				} else {
					reason += oneJob
				}
				on.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": reason})
				w.run(first, applied(config.with(exportBlock, offSwitch, "false")), on)
				w.wantImports(2)
				w.wantMembers(three...)
			})
		}
	}
}

// A key of another account takes the export to that account.
func TestAccSegmentExport_accountChanged(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.export(threeCSV).
		with(listBlock, "name", `"Managed"`).
		with(listBlock, "force_destroy", "true").
		with(exportBlock, "list_id", listAddress+".id")
	moved := applied(config.with(providerBlock, "api_key", `"`+otherKey+`"`), inState(exportAddress, values{
		"destination.account_id": "OtherA", "last_run.reason": "everything is sent: account changed; list changed", "list_profile_count": 3,
	}))
	moved.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, dueUnread("everything is sent: account changed; list changed"))
	w.run(applied(config), moved)
	w.wantImports(2)
}

// Whoever plans with a key of another account learns which the two are, whether that
// account has the list or not.
func TestAccSegmentExport_accountChangedIsSaid(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.export(threeCSV)
	other := func(config configuration) configuration {
		return config.with(providerBlock, "api_key", `"`+otherKey+`"`)
	}
	w.run(applied(config), refused(other(config), "API Key Of Another Account", "destination =", "The last run, at 2", "in the account MainAc",
		`belongs to OtherA ("Contoso"), which has no list "`+w.list.ID+`"`, "Use a key of account MainAc"))
	w.wantImports(1)

	managed := config.with(listBlock, "name", `"Managed"`).with(listBlock, "force_destroy", "true").with(exportBlock, "list_id", listAddress+".id")
	c := newCLI(t, managed)
	c.run("Apply complete", "apply", "-no-color", "-auto-approve")
	c.write("main.tf", cliConfig(other(managed)))
	c.run("Export Goes To Another Account: VIP customers to Klaviyo", "plan", "-no-color")
	c.run(`in the account MainAc, but the API key in use belongs to OtherA ("Contoso"). If you apply`, "plan", "-no-color")
	c.run("Apply complete", "apply", "-no-color", "-auto-approve")
	if out, _ := c.try("plan", "-no-color"); strings.Contains(out, "Another Account") {
		t.Errorf("the next plan still warns:\n%s", out)
	}
}
