package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// buildSimulator builds the simulator's command and returns its folder.
func buildSimulator(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "klaviyo-simulator"), "../simulator/cmd/klaviyo-simulator")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	return dir
}

// shellSteps are the shell steps in the text of a guide. Other blocks belong in
// examples/, from where the guide includes them.
func shellSteps(t *testing.T, guide string) (steps []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", guide))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "```terraform") || strings.Contains(string(text), "```hcl") {
		t.Errorf("%s has HCL in its text, which no test runs", guide)
	}
	for _, rest := range strings.Split(string(text), "\n```sh\n")[1:] {
		step, _, _ := strings.Cut(rest, "\n```")
		steps = append(steps, step)
	}
	return steps
}

// The script of the guide to testing passes, and so do the steps in its text.
func TestAccGuide_testing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the script is for a POSIX shell")
	}
	c := newCLI(t, configuration{})
	c.skipBelow(7, 12)
	for _, name := range []string{"main.tf", "export.tftest.hcl", "simulator.tftest.hcl", "people.csv", "broken.csv", "test.sh"} {
		c.write(name, readExample(t, name))
	}

	terraform, err := exec.LookPath(c.terraform)
	if err != nil {
		t.Fatal(err)
	}
	bin := buildSimulator(t)
	if err := os.Symlink(terraform, filepath.Join(bin, "terraform")); err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	shell := func(script string) (string, error) {
		command := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
		command.Dir, command.Env = c.dir, c.env
		out, err := command.CombinedOutput()
		return string(out), err
	}
	if out, err := shell("sh ./test.sh"); err != nil || strings.Count(out, "2 passed, 0 failed") != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	c.write("broken.csv", readExample(t, "people.csv"))
	if out, err := shell("sh ./test.sh"); err == nil || !strings.Contains(out, "was not refused") {
		t.Errorf("the script passes although the guard does not hold: %v\n%s", err, out)
	}

	steps := shellSteps(t, "testing.md.tmpl")
	if len(steps) == 0 {
		t.Fatalf("the guide has the steps %q", steps)
	}
	script := `
klaviyo-simulator -ready-file ready.json -member ann@example.com > env &
simulator=$!
trap 'kill "$simulator"' EXIT
until [ -f ready.json ]; do kill -0 "$simulator"; done
. ./env
` + strings.Join(steps, "\n") + "\nklaviyo-simulator members -format emails\n"
	if out, err := shell(script); err != nil || !strings.Contains(out, `"changed": 1`) || !strings.Contains(out, `"pending": 0`) || strings.HasSuffix(out, "ann@example.com\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "testing", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An error of the provider does not satisfy expect_failures, as the guide says, and a list
// that has members is not destroyed at the end of a test.
func TestAccGuide_testingLimits(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, configuration{}, envAPIKey+"="+mainKey, envBaseURL+"="+w.URL)
	c.skipBelow(7, 12)
	c.write("people.csv", readExample(t, "people.csv"))
	c.write("broken.csv", readExample(t, "broken.csv"))
	c.write("main.tf", readExample(t, "main.tf"))
	const refused = "run \"refused\" {\n  command = plan\n  variables {\n    segment = \"broken.csv\"\n  }\n  expect_failures = [klaviyo_segment_export.vip]\n}\n"
	c.write("refused.tftest.hcl", refused)
	c.fail("Too Many Rows Cannot Be Exported", "test", "-no-color")
	if err := os.Remove(filepath.Join(c.dir, "refused.tftest.hcl")); err != nil {
		t.Fatal(err)
	}
	c.write("kept.tftest.hcl", strings.Replace(readExample(t, "simulator.tftest.hcl"), "force_destroy = true", "force_destroy = false", 1))
	c.fail("List Has Members", "test", "-no-color")
}

// The alarm of several exports names each one that is not complete, also before its first
// run, which has no last_run.
func TestAccGuide_nightlySeveral(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.AddList(simulator.List{ID: "Y6nRLr", Name: "VIP"})
	w.AddList(simulator.List{ID: "Tz4kQp", Name: "Lapsed"})
	w.FailEmail("bob@example.com", "invalid", "Not deliverable.")
	c := newCLI(t, configuration{}, envAPIKey+"="+mainKey, envBaseURL+"="+w.URL)
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "nightly-several", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.dir, "segments"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.write(filepath.Join("segments", "vip.csv"), threeCSV)
	c.write(filepath.Join("segments", "lapsed.csv"), "EMail\n"+strings.Repeat("ann@example.com\n", 40)+"nobody\n")

	for _, step := range []struct{ configuration, alarm string }{
		{strings.Replace(string(text), "pin_to_plan  = true", "run_on_apply = false", 1), "Last run of lapsed: none. Last run of vip: none. Rejected rows of lapsed: 1."},
		{string(text), "Last run of vip: partial. Rejected rows of lapsed: 1."},
	} {
		c.write("main.tf", step.configuration)
		c.run(step.alarm, "apply", "-no-color", "-input=false", "-auto-approve")
		if out, err := c.try("output", "-raw", "alarm"); err != nil || out != step.alarm {
			t.Errorf("the alarm is %q, want %q: %v", out, step.alarm, err)
		}
	}
	c.run("Last run of vip: partial.", "plan", "-no-color", "-input=false") // the check shows it as a warning
}
