package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// quiet are the arguments of every command of Terraform that takes them.
var quiet = []string{"-no-color", "-input=false"}

func (c *cli) terraformRun(words, command string, args ...string) {
	c.t.Helper()
	c.run(words, append(append([]string{command}, quiet...), args...)...)
}

// Without a refresh only what lasts until the plan is applied is promised: a
// segment that is found changed makes a run due, but the reason is known only afterwards.
func TestAccSegmentExport_withoutRefresh(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV).with(exportBlock, "triggers", `{ release = "1" }`))
	c.terraformRun("Apply complete", "apply", "-auto-approve", "-refresh=false")
	c.terraformRun("No changes", "plan", "-refresh=false")
	w.RemoveMembers(w.list.ID, "ann@example.com")
	c.terraformRun("No changes", "plan", "-refresh=false") // nobody looks at the list

	w.segment(threeCSV + "joe@example.com,Joe\n")
	c.terraformRun("(known after apply)", "plan", "-refresh=false", "-out=plan.bin")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	c.run(`reason = "segment changed"`, "show", "-no-color")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")

	c.write("main.tf", strings.Replace(c.read("main.tf"), `release = "1"`, `release = "2"`, 1))
	w.segment(threeCSV)
	c.terraformRun(`-> "everything is sent: trigger release changed"`, "plan", "-refresh=false", "-out=plan.bin")
	w.segment(threeCSV + "kim@example.com,Kim\n") // moves on once more
	c.terraformRun("Apply complete", "apply", "plan.bin")
	c.terraformRun("No changes", "plan")
	w.wantImports(3)
}

func (c *cli) read(name string) string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(content)
}

// With pin_to_plan only what was reviewed is exported.
func TestAccSegmentExport_pinnedToPlan(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV).with(exportBlock, "pin_to_plan", "true"))
	c.terraformRun("profile_count = 3", "plan", "-out=plan.bin")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	c.terraformRun("No changes", "plan")

	const joe, kim = "joe@example.com,Joe\n", "kim@example.com,Kim\n"
	w.segment(threeCSV + joe)
	c.terraformRun("segment changed: +1 ~0 -0", "plan", "-out=plan.bin")
	w.segment(threeCSV + joe + kim)
	c.fail("Segment Changed Since The Plan", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantImports(1)
	w.wantMembers(three...)
	c.terraformRun("segment changed: +2 ~0 -0", "plan", "-out=plan.bin")
	c.terraformRun("Apply complete", "apply", "plan.bin")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com", "kim@example.com")
}

// A first plan has no state to rest on: Terraform itself refuses one that no
// longer holds.
func TestAccSegmentExport_firstPlanPinned(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV).with(exportBlock, "pin_to_plan", "true"))
	c.terraformRun("profile_count = 3", "plan", "-out=plan.bin")
	w.segment(threeCSV + "joe@example.com,Joe\n")
	c.fail("inconsistent final plan", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantImports(0)
}

// A saved plan is applied by another process, in another directory, which has
// nothing but configuration, state and plan.
func TestAccSegmentExport_savedPlanElsewhere(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV).without(providerBlock, "api_key"), envAPIKey+"="+mainKey)
	elsewhere := &cli{t: t, dir: t.TempDir(), terraform: c.terraform, env: c.env}
	elsewhere.write("main.tf", c.read("main.tf"))
	apply := func() {
		elsewhere.write("plan.bin", c.read("plan.bin"))
		elsewhere.terraformRun("Apply complete", "apply", "plan.bin")
		c.write("terraform.tfstate", elsewhere.read("terraform.tfstate"))
		w.wantMembers(three...)
		c.terraformRun("No changes", "plan")
	}
	c.terraformRun("", "plan", "-out=plan.bin")
	apply()
	w.RemoveMembers(w.list.ID, "ann@example.com") // which only the refresh of the plan saw
	c.terraformRun("list lost 1 member", "plan", "-out=plan.bin")
	apply()
	w.wantImports(2)
}

