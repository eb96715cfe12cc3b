package provider

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/schedule"
)

// farHour is an hour of the day by the clocks of a time zone that is about half a day
// away, so that a schedule of it has no tick while a test runs.
func farHour(zone *time.Location) int { return time.Now().In(zone).Add(12 * time.Hour).Hour() }

// A schedule makes a run due once one of its times lies between the last run
// and now, and says which.
func TestAccSegmentExport_schedule(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const timezone = "Europe/Madrid"
	madrid, err := schedule.ParseTimezone(timezone)
	if err != nil {
		t.Fatal(err)
	}
	hour := farHour(madrid)
	config := w.export(threeCSV).with(exportBlock, "schedule", block(fmt.Sprintf(`cron = "0 %d * * *"`, hour), fmt.Sprintf("timezone = %q", timezone)))
	tick := fmt.Sprintf(`\d{4}-\d\d-\d\dT(%02d|%02d):00:00Z`, (hour+23)%24, (hour+22)%24) // in winter and in summer
	anyTick := regexp.MustCompile("^" + tick + "$")
	inTwoDays := func() { w.clock = func() time.Time { return time.Now().Add(48 * time.Hour) } } // one may have 25 hours

	first := applied(config, inState(exportAddress, values{"next_run_at": anyTick, "last_run.reason": "first run"}))
	scheduled := regexp.MustCompile("^scheduled for " + tick + ` \(nothing to send\)$`)
	due := resource.TestStep{
		Config: config.String(), PreConfig: inTwoDays,
		ConfigPlanChecks: planned(exportAddress, plancheck.ResourceActionUpdate, values{
			"last_run.reason": scheduled, "last_run.status": unknown, "next_run_at": unknown, "profile_count": 3,
		}),
		// The clock of the test stays ahead of the runs, so one is due again.
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
		applied(config.with(exportBlock, "schedule", fmt.Sprintf(`{ cron = "0 %d * * *" }`, farHour(time.UTC))).late(exportBlock, "schedule"), inState(exportAddress, values{"next_run_at": anyTime})),
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
