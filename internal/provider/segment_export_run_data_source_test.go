package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const (
	runBlock   = `data "klaviyo_segment_export_run" "now"`
	runAddress = "data.klaviyo_segment_export_run.now"
)

// runNow asks for a run of the export.
func runNow(c configuration) configuration { return runAt(c, "timestamp()") }

// ran is a step that asks for a run. What follows it asks again, so the plan
// is never empty.
func ran(c configuration, checks ...[]statecheck.StateCheck) resource.TestStep {
	step := applied(runNow(c), checks...)
	step.ExpectNonEmptyPlan = true
	return step
}

func runAt(c configuration, expression string) configuration {
	return c.with(runBlock, "export", exportAddress).with(runBlock, "requested_at", expression)
}

// fromNow is a literal time.
func fromNow(d time.Duration) string {
	return fmt.Sprintf("%q", time.Now().Add(d).UTC().Format(time.RFC3339))
}

// loose is a configuration whose export is not a resource of it, and which asks
// for a run in the plan.
func (w *env) loose(segment string) configuration {
	w.t.Helper()
	c := w.export(segment).with(exportBlock, "destination", literalDestination("MainAc")).
		with(exportBlock, "segment", fmt.Sprintf(`[{ name = "vip", file = { path = %q } }]`, w.write("vip.csv", segment)))
	var object strings.Builder
	for argument, expression := range c[exportBlock] {
		fmt.Fprintf(&object, "%s = %s\n", argument, expression)
	}
	return w.provider().
		with(runBlock, "export", "{\n"+object.String()+"}").
		with(runBlock, "requested_at", fromNow(0))
}

// What users do: the export is there, and now and then somebody wants it to
// run. Plans send nothing.
func TestAccSegmentExportRun_onDemand(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, runNow(w.export(secretCSV).with(exportBlock, "safeguards", halfRejected)).without(providerBlock, "api_key").with(runBlock, "count", "var.run_now ? 1 : 0"), envAPIKey+"="+mainKey, "TF_LOG=TRACE")
	c.write("variables.tf", "variable \"run_now\" {\n  type    = bool\n  default = false\n}\n")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantImports(1)

	c.run("will be read during apply", "plan", "-no-color", "-input=false", "-var=run_now=true", "-out=plan.bin")
	w.wantImports(1)
	nextSecond()
	c.run("Not Exported: VIP", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantImports(2)
	c.run(`reason = "requested at 20`, "show", "-no-color")

	c.run("No changes", "plan", "-no-color", "-input=false")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantImports(2)

	nextSecond()
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-var=run_now=true", "-auto-approve")
	w.wantImports(3)
	c.wantNoSecrets(append([]string{mainKey, strings.TrimPrefix(mainKey, "pk_")}, secrets...))
}

func TestAccSegmentExportRun_values(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.FailEmail("bob@example.com", "invalid", "Email is blocked")
	rejects := filepath.Join(w.dir, "rejects.csv")
	config := w.export(threeCSV+rowAnn+"nobody,Nobody\n").
		with(exportBlock, "safeguards", halfRejected).
		with(exportBlock, "run_on_apply", "false").
		with(exportBlock, "rejects_path", fmt.Sprintf("%q", rejects))
	saved := applied(config)
	run := ran(config, inState(runAddress, values{
		"id":                   regexp.MustCompile(`^[A-Z2-7]{26}$`),
		"reason":               regexp.MustCompile(`^requested at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`),
		"requested_at":         anyTime,
		"status":               "partial",
		"started_at":           anyTime,
		"completed_at":         anyTime,
		"fingerprint":          anyFingerprint,
		"profiles_submitted":   3,
		"profiles_failed":      1,
		"profiles_unconfirmed": 0,
		"list_profile_count":   2,
		"jobs":                 1,
		"export.list_id":       w.list.ID,
		"export.last_run":      nil,
	}))
	run.PreConfig = func() { w.wantImports(0) }
	w.run(saved, run)
	w.wantImports(1)
	w.wantMembers("ann@example.com", "eve@example.com")
	if content, err := os.ReadFile(rejects); err != nil || strings.Count(string(content), "\n") != 4 {
		t.Errorf("the file of rejects holds %q, %v", content, err)
	}
}

// nextSecond waits for it: times are rounded to seconds, so that a request made
// within the second in which a run is over is answered by that run.
func nextSecond() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }

