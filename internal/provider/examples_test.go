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
	actions, minor := c.takesActions(), c.minorVersion()
	for _, file := range files {
		if !actions && strings.Contains(filepath.ToSlash(file), "/actions/") {
			continue
		}
		if minor < 12 && filepath.Base(file) == "import-by-identity.tf" {
			continue
		}
		example, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := c.withoutTarget(string(example))
		c.write("example.tf", text)
		c.write("main.tf", string(requirement))
		if strings.Contains(text, "required_providers") {
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
