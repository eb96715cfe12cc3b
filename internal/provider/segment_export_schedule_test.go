package provider

import (
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// A schedule makes a run due once one of its times lies between the last run
// and now, and says which.
func TestAccSegmentExport_schedule(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(exportBlock, "schedule", block(`cron = "0 6 * * *"`, `timezone = "Europe/Madrid"`))
	anyTick := regexp.MustCompile(`^\d{4}-\d\d-\d\dT0[45]:00:00Z$`) // 6 o'clock in Madrid
	inTwoDays := func() { w.clock = func() time.Time { return time.Now().Add(48 * time.Hour) } }

	first := applied(config, inState(exportAddress, values{"next_run_at": anyTick, "last_run.reason": "first run"}))
	scheduled := regexp.MustCompile(`^scheduled for \d{4}-\d\d-\d\dT0[45]:00:00Z \(nothing to send\)$`)
	due := resource.TestStep{
		Config: config.String(), PreConfig: inTwoDays,
		ConfigPlanChecks: planned(exportAddress, plancheck.ResourceActionUpdate, values{
			"last_run.reason": scheduled, "last_run.status": unknown, "next_run_at": unknown, "profile_count": 3,
		}),
		// The clock of the test stays two days ahead of the runs, so one is due again.
		ExpectNonEmptyPlan: true,
		ConfigStateChecks:  inState(exportAddress, values{"last_run.reason": scheduled, "next_run_at": anyTick}),
	}
	w.run(first, resource.TestStep{Config: config.String(), PlanOnly: true}, due)
	w.wantImports(1)
}

// A schedule that is added, changed or taken away is saved without a run.
func TestAccSegmentExport_scheduleChanged(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	yearly := config.with(exportBlock, "schedule", `{ cron = "@yearly" }`)
	saved := applied(yearly, inState(exportAddress, values{"next_run_at": regexp.MustCompile(`^\d{4}-01-01T00:00:00Z$`), "last_run.reason": "first run"}))
	saved.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "first run", "last_run.status": "succeeded"})
	w.run(
		applied(config, inState(exportAddress, values{"next_run_at": nil})),
		saved,
		applied(config.with(exportBlock, "schedule", `{ cron = "0 12 * * *" }`).late(exportBlock, "schedule"), inState(exportAddress, values{"next_run_at": anyTime})),
		applied(config, inState(exportAddress, values{"next_run_at": nil})),
	)
	w.wantImports(1)
}

func TestAccSegmentExport_scheduleRefused(t *testing.T) {
	t.Parallel()
	for schedule, words := range map[string][]string{
		`{ cron = "0 6 * *" }`:                          {"Cron Expression Not Usable", "4 of 5 fields"},
		`{ cron = "0 0 30 2 *" }`:                       {"Cron Expression Not Usable", "it never fires"},
		block(`cron = "@daily"`, `timezone = "Madrid"`): {"Time Zone Not Known", "Europe/Madrid"},
	} {
		w := newEnv(t)
		w.run(resource.TestStep{Config: w.export(threeCSV).with(exportBlock, "schedule", schedule).String(), PlanOnly: true, ExpectError: says(words...)})
		w.wantImports(0)
	}
}
