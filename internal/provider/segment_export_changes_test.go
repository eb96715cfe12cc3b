package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// peopleRows are the rows of a segment, from one number up to another.
func peopleRows(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "p%d@example.com,P%d\n", i, i)
	}
	return b.String()
}

const peopleHeader = "EMail,FirstName\n"

// newEnvKeepingBodies records what is sent.
func newEnvKeepingBodies(t *testing.T) *env {
	t.Helper()
	return newEnvWith(t, simulator.Options{KeepBodies: true})
}

// lastImport is the address of everybody whom the last import sent, in order.
func (w *env) lastImport() (emails []string) {
	w.t.Helper()
	all := w.Requests()
	for _, r := range slices.Backward(all) {
		if r.Method != "POST" || r.Path != importsPath {
			continue
		}
		for _, part := range bytes.Split(r.Body, []byte(`"email":"`))[1:] {
			email, _, _ := bytes.Cut(part, []byte(`"`))
			emails = append(emails, string(email))
		}
		break
	}
	slices.Sort(emails)
	return emails
}

// addressesIn are the addresses of rows, sorted.
func addressesIn(rows string) (emails []string) {
	for line := range strings.Lines(rows) {
		email, _, _ := strings.Cut(line, ",")
		emails = append(emails, email)
	}
	slices.Sort(emails)
	return emails
}

func changesOf(added, updated, removed, unchanged int) values {
	return values{"changes.added": added, "changes.updated": updated, "changes.removed": removed, "changes.unchanged": unchanged}
}

func merged(all ...values) values {
	out := values{}
	for _, v := range all {
		maps.Copy(out, v)
	}
	return out
}

// Only what has changed is sent, in as many imports as that takes, and the plan has
// the numbers. Who left stays on the list.
func TestAccSegmentExport_changes(t *testing.T) {
	t.Parallel()
	const rows = 12_000
	w := newEnvKeepingBodies(t)
	config := w.export(peopleHeader + peopleRows(0, rows))
	first := applied(config, inState(exportAddress, values{
		"changes": nil, "last_full_send_at": anyTime, "last_run.sent": "everything", "last_run.jobs": 2,
		"last_run.profiles_added": nil, "last_run.profiles_updated": nil, "last_run.profiles_removed": 0,
	}))
	first.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, values{"changes": nil, "last_full_send_at": unknown})
	fullSend := sameInEachStep(exportAddress, "last_full_send_at")
	first.ConfigStateChecks = append(first.ConfigStateChecks, fullSend()...)

	updated, added := strings.ReplaceAll(peopleRows(0, 30), ",P", ",Q"), peopleRows(rows, rows+20)
	counts := changesOf(20, 30, 10, rows-40)
	some := applied(config, inState(exportAddress, merged(counts, values{
		"last_run.sent": "changes", "last_run.profiles_added": 20, "last_run.profiles_updated": 30, "last_run.profiles_removed": 0,
		"last_run.profiles_submitted": 50, "last_run.jobs": 1, "list_profile_count": rows + 20,
	})), fullSend())
	some.PreConfig = func() {
		w.wantImports(2)
		w.segment(peopleHeader + updated + peopleRows(40, rows) + added)
	}
	some.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, merged(counts, values{
		"last_run.reason": "segment changed: +20 ~30 -10" + oneJob, "last_run.sent": unknown, "last_full_send_at": unknown,
	}))
	all := applied(config, inState(exportAddress, values{"changes": nil, "last_run.sent": "everything"}))
	all.PreConfig = func() {
		w.wantImports(3)
		if got, want := w.lastImport(), addressesIn(updated+added); !slices.Equal(got, want) {
			t.Errorf("%d profiles were sent, %q, want %d", len(got), got, len(want))
		}
		w.segment(peopleHeader + strings.ReplaceAll(peopleRows(0, rows), ",P", ",R"))
	}
	all.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"changes":         nil,
		"last_run.reason": "segment changed: 12,010 -> 12,000 profiles; everything is sent: too much changed to be listed (2 import jobs, 1s at best)",
	})
	w.run(first, resource.TestStep{Config: config.String(), PlanOnly: true}, some, all)
	w.wantImports(5)
}

