package provider

import (
	"net/http"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func (w *env) managedList() configuration {
	return w.provider().with(listBlock, "name", `"VIP \"gold\" customers"`)
}

// managed is the list that Terraform made.
func (w *env) managed() simulator.List {
	w.t.Helper()
	lists := w.Lists()
	if len(lists) != 2 {
		w.t.Fatalf("the account has %d lists, want the one of the test and the managed one", len(lists))
	}
	return lists[1]
}

func TestAccList_createUpdateImport(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	idKept := sameInEachStep(listAddress, "id")
	created := applied(w.managedList(), idKept(), inState(listAddress, values{
		"name": `VIP "gold" customers`, "opt_in_process": "double_opt_in", "force_destroy": false,
		"created": anyListTime, "updated": anyListTime,
	}))
	created.ConfigPlanChecks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	updated := applied(w.managedList().with(listBlock, "name", `"Gold"`).with(listBlock, "opt_in_process", `"single_opt_in"`), idKept(),
		inState(listAddress, values{"name": "Gold", "opt_in_process": "single_opt_in"}))
	updated.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, values{"created": anyListTime, "updated": unknown})
	w.run(created, updated,
		resource.TestStep{ResourceName: listAddress, ImportState: true, ImportStateVerify: true},
		resource.TestStep{
			ResourceName: listAddress, ImportState: true, ImportStateId: "https://www.klaviyo.com/list/Y6nRLr",
			ExpectError: says("Not A List Id", "letters and digits such as Y6nRLr", "at the end of the list's address"),
		},
		resource.TestStep{
			ResourceName: listAddress, ImportState: true, ImportStateId: "NoList",
			ExpectError: says("Cannot import non-existent remote object"),
		},
		resource.TestStep{Config: w.provider().String()}, // an empty list is deleted
	)
	if lists := w.Lists(); len(lists) != 1 {
		t.Errorf("the account has %d lists after the managed one was destroyed", len(lists))
	}
}

func TestAccList_changedBehindOurBack(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	again := applied(w.managedList())
	again.PreConfig = func() { w.DeleteList(w.managed().ID) }
	again.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionCreate, values{"id": unknown})
	w.run(applied(w.managedList()), again)
}

// A list with members or flows is not deleted, unless the configuration says
// so.
func TestAccList_destroyRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		happens func(w *env)
		words   []string
	}{
		"members": {
			func(w *env) { w.AddMembers(w.managed().ID, three...) },
			[]string{"List Has Members", "has 3 members", "set force_destroy = true"},
		},
		"flow": {
			func(w *env) {
				w.AddFlow(w.managed().ID, simulator.Flow{Name: "Old", Archived: true})
				w.AddFlow(w.managed().ID, simulator.Flow{ID: "FLow99", Name: "Welcome", Status: "live"})
			},
			[]string{"List Triggers A Flow", `the flow "Welcome" (FLow99, status live)`, "set force_destroy = true"},
		},
		"flows not readable": {
			func(w *env) {
				w.AddKey(mainKey, "accounts:read", "lists:read", "lists:write", "profiles:read", "profiles:write")
			},
			[]string{"Flows Cannot Be Checked", "lacks the scope flows:read", "set force_destroy = true"},
		},
		"address blocked": {
			func(w *env) {
				w.Inject(simulator.Fault{Path: "/api/lists/*/flow-triggers", Status: 403, Body: "<html>blocked</html>"})
			},
			[]string{"Klaviyo Blocks This Address", "not about the scopes"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			gone := failed(w.provider(), test.words...)
			gone.PreConfig = func() { test.happens(w) }
			forced := w.managedList().with(listBlock, "force_destroy", "true")
			w.run(applied(w.managedList()), gone, applied(forced, inState(listAddress, values{"force_destroy": true})),
				resource.TestStep{Config: w.provider().String()})
			if lists := w.Lists(); len(lists) != 1 {
				t.Errorf("the account has %d lists after force_destroy", len(lists))
			}
		})
	}
}

// An archived flow does not keep a list, and one that is gone already is no
// error.
// A list that goes between plan and apply is no other argument's fault.
func TestAccList_deletedBeforeUpdate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	gone := failed(w.managedList().with(listBlock, "name", `"Renamed"`), "List Not Found", "was deleted in Klaviyo after the plan was made", "Plan again")
	gone.PreConfig = func() {
		w.OnRequest(func(r *http.Request) {
			if r.Method == http.MethodPatch {
				w.DeleteList(w.managed().ID)
			}
		})
	}
	w.run(applied(w.managedList()), gone)
}

// A list that somebody deletes is made anew, and who reads the plan is told what that
// means. Everybody is sent to the new one.
func TestAccList_deletedAndMadeAnew(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(peopleHeader+peopleRows(0, 2500)).
		with(exportBlock, "list_id", "klaviyo_list.main.id").
		with(listBlock, "name", `"VIP \"gold\" customers"`)
	c := newCLI(t, config)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	old := w.managed().ID
	w.DeleteList(old)
	out, err := c.try("plan", "-no-color", "-input=false", "-out=plan.bin")
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, words := range []string{
		`Warning: List Deleted In Klaviyo: VIP "gold" customers`, old, "creates a new, empty list", "change them there after the apply",
		"everything is sent: the list was deleted in Klaviyo, and another one is used",
	} {
		c.wantWords(out, words)
	}
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	if n := len(w.Members(w.managed().ID)); n != 2500 || w.managed().ID == old {
		t.Errorf("the list %s has %d members", w.managed().ID, n)
	}
	c.run("No changes", "plan", "-no-color", "-input=false")
}

func TestAccList_destroyed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *env){
		"archived flow": func(w *env) { w.AddFlow(w.managed().ID, simulator.Flow{Archived: true}) },
		"deleted":       func(w *env) { w.DeleteList(w.managed().ID) },
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			w.run(applied(w.managedList()), resource.TestStep{Config: w.provider().String(), PreConfig: func() { happens(w) }})
			if lists := w.Lists(); len(lists) != 1 {
				t.Errorf("the account has %d lists, want 1", len(lists))
			}
		})
	}
}

func TestAccList_refused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.run(
		refused(w.managedList().with(listBlock, "name", `""`), "name", "must not be empty"),
		refused(w.managedList().with(listBlock, "opt_in_process", `"none"`), "opt_in_process", `"double_opt_in"`, `"single_opt_in"`),
	)
	w.wantNoRequest()
}

// A request that may have created a list is not repeated, since that could
// create a second one.
func TestAccList_createdOnce(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.Inject(simulator.Fault{Method: "POST", Path: "/api/lists", DropAfter: true})
	w.run(failed(w.managedList(), "Klaviyo Cannot Be Reached", "create_list"))
	if n := w.sent("POST", "/api/lists"); n != 1 {
		t.Errorf("%d lists were asked for, want 1", n)
	}
}
