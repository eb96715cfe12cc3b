package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The quickstart takes any file with a column of addresses, by the names that such
// columns usually have.
func TestAccQuickstart(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "examples", "quickstart", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	w := newEnv(t)
	c := newCLI(t, w.provider(), envAPIKey+"="+mainKey, "KLAVIYO_BASE_URL="+w.URL)
	c.write("main.tf", string(content))
	two := func(header, separator string) string {
		return w.write("people.csv", header+"\n"+strings.ReplaceAll("ann@example.com,Ann\nbob@example.com,Bob\n", ",", separator))
	}
	for _, path := range []string{two("email,first_name", ","), two("\ufeff\"E-Mail\";\"Vorname\"\r", ";"), two("Email Address,Name", ",")} {
		c.run("2 Profiles To Export", "plan", "-no-color", "-input=false", "-var=segment="+path)
	}
	unusual := two("addr,Name", ",")
	out, err := c.try("plan", "-no-color", "-input=false", "-var=segment="+unusual)
	if err == nil {
		t.Fatalf("the plan succeeded without a known column:\n%s", out)
	}
	c.wantWords(out, "Set the variable email_column")
	c.wantWords(out, "to one of: addr, Name.")
	if strings.Count(out, "Error: ") != 1 {
		t.Errorf("there is more than one error:\n%s", out)
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "nope.csv"), t.TempDir(), w.write("empty.csv", "")} {
		out, err := c.try("plan", "-no-color", "-input=false", "-var=segment="+path)
		if err == nil || strings.Contains(out, "Which column") || strings.Count(out, "Error: ") != 1 {
			t.Errorf("a file without a header is not the only error:\n%s", out)
		}
		c.wantWords(out, "There is no file "+path)
	}
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve", "-var=segment="+unusual, "-var=email_column=addr")
	if n := len(w.Members(w.managed().ID)); n != 2 {
		t.Errorf("the list has %d members, want 2", n)
	}
}