// When the export itself runs in the same apply, that answers the request:
// timestamp() is evaluated after it.
func TestAccSegmentExportRun_withTheRunOfTheExport(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	same := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{
			statecheck.CompareValuePairs(exportAddress, attributeAt("last_run.id"), runAddress, attributeAt("id"), compare.ValuesSame()),
			statecheck.CompareValuePairs(exportAddress, attributeAt("last_run.reason"), runAddress, attributeAt("reason"), compare.ValuesSame()),
		}
	}
	first := ran(config, same(), inState(runAddress, values{"reason": regexp.MustCompile("^first run"), "status": "succeeded", "jobs": 1}))
	changed := ran(config, same(), inState(runAddress, values{"profiles_submitted": 1}))
	changed.PreConfig = func() {
		w.wantImports(1)
		w.segment(threeCSV + "joe@example.com,Joe\n")
	}
	unchanged := ran(config, inState(runAddress, values{"reason": regexp.MustCompile("^requested at ")}))
	unchanged.PreConfig = func() {
		w.wantImports(2)
		nextSecond()
	}
	w.run(first, changed, unchanged)
	w.wantImports(3)
}

// The same when the export is over for more than the second that times are
// rounded to, and with the binary, whose process is what remembers it.
func TestAccSegmentExportRun_afterTheRunOfTheExport(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	// The members are counted after the run is complete.
	w.Inject(simulator.Fault{Method: "GET", Path: "/api/lists/" + w.list.ID, Times: -1, Delay: 1100 * time.Millisecond})
	c := newCLI(t, runNow(w.export(threeCSV)))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantImports(1)
}

// A time that somebody left in the configuration sends nothing, however often
// it is planned and applied.
func TestAccSegmentExportRun_tooOld(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "run_on_apply", "false")
	old := runAt(config, fromNow(-16*time.Minute))
	w.run(
		applied(old, inState(runAddress, values{"status": "skipped", "id": nil, "reason": nil, "profiles_submitted": nil})),
		applied(config.without(exportBlock, "run_on_apply")),
		applied(old, inState(runAddress, values{"status": "skipped", "id": regexp.MustCompile("."), "reason": regexp.MustCompile("^first run"), "profiles_submitted": 3})),
	)
	w.wantImports(1)

	c := newCLI(t, old)
	for _, command := range []string{"apply", "plan", "apply"} {
		args := []string{command, "-no-color", "-input=false"}
		if command == "apply" {
			args = append(args, "-auto-approve")
		}
		out, err := c.try(args...)
		if err != nil {
			t.Fatalf("%s\n%s", err, out)
		}
		c.wantWords(out, "Warning: Request Too Old To Run")
		c.wantWords(out, "minutes ago, and after 15 minutes")
	}
	w.wantImports(1)
}

func TestAccSegmentExportRun_timeRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "run_on_apply", "false")
	w.run(
		refused(runAt(config, `"noon"`), "Not A Time", "requested_at", `"2026-11-24T09:30:00Z"`),
		applied(config),
		refused(runAt(config, fromNow(3*time.Hour)), "Request Of The Future", "requested_at", "3 hours from now"),
		refused(runAt(config, fromNow(time.Hour)), "Request Of The Future"),
		refused(runAt(config, `"9999-01-01T00:00:00Z"`), "Request Of The Future", "106,751 days from now"),
	)
	w.wantImports(0)
}

func TestAccSegmentExportRun_disabled(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "enabled", "false")
	w.run(
		failed(runNow(config), "Export Not Enabled", "export =", "not on demand either"),
		refused(runAt(config, fromNow(0)), "Export Not Enabled", "export ="),
	)
	w.wantImports(0)

	// A plan knows no time of the request, so that only a condition of the user's can
	// refuse.
	guarded := runNow(config).String()
	guarded = strings.Replace(guarded, runBlock+" {\n", runBlock+" {\n"+`lifecycle {
		precondition {
			condition     = `+exportAddress+`.enabled
			error_message = "The export is off."
		}
	}
	`, 1)
	w.run(applied(config), resource.TestStep{Config: guarded, PlanOnly: true, ExpectError: says("The export is off.")})
}

