package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func importBlock(to, id string) string {
	return fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", to, id)
}

// withoutTarget is an import of what is yet to be declared, for which Terraform
// 1.16 and later do not look up the provider.
func (c *cli) withoutTarget(imports string) string {
	if c.minorVersion() < 16 {
		return imports
	}
	return strings.ReplaceAll(imports, "import {\n", "import {\n  provider = klaviyo\n")
}

// fillIn replaces an argument that could not be generated.
func (c *cli) fillIn(name, argument, expression string) {
	c.t.Helper()
	generated := regexp.MustCompile(`(?m)^(\s*` + argument + `\s*=) null.*$`)
	before := c.read(name)
	if !generated.MatchString(before) {
		c.t.Fatalf("%s is not null in what was generated:\n%s", argument, before)
	}
	c.write(name, generated.ReplaceAllString(before, "$1 "+expression))
}

// What Terraform generates for imported resources can be used as it is, but
// for what nobody can know.
// addBlocks adds what could not be generated to the only resource of a file.
func (c *cli) addBlocks(name string, blocks ...string) {
	c.t.Helper()
	before := c.read(name)
	end := strings.LastIndex(before, "}")
	c.write(name, before[:end]+strings.Join(blocks, "\n")+"\n}\n")
}

func TestAccImport_generatedConfiguration(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddMembers(w.list.ID, "ann@example.com")
	c := newCLI(t, w.provider())

	imports := importBlock(connectionAddress, "MainAc") + importBlock(listAddress, w.list.ID)
	c.write("import.tf", c.withoutTarget(imports))
	c.terraformRun("2 to import, 0 to add, 1 to change, 0 to destroy", "plan", "-generate-config-out=generated.tf")
	c.wantWords(c.read("generated.tf"), `data_privacy_consent = true display_name = "Northwind"`)
	c.wantWords(c.read("generated.tf"), `name = "VIP customers" opt_in_process = "double_opt_in"`)
	c.write("import.tf", imports)
	c.terraformRun("2 to import, 0 to add, 1 to change, 0 to destroy", "plan")
	c.terraformRun("Consent Recorded On Apply", "plan")
	c.terraformRun("2 imported, 0 added, 1 changed, 0 destroyed", "apply", "-auto-approve")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
	w.wantImports(0)
}

// Of an export all is generated but where its people are, who they are and the
// connection. Terraform 1.5 and 1.6 crash on objects that are computed, and so do
// versions of OpenTofu before 1.12.
func TestAccImport_generatedExport(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.connection())
	c.skipBelow(7, 12)
	c.terraformRun("Apply complete", "apply", "-auto-approve")

	imports := importBlock(exportAddress, "MainAc/"+w.list.ID)
	c.write("import_export.tf", c.withoutTarget(imports))
	c.fail("Missing Configuration for Required Attribute", "plan", "-no-color", "-input=false", "-generate-config-out=export.tf")
	c.wantWords(c.read("export.tf"), `display_name = "VIP customers"`)
	c.wantWords(c.read("export.tf"), fmt.Sprintf("list_id = %q", w.list.ID))
	c.write("import_export.tf", imports)
	c.fillIn("export.tf", "destination", connectionAddress)
	c.fail("The block segment is missing. Write it", "plan", "-no-color", "-input=false")
	c.fail("The block data_matching is missing. Write it", "plan", "-no-color", "-input=false")
	c.addBlocks("export.tf", "segment "+w.segment(threeCSV), `data_matching { email = "EMail" }`)
	c.terraformRun("1 to import, 0 to add, 1 to change, 0 to destroy", "plan")
	c.terraformRun("1 imported, 0 added, 1 changed, 0 destroyed", "apply", "-auto-approve")
	c.terraformRun("No changes", "plan", "-detailed-exitcode")
	w.wantMembers(three...)
	w.wantImports(1)
}
