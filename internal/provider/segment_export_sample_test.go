package provider

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// counted counts the requests for the number of members of a list.
func (w *env) counted() (n int) {
	for _, r := range w.Requests() {
		if strings.Contains(r.Query, "profile_count") {
			n++
		}
	}
	return n
}

// sampling is an export of a hundred people, so that all of them are in the sample.
func (w *env) sampling() configuration {
	return w.export(peopleHeader+peopleRows(0, 100)).with(exportBlock, "membership_check", `"`+membershipSample+`"`)
}

// A plan that looks up a sample finds who was removed from the list, and not who opted
// out, without counting the members.
func TestAccSegmentExport_sample(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.sampling()
	all := addressesIn(peopleRows(0, 100))
	quiet := resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: func() {
		w.ResetRequests()
		w.Unsubscribe(w.list.ID, all[0])
	}}
	lost := applied(config, inState(exportAddress, values{"last_run.sent": "everything", "list_profile_count": 99, "withheld_count": 1}))
	lost.PreConfig = func() {
		if n := w.counted(); n > 0 {
			t.Errorf("the members were counted %d times", n)
		}
		if n := w.sent("GET", "/api/lists/"+w.list.ID+"/profiles"); n == 0 {
			t.Error("no sample was looked up")
		}
		w.wantImports(0)
		w.RemoveMembers(w.list.ID, all[10:15]...)
	}
	lost.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"changes":         nil,
		"last_run.reason": "everything is sent: 5 of 100 people of a sample are missing on the list" + oneJob,
	})
	w.run(applied(config), quiet, lost)
	w.wantImports(1)
}

// Whom Klaviyo refused, and who was not on the list when sampling began, is not
// missing.
func TestAccSegmentExport_sampleOfRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ send, first string }{
		"changes":                   {"changes", membershipNone},
		"everything":                {"everything", membershipNone},
		"everything from the start": {"everything", membershipSample},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			all := addressesIn(peopleRows(0, 100))
			w.FailEmail(all[3], "invalid", "No such mailbox")
			w.FailEmail(all[4], "invalid", "No such mailbox")
			config := w.sampling().with(exportBlock, "send", `"`+test.send+`"`)
			one := applied(config)
			one.PreConfig = func() { w.RemoveMembers(w.list.ID, all[50]) }
			one.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": regexp.MustCompile(`^everything is sent: 1 of (98|100) people of a sample is missing on the list`)})
			w.run(applied(config.with(exportBlock, "membership_check", `"`+test.first+`"`)),
				applied(config), resource.TestStep{Config: config.String(), PlanOnly: true}, one,
				resource.TestStep{Config: config.String(), PlanOnly: true})
			w.wantImports(2)
		})
	}
}

// When too much has changed, everything is sent without a look at the list; who is new
// is not missing.
func TestAccSegmentExport_sampleOfChanged(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.sampling()
	more := applied(config, inState(exportAddress, changesOf(4, 0, 0, 100)))
	more.PreConfig = func() { w.segment(peopleHeader + peopleRows(0, 104)) }
	more.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"last_run.reason": "segment changed: +4 ~0 -0" + oneJob})
	w.run(applied(config), more)
	w.wantImports(2)
}

// The list of a sample that cannot be looked at is neither drift nor a change.
func TestAccSegmentExport_sampleNotRefreshed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.sampling(), "KLAVIYO_RETRY_TIMEOUT=0s")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.RemoveMembers(w.list.ID, addressesIn(peopleRows(0, 5))...)
	w.Inject(simulator.Fault{Method: http.MethodGet, Path: "/api/lists/*/profiles", Status: http.StatusServiceUnavailable})
	c.terraformRun("List Not Refreshed", "plan", "-detailed-exitcode")
	c.terraformRun("5 of 100 people of a sample are missing on the list", "plan")
}

// exportsTo makes exports of one segment to lists of their own.
func (w *env) exportsTo(config configuration, ids []string) configuration {
	for i, id := range ids {
		block := fmt.Sprintf(`resource "klaviyo_segment_export" "number%d"`, i)
		for argument, value := range config[exportBlock] {
			config = config.with(block, argument, value)
		}
		config = config.with(block, "list_id", fmt.Sprintf("%q", id)).with(block, "display_name", fmt.Sprintf(`"Number %d"`, i))
	}
	delete(config, exportBlock)
	return config
}

// The exports of a configuration share lookups of their lists, and a list that is
// missing is an error of its own export only.
func TestAccSegmentExport_sharedLookups(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	var ids []string
	for i := range 10 {
		ids = append(ids, w.AddList(simulator.List{Name: fmt.Sprint("List ", i)}).ID)
	}
	config := w.exportsTo(w.sampling(), ids)
	c := newCLI(t, config)
	c.terraformRun("Apply complete! Resources: 11 added", "apply", "-auto-approve")
	w.ResetRequests()
	w.Inject(simulator.Fault{Path: "/api/list[s]", Delay: 10 * time.Second}) // meanwhile the others gather
	c.terraformRun("No changes", "plan")
	if n := w.sent("GET", "/api/lists"); n > len(ids)/2 || n < 1 {
		t.Errorf("%d requests for %d lists", n, len(ids))
	}
	for _, id := range ids {
		if n := w.sent("GET", "/api/lists/"+id); n != 0 {
			t.Errorf("the list %s was asked for by itself", id)
		}
	}
	if n := w.sent("GET", "/api/accounts"); n > 1 {
		t.Errorf("%d requests for the account", n)
	}
	w.DeleteList(ids[7])
	out, err := c.try("plan", "-no-color", "-input=false")
	if err == nil || strings.Count(out, "Error: ") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	c.wantWords(out, `There is no list "`+ids[7]+`"`)
	if slices.ContainsFunc(ids, func(id string) bool { return id != ids[7] && strings.Contains(out, `no list "`+id) }) {
		t.Errorf("others are said to be missing:\n%s", out)
	}
}

// A key that may not read flows sees its lists all the same.
func TestAccSegmentExport_sampleWithoutFlows(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddKey(mainKey, slices.DeleteFunc(slices.Clone(simulator.AllScopes), func(scope string) bool { return scope == "flows:read" })...)
	config := w.sampling()
	w.run(refused(config, "Flows Cannot Be Checked", "flows:read"),
		applied(config.with(exportBlock, "safeguards", "{ allow_live_flows = true }"), inState(exportAddress, values{"list_name": "VIP customers"})))
}
