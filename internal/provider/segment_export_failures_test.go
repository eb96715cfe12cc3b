package provider

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Rows that Klaviyo does not take cost nobody else the export, are counted, and
// are not tried again for as long as they stay as they are.
func TestAccSegmentExport_refusedByKlaviyo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arm     func(w *env)
		status  string
		failed  int
		members []string
	}{
		"at once": {func(w *env) { w.RefuseEmail("bob@example.com", "invalid", "Invalid email address") }, "partial", 1, []string{three[0], three[2]}},
		"later":   {func(w *env) { w.FailEmail("bob@example.com", "invalid", "Email is blocked") }, "partial", 1, []string{three[0], three[2]}},
		"both ways": {func(w *env) {
			w.RefuseEmail("ann@example.com", "invalid", "Invalid email address")
			w.FailEmail("bob@example.com", "invalid", "Email is blocked")
		}, "partial", 2, three[2:]},
		"only the phone number": {func(w *env) { w.RefusePhone("+12125550123", "invalid", "not in a supported region") }, "succeeded", 0, three},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			test.arm(w)
			config := w.export("EMail,FirstName,Phone\nann@example.com,Ann,\nbob@example.com,Bob,+12125550123\neve@example.com,Eve,\n").
				with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`))
			w.run(applied(config, inState(exportAddress, values{
				"last_run.status": test.status, "last_run.profiles_submitted": 3, "last_run.profiles_failed": test.failed,
				"list_profile_count": len(test.members), "last_run.list_profile_count": len(test.members),
			})))
			w.wantMembers(test.members...)
			if bob, _ := w.Profile("bob@example.com"); bob.PhoneNumber != "" {
				t.Errorf("bob@example.com has the phone number %q that Klaviyo had refused", bob.PhoneNumber)
			}
		})
	}
}

// Passing troubles are waited out, and nothing is lost or counted twice.
func TestAccSegmentExport_recovers(t *testing.T) {
	t.Parallel()
	now := http.Header{"Retry-After": {"0"}}
	tests := map[string]struct {
		fault   simulator.Fault
		imports int
	}{
		"too many requests":  {simulator.Fault{Method: "POST", Path: importsPath, Times: 2, Status: 429, Header: now}, 3},
		"page of a proxy":    {simulator.Fault{Method: "POST", Path: importsPath, Status: 502, Header: now, Body: "<html>Bad Gateway</html>"}, 2},
		"answer lost":        {simulator.Fault{Method: "POST", Path: importsPath, DropAfter: true}, 2},
		"answer cut short":   {simulator.Fault{Method: "POST", Path: importsPath, Truncate: true}, 1},
		"connection lost":    {simulator.Fault{Method: "POST", Path: importsPath, DropBefore: true}, 2},
		"status not to have": {simulator.Fault{Method: "GET", Path: importsPath, Times: 3, Status: 503, Header: now}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			w.Inject(test.fault)
			w.run(applied(w.export(threeCSV), inState(exportAddress, values{
				"last_run.status": "succeeded", "last_run.profiles_submitted": 3, "last_run.jobs": 1, "list_profile_count": 3,
			})))
			w.wantImports(test.imports)
			w.wantMembers(three...)
		})
	}
}

// failOnce lets the next import fail for good.
func (w *env) failOnce() {
	w.Inject(simulator.Fault{Method: "POST", Path: importsPath, Status: 500})
}

func TestAccSegmentExport_failedCreate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(providerBlock, "retry_timeout", `"0s"`)
	failing := failed(config, "Klaviyo Fails", "bulk_import_profiles: 500", "3 profiles were under way")
	failing.PreConfig = w.failOnce
	again := applied(config, inState(exportAddress, values{"last_run.reason": "first run", "list_profile_count": 3}))
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, nil) // not tainted
	w.run(failing, again)
	w.wantMembers(three...)
}

func TestAccSegmentExport_failedUpdate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(providerBlock, "retry_timeout", `"0s"`)
	failing := failed(config.with(exportBlock, "display_name", `"Other"`), "Klaviyo Fails", "bulk_import_profiles: 500")
	failing.PreConfig = func() {
		w.segment(threeCSV + "joe@example.com,Joe\n")
		w.failOnce()
	}
	again := applied(config, inState(exportAddress, values{"list_profile_count": 4}))
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"last_run.reason": "a run failed after it had sent profiles; segment changed: +1 ~0 -0" + oneJob, "profile_count": 4,
	})
	w.run(applied(config), failing, again)
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
}

// A run that takes too long ends, and says what Klaviyo has of it.
func TestAccSegmentExport_timeout(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnvWith(t, simulator.Options{QueueDelay: time.Hour})
	w.run(failed(w.export(threeCSV).with(exportBlock, "timeouts", `{ create = "8s" }`),
		"Export Interrupted", "timeouts.create of 8s is over", "accepted but not finished 1 job with", "Apply again"))
}

func TestAccSegmentExport_cancelledJob(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	cancelled := failed(w.export(threeCSV), "Klaviyo Cancelled Imports", `rows 1 to 3 of segment "vip"`)
	cancelled.PreConfig = func() { w.CancelJobs(1) }
	w.run(cancelled, applied(w.export(threeCSV)))
	w.wantMembers(three...)
}

// Profiles that a finished job does not count are named, and make the next run
// due; a run that Klaviyo confirms ends that.
func TestAccSegmentExport_notConfirmed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	w.MiscountJobs(1, 2)
	c.terraformRun("Profiles That Klaviyo Did Not Confirm", "apply", "-auto-approve")
	c.wantLastRun("partial", 3, 0, 2)
	c.terraformRun("2 profiles were not confirmed by Klaviyo", "plan")
	w.MiscountJobs(1, 1)
	c.terraformRun("Profiles That Klaviyo Did Not Confirm", "apply", "-auto-approve")
	c.terraformRun("1 profile was not confirmed by Klaviyo", "plan", "-refresh=false")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.wantLastRun("succeeded", 3, 0, 0)
	c.terraformRun("No changes", "plan")
	w.wantImports(3)
}

// wantLastRun reads from the state how the last run ended and what became of its
// profiles.
func (c *cli) wantLastRun(status string, submitted, failed, unconfirmed int) {
	c.t.Helper()
	for _, want := range []string{
		fmt.Sprintf(`"status":%q`, status), fmt.Sprintf(`"profiles_submitted":%d`, submitted),
		fmt.Sprintf(`"profiles_failed":%d`, failed), fmt.Sprintf(`"profiles_unconfirmed":%d`, unconfirmed),
	} {
		c.run(want, "show", "-no-color", "-json")
	}
}
