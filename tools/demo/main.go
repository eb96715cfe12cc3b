// Command demo shows the main job of the provider on one machine: it builds
// the provider, starts a simulated Klaviyo, exports a segment with the real
// Terraform CLI, changes the segment, exports again, and checks the result.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", ".", "root folder of the project")
	terraform := flag.String("terraform", "terraform", "Terraform to run")
	segment := flag.String("segment", "", "CSV file to export instead of a generated one; a relative path starts in root")
	emailColumn := flag.String("email-column", "", "column of that file with the email addresses, if its name is unusual")
	flag.Parse()
	if *emailColumn == "" {
		*emailColumn = os.Getenv("TF_VAR_email_column") // Terraform would use it, too
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *root, *terraform, own{*segment, *emailColumn})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// own is a file of the user's; the zero value is none.
type own struct{ path, emailColumn string }

// in is the file with an absolute path.
func (o own) in(root string) own {
	if o.path == "" {
		return own{}
	}
	if !filepath.IsAbs(o.path) {
		o.path = filepath.Join(root, o.path)
	}
	return o
}

// variables are those of the quickstart. Errors of Terraform name the file that they are
// given.
func (o own) variables() []string {
	if o.path == "" {
		return nil
	}
	env := []string{"TF_VAR_segment=" + path.Join("segments", filepath.Base(o.path))}
	if o.emailColumn != "" {
		env = append(env, "TF_VAR_email_column="+o.emailColumn)
	}
	return env
}

func run(ctx context.Context, root, terraformPath string, file own) error {
	file = file.in(root)
	dir, err := os.MkdirTemp("", "klaviyo-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	step("Build the provider and the simulator")
	for binary, pkg := range map[string]string{
		"terraform-provider-klaviyo": ".",
		"klaviyo-simulator":          "./internal/simulator/cmd/klaviyo-simulator",
	} {
		if err := build(ctx, root, filepath.Join(dir, "bin", binary), pkg); err != nil {
			return err
		}
	}
	d := demo{file: filepath.Join(dir, "segments", "vip.csv"), emailColumn: file.emailColumn}
	if file.path != "" {
		d.file = filepath.Join(dir, "segments", filepath.Base(file.path))
	}
	if err := d.prepare(file.path); err != nil {
		return err
	}
	step("Start a simulated Klaviyo, with the rate limits of the real one")
	d.klaviyo, err = startSimulator(ctx, filepath.Join(dir, "bin", "klaviyo-simulator"), dir)
	if err != nil {
		return err
	}
	defer d.klaviyo.stop()
	say("at %s", d.klaviyo.URL)
	configuration := filepath.Join(root, "tools", "demo", "demo.tf")
	if file.path != "" {
		configuration = filepath.Join(root, "examples", "quickstart", "main.tf")
	}
	d.terraform, err = newTerraform(terraformPath, dir, configuration, d.klaviyo, file.variables())
	if err != nil {
		return err
	}
	return d.play(ctx)
}

// build compiles a command of the project.
func build(ctx context.Context, root, binary, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// demo is the state that the steps share.
type demo struct {
	file        string                  // the segment
	emailColumn string                  // empty for the one with a usual name
	change      func(file string) error // of the segment, half-way through; nil for none
	changeTitle string

	terraform *terraform
	klaviyo   *simulator
}

// prepare writes the segment to the path in the configuration.
func (d *demo) prepare(from string) error {
	if err := os.MkdirAll(filepath.Dir(d.file), 0o700); err != nil {
		return err
	}
	if from != "" {
		step("Take the segment from " + from)
		d.changeTitle = "In Klaviyo somebody removes three people from the list: terraform plan sees it"
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(d.file, content, 0o600)
	}
	step("Generate a segment of 10,000 rows")
	d.change, d.changeTitle = addPeople, "250 people join the segment, and in Klaviyo somebody removes three from the list: terraform plan sees both"
	flaws, err := generateSegment(d.file)
	if err == nil {
		say("with %s", flaws)
	}
	return err
}

// play runs the steps: export, no changes, drift, export.
func (d *demo) play(ctx context.Context) error {
	step("terraform plan: what would happen, and why")
	if err := d.terraform.plan(ctx); err != nil {
		return err
	}
	step("terraform apply")
	if err := d.terraform.apply(ctx); err != nil {
		return err
	}
	if err := d.klaviyo.showMembers(ctx, d.terraform.listID); err != nil {
		return err
	}
	if err := d.check(ctx); err != nil {
		return err
	}
	step("terraform plan once more: nothing has changed")
	if err := d.terraform.plan(ctx); err != nil {
		return err
	}
	if d.terraform.changes {
		return errors.New("the plan after an apply is not empty")
	}
	step(d.changeTitle)
	if err := d.drift(ctx); err != nil {
		return err
	}
	if err := d.terraform.plan(ctx); err != nil {
		return err
	}
	if !d.terraform.changes {
		return errors.New("the plan does not show the drift")
	}
	step("terraform apply")
	if err := d.terraform.apply(ctx); err != nil {
		return err
	}
	if err := d.check(ctx); err != nil {
		return err
	}
	fmt.Println("\nThat is all. With your own people: make demo SEGMENT=file.csv. With your own account: README.md.")
	return nil
}

// drift removes people from the list and changes the segment.
func (d *demo) drift(ctx context.Context) error {
	wanted, err := validEmails(d.file, d.emailColumn)
	if err != nil {
		return err
	}
	if err := d.klaviyo.removeMembers(ctx, d.terraform.listID, wanted[:min(3, len(wanted))]); err != nil {
		return err
	}
	if d.change == nil {
		return nil
	}
	return d.change(d.file)
}

// check compares the list in Klaviyo with the segment, without the provider or its
// client.
func (d *demo) check(ctx context.Context) error {
	wanted, err := validEmails(d.file, d.emailColumn)
	if err != nil {
		return err
	}
	members, err := d.klaviyo.memberEmails(ctx, d.terraform.listID)
	if err != nil {
		return err
	}
	if !slices.Equal(wanted, members) {
		return fmt.Errorf("the list is not the segment: it has %d members where the segment has %d valid addresses; %d people are missing, %d do not belong there",
			len(members), len(wanted), len(difference(wanted, members)), len(difference(members, wanted)))
	}
	say("checked: the list holds the %s valid, unique addresses of the segment, and nobody else", thousands(len(members)))
	return nil
}

var steps int

func step(title string) {
	steps++
	fmt.Printf("\n%d. %s\n", steps, title)
}

// say prints lines of a step.
func say(format string, args ...any) {
	for line := range strings.SplitSeq(strings.TrimSpace(fmt.Sprintf(format, args...)), "\n") {
		fmt.Println("   " + line)
	}
}
