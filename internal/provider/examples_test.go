package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every example is valid as it stands: users copy them.
func TestAccExamples_validate(t *testing.T) {
	t.Parallel()
	c := newCLI(t, configuration{})
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "*", "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	nested, err := filepath.Glob(filepath.Join("..", "..", "examples", "*", "*", "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if files = append(files, nested...); len(files) < 6 {
		t.Fatalf("there are only %d examples: %q", len(files), files)
	}
	requirement, err := os.ReadFile(filepath.Join(c.dir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	actions, identities := c.takesActions(), c.minorVersion() >= 12
	for _, file := range files {
		if !actions && strings.Contains(filepath.ToSlash(file), "/actions/") {
			continue
		}
		if !identities && filepath.Base(file) == "import-by-identity.tf" {
			continue
		}
		example, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c.write("example.tf", string(example))
		c.write("main.tf", string(requirement))
		if strings.Contains(string(example), "required_providers") {
			c.write("main.tf", "")
		}
		if out, err := c.try("validate", "-no-color"); err != nil {
			t.Errorf("%s: %s", file, c.errorsIn(out))
		}
	}
}

// takesActions reports whether Terraform knows actions, as it does since 1.14.
func (c *cli) takesActions() bool {
	c.t.Helper()
	out, err := c.try("providers", "schema", "-json")
	if err != nil {
		c.t.Fatalf("%s\n%s", err, c.errorsIn(out))
	}
	return strings.Contains(out, `"action_schemas"`)
}
