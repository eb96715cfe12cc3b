package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// What is not known when planning is checked on apply, and done all the same.
func TestAccSegmentExport_unknownInputs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(w *env, c configuration) configuration
		plan   values
	}{
		"everything of the segment": {
			func(_ *env, c configuration) configuration { return c.late(exportBlock, "segment") },
			values{"fingerprint": unknown, "profile_count": unknown, "last_run": unknown},
		},
		"path of the file": {
			func(w *env, c configuration) configuration {
				c = c.with(dataBlock, "input", `"`+w.dir+`"`)
				return c.with(exportBlock, "segment", vipSegment("file", `path = "${terraform_data.late.output}/vip.csv"`))
			},
			values{"fingerprint": unknown, "profile_count": unknown, "last_run": unknown},
		},
		"columns of the file": {
			func(w *env, c configuration) configuration {
				c = c.with(dataBlock, "input", `["EMail", "FirstName"]`)
				return c.with(exportBlock, "segment", fileSegment(w.write("rows.csv", rowAnn+rowBob+rowEve), "columns = terraform_data.late.output"))
			},
			values{"fingerprint": unknown, "profile_count": unknown, "last_run": unknown},
		},
		"one of the columns": {
			func(w *env, c configuration) configuration {
				c = c.with(dataBlock, "input", `"FirstName"`)
				return c.with(exportBlock, "segment", fileSegment(w.write("rows.csv", rowAnn+rowBob+rowEve), `columns = ["EMail", terraform_data.late.output]`))
			},
			values{"fingerprint": unknown, "profile_count": unknown, "last_run": unknown},
		},
		"comment and null values of the file": {
			func(w *env, c configuration) configuration {
				c = c.with(dataBlock, "input", `["#"]`)
				return c.with(exportBlock, "segment", fileSegment(w.write("notes.csv", "# x\n"+threeCSV), "comment = terraform_data.late.output[0]", "null_values = terraform_data.late.output"))
			},
			values{"fingerprint": unknown, "profile_count": unknown, "last_run": unknown},
		},
		"list": {
			func(_ *env, c configuration) configuration { return c.late(exportBlock, "list_id") },
			values{"id": unknown, "list_name": unknown, "profile_count": unknown, "last_run.reason": "first run"},
		},
		"key": {
			func(_ *env, c configuration) configuration { return c.late(providerBlock, "api_key") },
			values{"id": unknown, "list_name": unknown, "profile_count": unknown, "last_run.reason": "first run"},
		},
		"mapping": {
			func(_ *env, c configuration) configuration {
				return c.with(dataBlock, "input", `"FirstName"`).with(exportBlock, "attributes", "{ first_name = terraform_data.late.output }")
			},
			values{"fingerprint": unknown, "last_run": unknown},
		},
		"whether it is enabled": {
			func(_ *env, c configuration) configuration {
				return c.with(exportBlock, "enabled", "true").late(exportBlock, "enabled")
			},
			values{"fingerprint": unknown, "last_run": unknown},
		},
		"whether it runs": {
			func(_ *env, c configuration) configuration {
				return c.with(exportBlock, "run_on_apply", "true").late(exportBlock, "run_on_apply")
			},
			values{"profile_count": unknown, "last_run": unknown},
		},
		"triggers": {
			func(_ *env, c configuration) configuration {
				return c.with(exportBlock, "triggers", `{ release = "1" }`).late(exportBlock, "triggers")
			},
			values{"profile_count": unknown, "last_run.reason": "first run"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			step := applied(test.change(w, w.export(threeCSV)), inState(exportAddress, values{
				"id": "MainAc/" + w.list.ID, "profile_count": 3, "list_name": "VIP customers", "list_profile_count": 3,
				"last_run.reason": "first run", "last_run.status": "succeeded",
			}))
			step.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, test.plan)
			w.run(step)
			w.wantImports(1)
			w.wantMembers(three...)
		})
	}
}

// Checks that had to wait for apply refuse then, before anything is sent.
func TestAccSegmentExport_unknownInputsRefused(t *testing.T) {
	t.Parallel()
	late := func(argument, expression string) func(*env, configuration) configuration {
		return func(_ *env, c configuration) configuration {
			return c.with(exportBlock, argument, expression).late(exportBlock, argument)
		}
	}
	tests := map[string]struct {
		change func(*env, configuration) configuration
		words  []string
	}{
		"consent": {
			func(_ *env, c configuration) configuration {
				return c.with(dataBlock, "input", "false").
					with(exportBlock, "destination", strings.Replace(literalDestination("MainAc"), "= true", "= terraform_data.late.output", 1))
			},
			[]string{"No Consent To Export Personal Data"},
		},
		"list that is not there": {late("list_id", `"NoList"`), []string{"List Not Found", `"NoList"`}},
		"list not allowed": {
			func(w *env, c configuration) configuration {
				return c.late(exportBlock, "list_id").with(connectionBlock, "allowed_list_ids", `["Y6nRLr"]`)
			},
			[]string{"List Not Allowed"},
		},
		"too many profiles": {
			func(_ *env, c configuration) configuration {
				return c.late(exportBlock, "segment").with(connectionBlock, "max_profiles_per_export", "2")
			},
			[]string{"Too Many Profiles", "3 profiles", "allows 2"},
		},
		"missing file": {late("segment", fileSegment("nowhere.csv")), []string{"Segment Cannot Be Read", "nowhere.csv"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			w.run(failed(test.change(w, w.export(threeCSV)), test.words...))
			w.wantImports(0)
		})
	}
}
