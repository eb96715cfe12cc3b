package provider

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// requirement is what a module says that does not configure the provider.
const requirement = "terraform {\n  required_providers {\n    klaviyo = { source = \"klaviyo-community/klaviyo\" }\n  }\n}\n"

// wantMoved checks that a plan does nothing but move all three resources, and
// applies it.
func (c *cli) wantMoved() {
	c.t.Helper()
	c.terraformRun("has moved to", "plan", "-out=plan.bin")
	c.run("Plan: 0 to add, 0 to change, 0 to destroy", "show", "-no-color", "plan.bin")
	c.terraformRun("0 added, 0 changed, 0 destroyed", "apply", "plan.bin")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
}

// A new name or module for a resource is no change to it.
func TestAccMoved(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(listBlock, "name", `"Gold"`)
	c := newCLI(t, config)
	c.terraformRun("3 added", "apply", "-auto-approve")
	writes := w.writes()

	renamed := strings.NewReplacer(`"main"`, `"renamed"`, ".main", ".renamed")
	c.write("main.tf", renamed.Replace(c.read("main.tf")))
	moved := ""
	for _, address := range []string{connectionAddress, listAddress, exportAddress} {
		moved += fmt.Sprintf("moved {\n  from = %s\n  to = %s\n}\n", address, renamed.Replace(address))
	}
	c.write("moved.tf", moved)
	c.wantMoved()

	root := configuration{}.
		with(`module "klaviyo"`, "source", `"./klaviyo"`).
		with(`module "klaviyo"`, "for_each", `toset(["vip"])`)
	root[providerBlock] = config[providerBlock]
	module := maps.Clone(config)
	delete(module, providerBlock)
	if err := os.Mkdir(filepath.Join(c.dir, "klaviyo"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.write("klaviyo/main.tf", requirement+module.String())
	c.write("main.tf", requirement+root.String())
	for _, address := range []string{connectionAddress, listAddress, exportAddress} {
		moved += fmt.Sprintf("moved {\n  from = %s\n  to = module.klaviyo[\"vip\"].%s\n}\n", renamed.Replace(address), address)
	}
	c.write("moved.tf", moved)
	c.run("", "get", "-no-color")
	c.wantMoved()
	if now := w.writes(); now != writes {
		t.Errorf("%d requests changed something in Klaviyo while resources moved", now-writes)
	}
}

// writes counts the requests that were to change something.
func (w *env) writes() (n int) {
	for _, r := range w.Requests() {
		if r.Method != "GET" {
			n++
		}
	}
	return n
}
