package provider

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// What stops a run names the figure, the limit and what raises it, and nothing
// is sent.
func TestAccSegmentExport_safeguards(t *testing.T) {
	t.Parallel()
	const bad = "x,X\ny,Y\n"
	tests := map[string]struct {
		content    string
		safeguards string
		refused    []string // nil: it is exported
		rejected   int
		profiles   int
	}{
		"too many rejected":            {threeCSV + bad, "{ max_rejected_percent = 39 }", []string{"Too Many Rows Cannot Be Exported", "Of 5 rows, 2 cannot be exported: 40 %, where 39 % are allowed", "safeguards.max_rejected_percent"}, 0, 0},
		"as many rejected":             {threeCSV + bad, "{ max_rejected_percent = 40 }", nil, 2, 3},
		"none may be rejected":         {threeCSV + "x,X\n", "{ max_rejected_percent = 0 }", []string{"25 %, where 0 % are allowed"}, 0, 0},
		"a tenth rejected by default":  {peopleHeader + peopleRows(0, 9) + "z,Z,\n", "{}", nil, 1, 9},
		"more than a tenth by default": {peopleHeader + peopleRows(0, 8) + "z,Z,\n", "", []string{"11.1 %, where 10 % are allowed"}, 0, 0},
		"too many profiles":            {threeCSV, "{ max_profiles = 2 }", []string{"Too Many Profiles", "The segments hold 3 profiles, and safeguards.max_profiles allows 2"}, 0, 0},
		"as many profiles":             {threeCSV, "{ max_profiles = 3 }", nil, 0, 3},
		"empty allowed":                {"EMail,FirstName\n", "{ allow_empty_segment = true }", nil, 0, 0},
		"empty":                        {"EMail,FirstName\n", "{ allow_empty_segment = false }", []string{"Segment Is Empty", "safeguards.allow_empty_segment = true"}, 0, 0},
		"all rejected, empty may be": {
			"EMail,FirstName\n" + bad, block("allow_empty_segment = true", "max_rejected_percent = 100"),
			[]string{"No Row Can Be Exported"},
			0, 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.export(test.content)
			if test.safeguards != "" {
				config = config.with(exportBlock, "safeguards", test.safeguards)
			}
			if test.refused != nil {
				w.run(refused(config, test.refused...))
				w.wantImports(0)
				return
			}
			w.run(applied(config, inState(exportAddress, values{
				"profile_count": test.profiles, "rejected_count": test.rejected, "last_run.status": "succeeded", "last_run.profiles_submitted": test.profiles,
			})))
			if got := len(w.MemberEmails(w.list.ID)); got != test.profiles {
				t.Errorf("%d members, want %d", got, test.profiles)
			}
		})
	}
}

// A safeguard that is known only when it is applied is checked then, before
// anything is sent.
func TestAccSegmentExport_lateSafeguards(t *testing.T) {
	t.Parallel()
	for _, safeguards := range []string{"{ max_profiles = 2 }", "{ max_profiles = tonumber(terraform_data.late.output) }"} {
		w := newEnv(t)
		config := w.export(threeCSV).with(exportBlock, "safeguards", safeguards).with(dataBlock, "input", `"2"`)
		if safeguards == "{ max_profiles = 2 }" {
			config = config.late(exportBlock, "safeguards")
		}
		w.run(failed(config, "Too Many Profiles", "safeguards.max_profiles allows 2"))
		w.wantImports(0)
	}
}

// Joining a list that starts a live flow is refused unless it is allowed.
func TestAccSegmentExport_liveFlows(t *testing.T) {
	t.Parallel()
	live := simulator.Flow{Name: "Welcome series", Status: "live"}
	tests := map[string]struct {
		flows      []simulator.Flow
		safeguards string
		refused    []string
	}{
		"live flow": {[]simulator.Flow{live}, "{}", []string{
			"Joining The List Starts A Live Flow", `starts a live flow: "Welcome series"`, "Up to 3 profiles", "safeguards.allow_live_flows = true",
		}},
		"two of three are live": {[]simulator.Flow{live, {Name: "Old", Status: "draft"}, {Name: "Thanks", Status: "live"}}, "{}", []string{`2 live flows: "Welcome series", "Thanks"`}},
		"not live":              {[]simulator.Flow{{Name: "A", Status: "manual"}, {Name: "B", Status: "draft"}, {Name: "C", Status: "live", Archived: true}}, "{}", nil},
		"allowed":               {[]simulator.Flow{live}, "{ allow_live_flows = true }", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			for _, flow := range test.flows {
				w.AddFlow(w.list.ID, flow)
			}
			config := w.export(threeCSV).with(exportBlock, "safeguards", test.safeguards)
			if test.refused != nil {
				w.run(refused(config, test.refused...))
				w.wantImports(0)
				return
			}
			w.run(applied(config))
			w.wantMembers(three...)
		})
	}
}

// A flow that went live between plan and apply stops the run before anything
// is sent.
func TestAccSegmentExport_flowGoesLiveAfterPlan(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome series", Status: "live"})
	// The list is known only when it is applied.
	config := w.export(threeCSV).late(exportBlock, "list_id")
	w.run(failed(config, "Joining The List Starts A Live Flow", "Welcome series"))
	w.wantImports(0)
}

// A key that may not see flows exports, with a warning.
func TestAccSegmentExport_flowsNotChecked(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const key = "pk_noflows0123456789abcdef"
	w.AddKey(key, "accounts:read", "lists:read", "lists:write", "profiles:read", "profiles:write")
	w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome series", Status: "live"})
	config := w.export(threeCSV).with(providerBlock, "api_key", `"`+key+`"`)
	w.run(
		refused(config, "Flows Cannot Be Checked", "Up to 3 profiles would join", "lacks the scope flows:read", "allow_live_flows = true"),
		applied(config.with(exportBlock, "safeguards", "{ allow_live_flows = true }")))
	w.wantImports(1)
	w.wantMembers(three...)
}
