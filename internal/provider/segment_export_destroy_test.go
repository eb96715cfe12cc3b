package provider

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// withdrawing is an export that removes its people from the list when it is destroyed.
func (w *env) withdrawing(content string) configuration {
	w.t.Helper()
	return w.export(content).with(exportBlock, "on_destroy", `"remove_profiles"`)
}

// destroyed is a step that takes the export out of the configuration.
func (w *env) destroyed(before func()) resource.TestStep {
	step := resource.TestStep{Config: w.connection().String(), PreConfig: before}
	step.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionDestroy, nil)
	return step
}

// manyStrangers are on the list without the export, few enough for a sketch to tell them.
func (w *env) manyStrangers() []string {
	all := addressesIn(strings.ReplaceAll(peopleRows(0, 150), "p", "stranger"))
	w.AddMembers(w.list.ID, all...)
	return all
}

// Destroying an export removes from the list whom it has put there, and nobody else, if it
// says so; whether its segment can still be read or not.
func TestAccSegmentExport_destroyRemoves(t *testing.T) {
	t.Parallel()
	const rows = 4500
	for name, tc := range map[string]struct {
		with   map[string]string
		before func(w *env)
	}{
		"segment unchanged": {nil, func(*env) {}},
		"segment gone":      {nil, func(w *env) { w.segment("") }},
		"mirror":            {map[string]string{"sync_mode": `"mirror"`}, func(w *env) { w.segment(peopleHeader + peopleRows(10, rows)) }},
		"disabled":          {map[string]string{"enabled": "false"}, func(*env) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			config := w.withdrawing(peopleHeader + peopleRows(0, rows))
			strangers := w.manyStrangers()
			steps := []resource.TestStep{applied(config)}
			for argument, value := range tc.with {
				steps = append(steps, applied(config.with(exportBlock, argument, value)))
			}
			w.run(append(steps, w.destroyed(func() {
				w.Unsubscribe(w.list.ID, "p5@example.com")
				tc.before(w)
			}))...)
			w.wantMembers(strangers...)
			w.wantImports(1)
			if n := w.removals(); n != 5 {
				t.Errorf("%d requests removed members", n)
			}
			if _, ok := w.Profile("p7@example.com"); !ok {
				t.Error("a profile is gone")
			}
		})
	}
}

// A list that is gone keeps nobody from destroying the export; and nothing is asked for
// an export that never ran.
func TestAccSegmentExport_destroyWithoutMembers(t *testing.T) {
	t.Parallel()
	t.Run("list gone", func(t *testing.T) {
		t.Parallel()
		w := newEnv(t)
		w.run(applied(w.withdrawing(threeCSV)), w.destroyed(func() { w.DeleteList(w.list.ID) }))
	})
	t.Run("never ran", func(t *testing.T) {
		t.Parallel()
		w := newEnv(t)
		w.AddMembers(w.list.ID, three...)
		w.run(applied(w.withdrawing(threeCSV).with(exportBlock, "run_on_apply", "false")), w.destroyed(nil))
		w.wantMembers(three...)
	})
}

