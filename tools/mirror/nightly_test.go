package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// nightly is a repository with the files of examples/nightly, its checkouts, and where
// its state is kept.
type nightly struct {
	t          *testing.T
	repository string
	people     string // the segment
	checkout   string // the latest one
	env        []string
	klaviyo    *simulator.Server
	output     bytes.Buffer
}

const apiKey = "pk_test_of_the_nightly_job"

func newNightly(t *testing.T) *nightly {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("runs Terraform, so it needs TF_ACC")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the steps are for a POSIX shell")
	}
	terraform, err := exec.LookPath(os.Getenv("TF_ACC_TERRAFORM_PATH"))
	if err != nil {
		if terraform, err = exec.LookPath("terraform"); err != nil {
			t.Fatal(err)
		}
	}
	klaviyo, err := simulator.Start(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(klaviyo.Close)
	klaviyo.AddKey(apiKey)
	list := klaviyo.AddList(simulator.List{Name: "VIP customers"})
	dir := t.TempDir()
	n := &nightly{t: t, repository: filepath.Join(dir, "repository"), people: filepath.Join(dir, "people.csv"), klaviyo: klaviyo}
	bin := filepath.Join(dir, "bin")
	for _, one := range []string{n.repository, bin} {
		if err := os.Mkdir(one, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(terraform, filepath.Join(bin, "terraform")); err != nil {
		t.Fatal(err)
	}
	n.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=ci.tfrc",
		"KLAVIYO_BASE_URL="+klaviyo.URL, "KLAVIYO_API_KEY="+apiKey, "TF_VAR_list_id="+list.ID, "TF_VAR_segment="+n.people)
	n.fill(dir)
	return n
}

// fill puts the example, a mirror and a backend on this disk into the repository.
func (n *nightly) fill(dir string) {
	n.t.Helper()
	for _, name := range []string{"main.tf", "ci.tfrc", "github.yml", "gitlab-ci.yml"} {
		n.write(filepath.Join(n.repository, name), string(readFile(n.t, filepath.Join("..", "..", "examples", "nightly", name))))
	}
	n.write(filepath.Join(n.repository, "backend.tf"), fmt.Sprintf("terraform {\n  backend \"local\" {\n    path = %q\n  }\n}\n", filepath.Join(dir, "state.tfstate")))
	m := mirror{
		root: filepath.Join("..", ".."), dir: filepath.Join(n.repository, "mirror"), host: "registry.terraform.io", version: "0.1.0",
		platforms: []string{runtime.GOOS + "/" + runtime.GOARCH, "plan9/mips"},
		build: func(ctx context.Context, m *mirror, platform, file string) error {
			if platform == "plan9/mips" { // one that nobody here runs
				return fakeBuild(ctx, m, platform, file)
			}
			command := exec.CommandContext(ctx, "go", "build", "-o", file, ".")
			command.Dir = m.root
			out, err := command.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return err
		},
	}
	if err := m.write(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (n *nightly) write(path, content string) {
	n.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// fresh makes the checkout that a runner starts with.
func (n *nightly) fresh() {
	n.t.Helper()
	n.checkout = n.t.TempDir()
	if err := os.CopyFS(n.checkout, os.DirFS(n.repository)); err != nil {
		n.t.Fatal(err)
	}
}

// shell runs a script as a runner does and returns whether it succeeds.
func (n *nightly) shell(script string) bool {
	n.t.Helper()
	command := exec.CommandContext(n.t.Context(), "bash", "-e", "-c", script)
	command.Dir, command.Env = n.checkout, slices.Concat(n.env, []string{"GITHUB_OUTPUT=" + filepath.Join(n.checkout, "github_output")})
	out, err := command.CombinedOutput()
	n.output.Write(out)
	return err == nil
}

// job runs the steps of a job until one fails, and returns its name.
type job func(n *nightly) (failed string)

func github(n *nightly) string {
	var workflow struct {
		Jobs map[string]struct {
			Env   map[string]string
			Steps []struct{ Name, ID, If, Run string }
		}
	}
	if err := yaml.Unmarshal(readFile(n.t, filepath.Join(n.checkout, "github.yml")), &workflow); err != nil {
		n.t.Fatal(err)
	}
	export := workflow.Jobs["export"]
	if export.Env["TF_CLI_CONFIG_FILE"] != "ci.tfrc" || len(export.Steps) < 5 {
		n.t.Fatalf("the job is %+v", export)
	}
	status := ""
	for _, step := range export.Steps {
		switch {
		case step.Run == "" || step.If == "steps.plan.outputs.status == '2'" && status != "2":
			continue
		case step.If != "" && step.If != "steps.plan.outputs.status == '2'":
			n.t.Fatalf("the step %q has the unknown condition %q", step.Name, step.If)
		}
		if !n.shell(step.Run) {
			return step.Name
		}
		if step.ID == "plan" {
			text := readFile(n.t, filepath.Join(n.checkout, "github_output"))
			status = strings.TrimPrefix(strings.TrimSpace(string(text)), "status=")
		}
	}
	return ""
}

func gitlab(n *nightly) string {
	var pipeline map[string]struct {
		Variables map[string]string
		Script    []string
	}
	if err := yaml.Unmarshal(readFile(n.t, filepath.Join(n.checkout, "gitlab-ci.yml")), &pipeline); err != nil {
		n.t.Fatal(err)
	}
	export := pipeline["klaviyo-export"]
	if export.Variables["TF_CLI_CONFIG_FILE"] != "ci.tfrc" || len(export.Script) < 4 {
		n.t.Fatalf("the job is %+v", export)
	}
	if !n.shell(strings.Join(export.Script, "\n")) {
		return "script"
	}
	return ""
}

// night runs the job in a fresh checkout.
func (n *nightly) night(run job, title string, fails bool, words string) {
	n.t.Helper()
	n.fresh()
	n.output.Reset()
	failed := run(n)
	if (failed != "") != fails {
		n.t.Fatalf("%s: failed in %q\n%s", title, failed, &n.output)
	}
	if plain := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(n.output.String())), " "); !strings.Contains(plain, words) {
		n.t.Errorf("%s: the log does not say %q\n%s", title, words, &n.output)
	}
}

// The jobs of the guide do what it says, from a mirror, night after night.
func TestAccNightly(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]job{"github": github, "gitlab": gitlab} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNightly(t)
			n.fresh()
			n.lock()
			list := n.klaviyo.Lists()[0].ID

			n.write(n.people, "EMail\nann@example.com\nbob@example.com\n")
			configuration := string(readFile(t, filepath.Join(n.repository, "main.tf")))
			n.write(filepath.Join(n.repository, "main.tf"), strings.Replace(configuration, "pin_to_plan  = true", "run_on_apply = false", 1))
			n.night(run, "only saved", true, "Last run of vip: none.")
			n.write(filepath.Join(n.repository, "main.tf"), configuration)
			n.night(run, "first", false, "Apply complete!")
			if got := n.klaviyo.MemberEmails(list); len(got) != 2 {
				t.Fatalf("the list has %d members", len(got))
			}
			n.klaviyo.ResetRequests()
			n.night(run, "nothing new", false, "No changes.")
			for _, r := range n.klaviyo.Requests() {
				if r.Method != "GET" {
					t.Errorf("nothing was new, and %s %s was sent", r.Method, r.Path)
				}
			}

			n.write(n.people, "EMail\nann@example.com\nbob@example.com\nbad@example.com\n")
			n.klaviyo.FailEmail("bad@example.com", "invalid", "Not deliverable.")
			n.night(run, "a refused person", true, "Last run of vip: partial.")

			n.write(n.people, "EMail\nann@example.com\n@\n")
			n.night(run, "broken rows", true, "Too Many Rows Cannot Be Exported")

			n.klaviyo.TakeEmail("bad@example.com")
			n.write(n.people, "EMail\n"+manyPeople(50)+"@\n")
			n.night(run, "a rejected row", true, "Rejected rows of vip: 1.")
			n.write(n.people, "EMail\n"+manyPeople(50))
			n.night(run, "mended", false, "Apply complete!")
		})
	}
}