// Everything is checked before anything is sent, and errors are at the export.
func TestAccSegmentExportRun_refused(t *testing.T) {
	t.Parallel()
	whole := literalDestination("MainAc")
	account, yes := types.StringValue("MainAc"), types.BoolValue(true)
	otherList := guardRails{account, yes, setOf(types.StringValue("Other1")), types.Int64Null()}
	atMostTwo := guardRails{account, yes, types.SetNull(types.StringType), types.Int64Value(2)}
	with := func(argument string, rails guardRails) string {
		return strings.Replace(literalDestination("MainAc", argument), noRailsDigest("MainAc"), rails.digest().ValueString(), 1)
	}
	tests := map[string]struct {
		arm     func(w *env)
		replace [2]string // in the value of export
		nowhere bool      // not at the argument, for Terraform cannot show where it is
		words   []string
	}{
		"key revoked":         {arm: func(w *env) { w.RevokeKey(mainKey) }, nowhere: true, words: []string{"API Key Refused", "The key came from api_key of the provider"}},
		"no consent":          {replace: [2]string{"consent = true", "consent = false"}, nowhere: true, words: []string{"No Consent To Export Personal Data", "data_privacy_consent"}},
		"other account":       {replace: [2]string{whole, literalDestination("OtherA")}, words: []string{"API Key Of Another Account", `MainAc ("Northwind")`}},
		"list deleted":        {arm: func(w *env) { w.DeleteList(w.list.ID) }, words: []string{"List Not Found"}},
		"list not allowed":    {replace: [2]string{whole, with(`allowed_list_ids = ["Other1"]`, otherList)}, words: []string{"List Not Allowed"}},
		"too many":            {replace: [2]string{whole, with("max_profiles_per_export = 2", atMostTwo)}, words: []string{"Too Many Profiles"}},
		"no file":             {replace: [2]string{"vip.csv", "nothing.csv"}, words: []string{"Segment Cannot Be Read"}},
		"no column":           {replace: [2]string{`"EMail"`, `"Address"`}, words: []string{"Column Not In Segment"}},
		"live flow":           {arm: func(w *env) { w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome", Status: "live"}) }, words: []string{"Joining The List Starts A Live Flow"}},
		"environment not set": {replace: [2]string{"consent = true", `consent = true, api_key_env = "NO_KEY_HERE"`}, words: []string{"API Key Missing", "NO_KEY_HERE"}},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		config := w.loose(threeCSV)
		if test.arm != nil {
			test.arm(w)
		}
		if from := test.replace[0]; from != "" {
			export := strings.Replace(config[runBlock]["export"], from, test.replace[1], 1)
			config = config.with(runBlock, "export", export)
		}
		words := test.words
		if !test.nowhere {
			words = append([]string{words[0], "export ="}, words[1:]...)
		}
		plans.add(name, w, config, words, w.wantNoImport)
	}
	plans.run(t)
}

// A run that takes too long ends at the timeout of the export.
func TestAccSegmentExportRun_timeout(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnvWith(t, simulator.Options{QueueDelay: time.Hour})
	config := w.export(threeCSV).
		with(exportBlock, "run_on_apply", "false").
		with(exportBlock, "timeouts", `{ update = "5s" }`)
	w.run(failed(runNow(config), "Export Interrupted", "timeouts.update of 5s is over"))
}

// The key of a connection that keeps one is in the state, marked as sensitive.
func TestAccSegmentExportRun_keyOfTheConnection(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).
		without(providerBlock, "api_key").
		with(connectionBlock, "api_key", `"`+mainKey+`"`)
	again := ran(config, []statecheck.StateCheck{statecheck.ExpectSensitiveValue(runAddress, attributeAt("export.destination.api_key"))})
	again.PreConfig = nextSecond
	w.run(applied(config), again)
	w.wantImports(2)
}

// The example as users copy it: after the run, nothing is left that the next plan would
// change, and a run that failed is not tried again until it is requested.
func TestAccSegmentExportRun_example(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddList(simulator.List{ID: "Y6nRLr", Name: "Newsletter"})
	c := newCLI(t, configuration{}, envAPIKey+"="+mainKey, envBaseURL+"="+w.URL)
	example, err := os.ReadFile(filepath.Join("..", "..", "examples", "data-sources", "klaviyo_segment_export_run", "data-source.tf"))
	if err != nil {
		t.Fatal(err)
	}
	c.write("example.tf", string(example))
	if err := os.Mkdir(filepath.Join(c.dir, "segments"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.write(filepath.Join("segments", "vip.csv"), threeCSV)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	nextSecond()
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve", "-var=run_now=true")
	w.wantImports(2)
	c.run("No changes", "plan", "-no-color", "-input=false", "-detailed-exitcode")

	nextSecond()
	w.CancelJobs(1)
	c.fail("Klaviyo Cancelled Imports", "apply", "-no-color", "-input=false", "-auto-approve", "-var=run_now=true")
	c.run("No changes", "plan", "-no-color", "-input=false", "-detailed-exitcode")
	w.wantImports(3)
	nextSecond()
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve", "-var=run_now=true")
	w.wantImports(4)
}