func TestAccSegmentExport_planOptions(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV))
	c.terraformRun("1 to add", "plan", "-target="+connectionAddress)
	c.terraformRun("1 added", "apply", "-auto-approve", "-target="+connectionAddress)
	w.wantImports(0)
	c.terraformRun("1 added", "apply", "-auto-approve", "-target="+exportAddress)
	w.wantImports(1)
	c.terraformRun("will be replaced, as requested", "plan", "-replace="+exportAddress, "-out=plan.bin")
	c.terraformRun("1 added, 0 changed, 1 destroyed", "apply", "plan.bin")
	w.wantImports(2)
	c.terraformRun("2 to destroy", "plan", "-destroy")
	c.terraformRun("Destroy complete", "destroy", "-auto-approve")
	w.wantMembers(three...)
}

// Twenty exports that have not changed cost Klaviyo two requests each at most.
func TestAccSegmentExport_requestsOfUnchangedPlans(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const exports = 20
	var ids []string
	for i := range exports {
		list := w.list
		if i > 0 {
			list.ID = fmt.Sprintf("List%02d", i)
			list = w.AddList(list)
		}
		ids = append(ids, fmt.Sprintf("%q", list.ID))
	}
	config := w.export(threeCSV).
		with(exportBlock, "for_each", "toset(["+strings.Join(ids, ", ")+"])").
		with(exportBlock, "list_id", "each.key")
	c := newCLI(t, config)
	c.terraformRun("21 added", "apply", "-auto-approve")
	w.wantImports(exports)
	before := len(w.Requests())
	c.terraformRun("No changes", "plan")
	if got := len(w.Requests()) - before; got > 2*exports {
		t.Errorf("the plan made %d requests", got)
	}
}

// Modules receive the connection as a variable.
func TestAccSegmentExport_inModule(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.connection())
	c.write("module.tf", fmt.Sprintf("module \"vip\" {\n  source = \"./vip\"\n  connection = %s\n  list_id = %q\n  segments = { vip = %q }\n}\n",
		connectionAddress, w.list.ID, w.write("vip.csv", threeCSV)))
	if err := os.Mkdir(filepath.Join(c.dir, "vip"), 0o700); err != nil {
		t.Fatal(err)
	}
	module := configuration{}.
		with(`variable "connection"`, "nullable", "false").with(`variable "list_id"`, "type", "string").with(`variable "segments"`, "type", "map(string)").
		with(exportBlock, "display_name", `"VIP"`).with(exportBlock, "destination", "var.connection").with(exportBlock, "list_id", "var.list_id").
		with(exportBlock, `dynamic "segment"`, block("for_each = var.segments", "content "+block("name = segment.key", "file { path = segment.value }"))).with(exportBlock, "data_matching", `{ email = "EMail" }`)
	c.write("vip/main.tf", "terraform {\n  required_providers {\n    klaviyo = { source = \"klaviyo-community/klaviyo\" }\n  }\n}\n"+module.String())
	c.run("", "get", "-no-color")
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantMembers(three...)
	c.terraformRun("No changes", "plan")
}

// A connection that another configuration manages arrives as its output.
func TestAccSegmentExport_connectionFromRemoteState(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	owner := newCLI(t, w.connection())
	owner.write("output.tf", "output \"connection\" {\n  value = "+connectionAddress+"\n  sensitive = true\n}\n")
	owner.terraformRun("Apply complete", "apply", "-auto-approve")

	const remote = `data "terraform_remote_state" "team"`
	config := w.export(threeCSV).
		with(remote, "backend", `"local"`).
		with(remote, "config", fmt.Sprintf("{ path = %q }", filepath.Join(owner.dir, "terraform.tfstate"))).
		with(exportBlock, "destination", "data.terraform_remote_state.team.outputs.connection")
	delete(config, connectionBlock)
	c := newCLI(t, config)
	c.terraformRun("Apply complete", "apply", "-auto-approve")
	w.wantMembers(three...)
	c.terraformRun("No changes", "plan")
}
