package provider

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A removal that failed half-way is due until it is finished, whatever the changes, and
// sends nobody again. It is no loss of members.
func TestAccSegmentExport_unfinishedRemoval(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ rows, left int }{
		"listed":                {20_000, 1200},
		"too many to be listed": {12_000, 4500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			c := newCLI(t, w.mirroring(peopleRows(0, tc.rows)).with(exportBlock, "safeguards", "{ max_removed_percent = 100 }"))
			strangers := []string{"yan@example.com", "zed@example.com"}
			w.AddMembers(w.list.ID, strangers...)
			c.terraformRun("Apply complete", "apply", "-auto-approve")
			w.segment(peopleHeader + peopleRows(tc.left, tc.rows))
			w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 2, Status: http.StatusForbidden})
			c.fail("removed from the list by then", append([]string{"apply", "-auto-approve"}, quiet...)...)
			sent := w.sent("POST", importsPath)

			out, err := c.try(append([]string{"plan", "-out=plan.bin"}, quiet...)...)
			if err != nil {
				t.Fatalf("%s\n%s", err, out)
			}
			c.wantWords(out, "still to be removed from the list")
			c.wantWords(out, "nothing to send")
			if strings.Contains(out, "list lost") || strings.Contains(out, "everything is sent") {
				t.Errorf("the plan takes removals for losses:\n%s", out)
			}
			c.terraformRun("Apply complete", "apply", "plan.bin")
			w.wantMembers(slices.Concat(addressesIn(peopleRows(tc.left, tc.rows)), strangers)...)
			if n := w.sent("POST", importsPath); n != sent {
				t.Errorf("%d imports after the failure", n-sent)
			}
			c.run(`status = "succeeded"`, "show", "-no-color")
			c.terraformRun("No changes", "plan")
			if _, _, private := c.privateOf(); private[keyUnfinished] != nil {
				t.Error("the removal is still said to be unfinished")
			}
		})
	}
}

// The removal that was not finished stays due if the segment is again what it was, and
// takes nobody off who is in it.
func TestAccSegmentExport_unfinishedRemovalOfTheReturned(t *testing.T) {
	t.Parallel()
	const rows, left = 4000, 1100
	w := newEnv(t)
	c := newCLI(t, w.mirroring(peopleRows(0, rows)).with(exportBlock, "safeguards", "{ max_removed_percent = 100 }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(peopleHeader + peopleRows(left, rows))
	w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 2, Status: http.StatusForbidden})
	c.fail("removed from the list by then", append([]string{"apply", "-auto-approve"}, quiet...)...)
	w.segment(peopleHeader + peopleRows(0, rows))
	out, err := c.try(append([]string{"apply", "-auto-approve"}, quiet...)...)
	if err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	c.wantWords(out, "the removal of members was not finished")
	if strings.Contains(out, "still to be removed") {
		t.Errorf("people of the segment are said to be removed:\n%s", out)
	}
	w.wantMembers(addressesIn(peopleRows(0, rows))...)
	c.terraformRun("No changes", "plan")
}

// A removal that was refused after everything had been sent is refused in the next plan.
// Once the segment has its people back, nobody is said to be removed.
func TestAccSegmentExport_refusedRemoval(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.mirroring(peopleRows(0, 100)).with(exportBlock, "safeguards", "{ max_removed_percent = 10 }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(peopleHeader + peopleRows(50, 150))
	out, err := c.try(append([]string{"apply", "-auto-approve"}, quiet...)...)
	if err == nil {
		t.Fatalf("the apply succeeded:\n%s", out)
	}
	c.wantWords(out, "50 members of the list")
	c.wantWords(out, "All profiles were sent")
	if strings.Contains(out, "pply again") {
		t.Errorf("the next apply would be refused, too:\n%s", out)
	}
	sent := w.sent("POST", importsPath)
	c.fail("At least 50 members of the list", append([]string{"plan"}, quiet...)...)

	w.segment(peopleHeader + peopleRows(0, 150))
	if out, err = c.try(append([]string{"apply", "-auto-approve"}, quiet...)...); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	c.wantWords(out, "segment changed: +50 ~0 -0; the removal of members was not finished")
	if n := w.sent("POST", importsPath); n != sent+1 || w.removals() != 0 {
		t.Errorf("%d imports, %d removals", n-sent, w.removals())
	}
	w.wantMembers(addressesIn(peopleRows(0, 150))...)
	c.terraformRun("No changes", "plan")
}

// A run that fails half-way is made good by the next one, even if the segment is again
// what it was before.
func TestAccSegmentExport_failedRunOfASegmentThatWentBack(t *testing.T) {
	t.Parallel()
	const rows = 2500
	w := newEnv(t)
	before := peopleHeader + peopleRows(0, rows)
	c := newCLI(t, w.mirroring(peopleRows(0, rows)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(strings.Replace(before, "p7@example.com,P7\n", "p7@example.com,Other\n", 1) + "new@example.com,New\n")
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == importsPath { // the job is made, and cannot be polled
			once.Do(func() {
				w.Inject(simulator.Fault{Method: http.MethodGet, Path: importsPath, Status: http.StatusForbidden})
			})
		}
	})
	c.fail("Apply again", append([]string{"apply", "-auto-approve"}, quiet...)...)
	w.wantFirstName("p7@example.com", "Other")

	w.segment(before)
	c.terraformRun(`"first run" -> "a run failed after it had sent profiles`, "apply", "-auto-approve")
	w.wantFirstName("p7@example.com", "P7")
	if members := w.MemberEmails(w.list.ID); len(members) != rows || slices.Contains(members, "new@example.com") {
		t.Errorf("%d members", len(members))
	}
	c.terraformRun("No changes", "plan")
}

// What a failed run left unsure is settled by a run that sends everything, even if that
// one fails to remove people from the list.
func TestAccSegmentExport_unfinishedRemovalAfterAFailedRun(t *testing.T) {
	t.Parallel()
	const rows, left = 4000, 1100
	w := newEnv(t)
	c := newCLI(t, w.mirroring(peopleRows(0, rows)).with(exportBlock, "safeguards", "{ max_removed_percent = 100 }"))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(peopleHeader + peopleRows(left, rows) + "new@example.com,New\n")
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == importsPath { // the job is made, and cannot be polled
			once.Do(func() {
				w.Inject(simulator.Fault{Method: http.MethodGet, Path: importsPath, Status: http.StatusForbidden})
			})
		}
	})
	c.fail("Apply again", append([]string{"apply", "-auto-approve"}, quiet...)...)

	w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 2, Status: http.StatusForbidden})
	c.fail("removed from the list by then", append([]string{"apply", "-auto-approve"}, quiet...)...)
	sent := w.sent("POST", importsPath)
	out, err := c.try(append([]string{"plan", "-out=plan.bin"}, quiet...)...)
	if err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	c.wantWords(out, "still to be removed from the list")
	if strings.Contains(out, `-> "a run failed after it had sent profiles`) || strings.Contains(out, "sent profiles;") {
		t.Errorf("what was sent meanwhile is still unsure:\n%s", out)
	}
	c.terraformRun("Apply complete", "apply", "plan.bin")
	if n := w.sent("POST", importsPath); n != sent {
		t.Errorf("%d imports after everything was sent", n-sent)
	}
	w.wantMembers(append([]string{"new@example.com"}, addressesIn(peopleRows(left, rows))...)...)
	c.terraformRun("No changes", "plan")
}