// Everything is sent when that is asked for, and then no sketch is kept; when it was
// last sent too long ago; and after a change of the mapping.
func TestAccSegmentExport_everything(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	late := func() {
		at := time.Now().Add(8 * 24 * time.Hour)
		w.clock = func() time.Time { return at }
	}
	extra := []string{"joe@example.com,Joe\n", "kim@example.com,Kim\n", "lou@example.com,Lou\n", "max@example.com,Max\n"}
	grow := func(n int) { w.segment(threeCSV + strings.Join(extra[:n], "")) }
	config := w.export(threeCSV)
	full := applied(config, inState(exportAddress, values{"changes": nil, "last_run.profiles_submitted": 4, "last_run.sent": "everything"}))
	full.PreConfig = func() { grow(1); late() }
	full.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"changes": nil, "last_run.reason": "segment changed: +1 ~0 -0; everything is sent: a full send was due" + oneJob,
	})
	never := applied(config.with(exportBlock, "full_send_after", `"0"`), inState(exportAddress, merged(changesOf(1, 0, 0, 4), values{"last_run.sent": "changes"})))
	never.PreConfig = func() { grow(2) }
	always := applied(config.with(exportBlock, "send", `"everything"`), inState(exportAddress, values{"changes": nil, "last_run.profiles_submitted": 6}))
	always.PreConfig = func() { grow(3) }
	always.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"changes": nil, "last_run.reason": `segment changed: +1 ~0 -0; everything is sent: send = "everything"` + oneJob,
	})
	changesAgain := applied(config, inState(exportAddress, values{"last_run.profiles_submitted": 7}))
	changesAgain.PreConfig = func() { grow(4) }
	changesAgain.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"changes": nil, "last_run.reason": "segment changed: 6 -> 7 profiles; everything is sent: no sketch of the last run" + oneJob,
	})
	unmapped := applied(config.without(exportBlock, "attributes"), inState(exportAddress, values{"changes": nil, "last_run.profiles_submitted": 7}))
	unmapped.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, with(dueUnread("everything is sent: mapping changed"), "changes", nil))
	w.run(applied(config), full, never, always, changesAgain, unmapped)
	w.wantImports(6)
}

// An edit that makes a run due without a refresh leaves the changes to apply.
func TestAccSegmentExport_changesNotPlanned(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	other := config.with(exportBlock, "segment", fileSegment(w.write("other.csv", threeCSV+"joe@example.com,Joe\n")))
	moved := applied(other, inState(exportAddress, changesOf(1, 0, 0, 3)))
	moved.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, with(dueUnread("segments changed"), "changes", unknown))
	w.run(applied(config), moved)
	w.wantImports(2)
}

// A saved plan carries the difference; what has moved on since is sent, too.
func TestAccSegmentExport_changesOfASavedPlan(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	c := newCLI(t, w.export(peopleHeader+peopleRows(0, 100)))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(peopleHeader + peopleRows(0, 101))
	c.terraformRun("segment changed: +1 ~0 -0", "plan", "-out=plan.bin")
	c.run(`"changes":{"added":1,"removed":0,"subscribed":0,"unchanged":100,"updated":0}`, "show", "-no-color", "-json", "plan.bin")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	if got := w.lastImport(); !slices.Equal(got, []string{"p100@example.com"}) {
		t.Errorf("sent were %q", got)
	}
	w.segment(peopleHeader + peopleRows(0, 103))
	c.terraformRun("segment changed: +2 ~0 -0", "plan", "-out=plan.bin")
	w.segment(peopleHeader + peopleRows(0, 104))
	c.terraformRun("Segment Changed Since The Plan", "apply", "plan.bin")
	if got := w.lastImport(); !slices.Equal(got, addressesIn(peopleRows(101, 104))) {
		t.Errorf("sent were %q", got)
	}
	c.run(`profiles_added = 3`, "show", "-no-color")
	c.terraformRun("No changes", "plan")
	w.wantImports(3)
}

// Members that are lost between plan and apply are put back.
func TestAccSegmentExport_lostSinceThePlan(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.segment(threeCSV + "joe@example.com,Joe\n")
	c.terraformRun("segment changed: +1 ~0 -0", "plan", "-out=plan.bin")
	w.RemoveMembers(w.list.ID, "ann@example.com")
	c.terraformRun("Everything Was Sent: VIP customers to Klaviyo", "apply", "plan.bin")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	c.run(`sent = "everything"`, "show", "-no-color")
	c.terraformRun("No changes", "plan")
}

// privateOf is the private state of the export, by key.
func (c *cli) privateOf() (state map[string]any, instance map[string]any, private map[string][]byte) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.read("terraform.tfstate")), &state); err != nil {
		c.t.Fatal(err)
	}
	for _, r := range state["resources"].([]any) {
		if r := r.(map[string]any); r["type"] == exportKind {
			instance = r["instances"].([]any)[0].(map[string]any)
		}
	}
	encoded, err := base64.StdEncoding.DecodeString(instance["private"].(string))
	if err == nil {
		err = json.Unmarshal(encoded, &private)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return state, instance, private
}