func manyPeople(count int) string {
	var out strings.Builder
	for i := range count {
		fmt.Fprintf(&out, "person%d@example.com\n", i)
	}
	return out.String()
}

// steps are the shell steps in the text of the guide.
func steps(t *testing.T) (all []string) {
	t.Helper()
	guide := string(readFile(t, filepath.Join("..", "..", "templates", "guides", "nightly-job.md.tmpl")))
	for _, rest := range strings.Split(guide, "\n```sh\n")[1:] {
		step, _, _ := strings.Cut(rest, "\n```")
		all = append(all, step)
	}
	if len(all) != 2 || strings.Contains(guide, "```terraform") || strings.Contains(guide, "```yaml") {
		t.Fatalf("the guide has %d shell steps; a test must run each, and HCL and YAML belong in examples/", len(all))
	}
	return all
}

// lock makes the lock file as the guide says, and commits it.
func (n *nightly) lock() {
	n.t.Helper()
	script := strings.NewReplacer("linux_amd64", runtime.GOOS+"_"+runtime.GOARCH, "darwin_arm64", "plan9_mips").Replace(steps(n.t)[0])
	if !n.shell(script) {
		n.t.Fatalf("%s: %s", script, &n.output)
	}
	const name = ".terraform.lock.hcl"
	lock := readFile(n.t, filepath.Join(n.checkout, name))
	if strings.Count(string(lock), `"h1:`) != 2 {
		n.t.Errorf("the lock file does not have two platforms:\n%s", lock)
	}
	n.write(filepath.Join(n.repository, name), string(lock))
}

// A saved plan sends what it was made for, or nothing.
func TestAccNightly_pinned(t *testing.T) {
	t.Parallel()
	n := newNightly(t)
	n.fresh()
	n.lock()
	n.write(n.people, "EMail\nann@example.com\n")
	n.output.Reset()
	if !n.shell("terraform init -input=false >/dev/null\n"+steps(t)[1]) || !strings.Contains(n.output.String(), "1 Profile To Export: VIP customers to Klaviyo\n") {
		t.Errorf("the warnings of all exports: %s", &n.output)
	}
	if !n.shell("terraform plan -input=false -out=tfplan && terraform apply -input=false tfplan") {
		t.Fatal(n.output.String())
	}
	n.write(n.people, "EMail\nann@example.com\nbob@example.com\n")
	if !n.shell("terraform plan -input=false -out=tfplan") {
		t.Fatal(n.output.String())
	}
	n.write(n.people, "EMail\nann@example.com\nbob@example.com\ncat@example.com\n")
	if n.shell("terraform apply -input=false tfplan") {
		t.Error("a segment that changed after the plan was sent")
	}
	if got := n.klaviyo.MemberEmails(n.klaviyo.Lists()[0].ID); len(got) != 1 {
		t.Errorf("the list has %d members", len(got))
	}
}