// An export that has never run to its list removes nobody from it, also if others put the
// same people there.
func TestAccSegmentExport_destroyAfterAnotherList(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	other := w.AddList(simulator.List{Name: "Another"})
	w.AddMembers(other.ID, three...)
	c := newCLI(t, w.withdrawing(threeCSV))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", strings.Replace(c.read("main.tf"), w.list.ID+`"`, other.ID+"\"\n  run_on_apply = false", 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	if out, err := c.try(append([]string{"plan", "-destroy"}, quiet...)...); err != nil || strings.Contains(out, "Members Will Be Removed") {
		t.Errorf("the plan warns: %v\n%s", err, out)
	}
	c.terraformRun("Destroy complete", "destroy", "-auto-approve")
	w.wantMembers(three...)
	if got := w.MemberEmails(other.ID); len(got) != 3 {
		t.Errorf("members of the other list %q", got)
	}
}

// Whom a run put on the list that then failed is removed, even if their segment is gone.
func TestAccSegmentExport_destroyAfterAFailedRun(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.withdrawing(threeCSV).with(providerBlock, "retry_timeout", `"0s"`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.AddMembers(w.list.ID, "stranger@example.com")
	w.segment(threeCSV + "joe@example.com,Joe\n")
	w.Inject(simulator.Fault{Method: http.MethodPost, Path: importsPath, DropAfter: true})
	c.fail("1 profile was under way", append([]string{"apply", "-auto-approve"}, quiet...)...)
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com", "stranger@example.com")
	w.segment("")
	c.terraformRun("Destroy complete", "destroy", "-auto-approve", "-refresh=false")
	w.wantMembers("stranger@example.com")
}

// An export that is kept after all, when destroying it had begun, sends everybody again.
func TestAccSegmentExport_destroyGivenUp(t *testing.T) {
	t.Parallel()
	const rows = 9500
	w := newEnv(t)
	c := newCLI(t, w.withdrawing(peopleHeader+peopleRows(0, rows)).with(exportBlock, "membership_check", `"none"`))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	all := w.MemberEmails(w.list.ID)
	w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 8, Status: http.StatusForbidden})
	c.fail("removed from the list by then. Destroy again", append([]string{"destroy", "-auto-approve"}, quiet...)...)
	if left := len(w.MemberEmails(w.list.ID)); left == rows {
		t.Error("nobody was removed")
	}
	c.terraformRun("everything is sent: a destroy had begun to remove members from the list", "plan")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantMembers(all...)
	c.terraformRun("No changes", "plan")
}

// A destroy that fails says why and what to do, keeps the state, and goes on when it is
// repeated. Its plan warns.
func TestAccSegmentExport_destroyGoesOn(t *testing.T) {
	t.Parallel()
	const rows = 9500
	w := newEnv(t)
	c := newCLI(t, w.withdrawing(peopleHeader+peopleRows(0, rows)).without(providerBlock, "api_key"), envAPIKey+"="+mainKey)
	strangers := w.manyStrangers()
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	if _, _, private := c.privateOf(); private[keyAcknowledgedKeys] == nil {
		t.Error("no keys are kept")
	}
	c.terraformRun("Members Will Be Removed From The List: VIP customers to Klaviyo", "plan", "-destroy")
	c.terraformRun(`up to 9,500 members, will be removed from the list "`+w.list.ID+`" when the export is destroyed`, "plan", "-destroy")

	withKey := c.env
	c.env = append(slices.Clone(withKey), envAPIKey+"=")
	c.fail("Nobody was removed. Set the key and destroy again", append([]string{"destroy", "-auto-approve", "-refresh=false"}, quiet...)...)
	c.env = withKey

	w.segment("") // so that the keys must tell
	w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 6, Status: http.StatusForbidden})
	c.fail("removed from the list by then. Destroy again", append([]string{"destroy", "-auto-approve", "-refresh=false"}, quiet...)...)
	if left := len(w.MemberEmails(w.list.ID)); left == len(strangers) || left == rows+len(strangers) {
		t.Errorf("%d members are left", left)
	}
	c.terraformRun("Destroy complete", "destroy", "-auto-approve", "-refresh=false")
	w.wantMembers(strangers...)
}

// Where nobody can tell whom the export put on the list, nobody is removed.
func TestAccSegmentExport_destroyOfUnknown(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.withdrawing(threeCSV))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.damage(keyAcknowledged, `"AAAA"`)
	c.damage(keyAcknowledgedKeys, `"AAAA"`)
	c.fail("Not Known Whom The Export Put On The List", append([]string{"destroy", "-auto-approve"}, quiet...)...)
	c.wantWords(c.output.String(), `set on_destroy = "keep", apply, and destroy it`)
	w.wantMembers(three...)
	c.write("main.tf", strings.Replace(c.read("main.tf"), "remove_profiles", "keep", 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.terraformRun("Destroy complete", "destroy", "-auto-approve")
	w.wantMembers(three...)
}

// An export that is replaced takes its people off and puts them back; unless the new one
// is made first, whose people they are.
func TestAccSegmentExport_destroyToReplace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lifecycle string
		words     string
		removals  int
	}{
		"destroyed first": {"create_before_destroy = false", "Apply complete", 1},
		"created first":   {"create_before_destroy = true", "Nobody Was Removed From The List: VIP customers to Klaviyo", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			c := newCLI(t, w.withdrawing(threeCSV))
			c.write("main.tf", strings.Replace(c.read("main.tf"), "on_destroy", "lifecycle {\n"+tc.lifecycle+"\n}\non_destroy", 1))
			c.terraformRun("Apply complete", "apply", "-auto-approve")
			c.terraformRun(tc.words, "apply", "-auto-approve", "-replace="+exportAddress)
			w.wantMembers(three...)
			w.wantImports(2)
			if n := w.removals(); n != tc.removals {
				t.Errorf("%d requests removed members", n)
			}
			c.terraformRun("No changes", "plan")
		})
	}
}

// An export that gets another address in the configuration without a moved block is
// destroyed and created at once; everybody is on the list in the end.
func TestAccSegmentExport_destroyToRename(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.withdrawing(peopleHeader+peopleRows(0, 1500)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	c.write("main.tf", strings.Replace(c.read("main.tf"), exportBlock, `resource "klaviyo_segment_export" "renamed"`, 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantMembers(addressesIn(peopleRows(0, 1500))...)
	c.terraformRun("No changes", "plan")
}

// Whatever comes first, an export is created only when none is being destroyed to its
// list, or its people stay.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all turns
		end, ok := all.destroy("a")
		if !ok {
			t.Error("nothing was created")
		}
		if err := all.create(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		interrupted, created := make(chan error, 1), make(chan error, 1)
		go func() { interrupted <- all.create(ctx, "a") }()
		go func() { created <- all.create(t.Context(), "a") }()
		synctest.Wait()
		cancel()
		if err := <-interrupted; err == nil {
			t.Error("an interrupted create goes on")
		}
		synctest.Wait()
		select {
		case <-created:
			t.Error("one is created while another is destroyed")
		default:
		}
		end()
		if err := <-created; err != nil {
			t.Error(err)
		}
		if end, ok := all.destroy("a"); ok {
			t.Error("the members of one that was created are removed")
		} else {
			end()
		}
	})
}

// Removing people from the list ends when its time is up.
func TestAccSegmentExport_destroyTimeout(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	slow := make(chan struct{})
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodDelete {
			<-slow
		}
	})
	stop := sync.OnceFunc(func() { close(slow) })
	t.Cleanup(stop)
	config := w.withdrawing(threeCSV).with(exportBlock, "timeouts", `{ delete = "2s" }`)
	late := resource.TestStep{Config: w.connection().String(), ExpectError: regexp.MustCompile(`(?s)timeouts.delete\s+of\s+2s\s+is\s+over.*Nobody\s+was\s+removed`)}
	w.run(applied(config), late, w.destroyed(func() {
		w.wantMembers(three...)
		stop()
	}))
	w.wantMembers()
}

// What cannot be kept is an error on the argument.
func TestAccSegmentExport_refusedOnDestroy(t *testing.T) {
	t.Parallel()
	var all refusals
	for name, test := range map[string]struct {
		argument, value string
		words           []string
	}{
		"without sketch": {"send", `"everything"`, []string{"Removal On Destroy Without Sketch", "on_destroy", `Set send = "changes"`}},
		"unknown word":   {"on_destroy", `"delete"`, []string{"on_destroy", `"keep" "remove_profiles"`}},
		"no duration":    {"timeouts", `{ delete = "soon" }`, []string{"delete", "soon"}},
	} {
		w := newEnv(t)
		all.add(name, w, w.withdrawing(threeCSV).with(exportBlock, test.argument, test.value), test.words, w.wantNoImport)
	}
	all.run(t)
}

// A change of on_destroy alone makes no run due, and what is not known yet is no error.
func TestAccSegmentExport_onDestroyEdited(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddMembers(w.list.ID, "zed@example.com")
	config := w.export(threeCSV)
	w.run(applied(config), applied(config.with(exportBlock, "on_destroy", `"remove_profiles"`).late(exportBlock, "on_destroy")), w.destroyed(nil))
	w.wantMembers("zed@example.com")
	w.wantImports(1)
}