// damage replaces a value in the private state.
func (c *cli) damage(key, value string) {
	c.t.Helper()
	state, instance, private := c.privateOf()
	if private[key] == nil {
		c.t.Fatalf("the private state has no %q", key)
	}
	private[key] = []byte(value)
	encoded, _ := json.Marshal(private)
	instance["private"] = base64.StdEncoding.EncodeToString(encoded)
	c.writeState(state)
}

// dropPrivate drops the private state of the export, as Terraform does if a provider is
// killed in an apply.
func (c *cli) dropPrivate() {
	c.t.Helper()
	state, instance, _ := c.privateOf()
	delete(instance, "private")
	c.writeState(state)
}

func (c *cli) writeState(state map[string]any) {
	c.t.Helper()
	text, err := json.Marshal(state)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("terraform.tfstate", string(text))
}

// A sketch that is damaged, or of another version, is ignored: everything is sent.
func TestAccSegmentExport_damagedSketch(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV), "TF_LOG_PROVIDER=WARN")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	content := threeCSV
	for i, damaged := range []string{`"AAAA"`, `{}`, `"` + base64.StdEncoding.EncodeToString([]byte("KS\x09 of another version")) + `"`} {
		c.damage(keyAcknowledged, damaged)
		c.terraformRun("No changes", "plan")
		content += fmt.Sprintf("new%d@example.com,New\n", i)
		w.segment(content)
		c.terraformRun(fmt.Sprintf("segment changed: %d -> %d profiles; everything is sent: no sketch of the last run", i+3, i+4), "plan")
		c.terraformRun("cannot be read, so everything is sent", "apply", "-auto-approve")
		c.run(fmt.Sprintf("profiles_submitted = %d", i+4), "show", "-no-color")
		if _, _, private := c.privateOf(); len(private[keyAcknowledged]) < 100 {
			t.Errorf("after the run the sketch is %q", private[keyAcknowledged])
		}
	}
	w.wantImports(4)
}

// With send = "everything" no sketch is in the state, from the moment it is applied.
func TestAccSegmentExport_noSketch(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	if _, _, private := c.privateOf(); private[keyAcknowledged] == nil || private[keyAcknowledgedKeys] != nil {
		t.Errorf("kept are %q", slices.Collect(maps.Keys(private)))
	}
	c.write("main.tf", strings.Replace(c.read("main.tf"), "list_id", "send = \"everything\"\n  list_id", 1))
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantImports(1)
	if _, _, private := c.privateOf(); private[keyAcknowledged] != nil {
		t.Error("the sketch is still kept")
	}
}

// fastClock passes time faster than the machine does.
type fastClock struct{ started time.Time }

const speedup = 200

func (c fastClock) Now() time.Time { return c.started.Add(speedup * time.Since(c.started)) }

func (fastClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	return wait.System{}.Wait(ctx, d/speedup, wake)
}

// Profiles that Klaviyo could not take for now make the next plan due, which sends
// them and nobody else.
func TestAccSegmentExport_notTaken(t *testing.T) {
	t.Parallel()
	w := newEnvKeepingBodies(t)
	w.runs = fastClock{time.Now()}
	for _, email := range []string{"bob@example.com", "eve@example.com"} {
		w.FailEmail(email, "server_error", "A server error occurred. Please try again.")
	}
	config := w.export(threeCSV)
	first := applied(config, inState(exportAddress, values{"last_run.status": "partial", "last_run.profiles_failed": 2}))
	first.ExpectNonEmptyPlan = true
	again := applied(config, inState(exportAddress, merged(changesOf(2, 0, 0, 1), values{"last_run.status": "succeeded", "last_run.profiles_added": 2})))
	again.PreConfig = func() {
		w.wantImports(4)
		w.TakeEmail("bob@example.com")
		w.TakeEmail("eve@example.com")
	}
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, merged(changesOf(2, 0, 0, 1), values{
		"last_run.reason": "2 profiles were not taken by Klaviyo" + oneJob,
	}))
	w.run(first, again)
	w.wantImports(5)
	w.wantMembers(three...)
	if got := w.lastImport(); !slices.Equal(got, []string{"bob@example.com", "eve@example.com"}) {
		t.Errorf("sent were %q", got)
	}
}

// A live flow stops only runs in which somebody would join.
func TestAccSegmentExport_liveFlowOfChanges(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	updated := applied(config, inState(exportAddress, changesOf(0, 1, 0, 2)))
	updated.PreConfig = func() {
		w.AddFlow(w.list.ID, simulator.Flow{Name: "Welcome series", Status: "live"})
		w.segment(strings.ReplaceAll(threeCSV, "Bob", "Robert"))
	}
	joins := refused(config, "Joining The List Starts A Live Flow", "Up to 1 profile would join")
	joins.PreConfig = func() { w.segment(threeCSV + "joe@example.com,Joe\n") }
	w.run(applied(config), updated, joins)
	w.wantImports(2)
}
