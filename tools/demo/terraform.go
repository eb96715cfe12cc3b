package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// terraform runs the real CLI in a folder of its own.
type terraform struct {
	path string
	dir  string
	env  []string

	changes bool   // whether the last plan has any
	listID  string // once applied
}

// newTerraform puts the configuration into dir and makes Terraform use the
// provider in dir/bin.
func newTerraform(path, dir, configuration string, klaviyo *simulator, variables []string) (*terraform, error) {
	content, err := os.ReadFile(configuration)
	if err != nil {
		return nil, err
	}
	cli := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"klaviyo-community/klaviyo\" = %q\n  }\n  direct {}\n}\n", filepath.Join(dir, "bin"))
	for name, content := range map[string][]byte{"main.tf": content, "cli.tfrc": []byte(cli)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return &terraform{path: path, dir: dir, env: append(append(os.Environ(), variables...),
		"TF_CLI_CONFIG_FILE="+filepath.Join(dir, "cli.tfrc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_WORKSPACE=", "TF_LOG=",
		"KLAVIYO_BASE_URL="+klaviyo.URL, "KLAVIYO_API_KEY="+klaviyo.APIKey)}, nil
}

// plan plans, prints the gist, and keeps the plan for apply.
func (t *terraform) plan(ctx context.Context) error {
	if err := t.stream(ctx, "plan", "-json", "-out=tfplan"); err != nil {
		return err
	}
	var plan struct {
		Changes []struct {
			Address string `json:"address"`
			Change  struct {
				Actions []string       `json:"actions"`
				After   map[string]any `json:"after"`
			} `json:"change"`
		} `json:"resource_changes"`
	}
	if err := t.query(ctx, &plan, "show", "-json", "tfplan"); err != nil {
		return err
	}
	t.changes = false
	for _, c := range plan.Changes {
		if len(c.Change.Actions) == 1 && c.Change.Actions[0] == "no-op" {
			continue
		}
		t.changes = true
		if run, ok := c.Change.After["last_run"].(map[string]any); ok {
			say("%s: a run is due: %v", c.Address, run["reason"])
		}
	}
	return nil
}

// apply applies the plan made last and reads the outputs.
func (t *terraform) apply(ctx context.Context) error {
	if err := t.stream(ctx, "apply", "-json", "tfplan"); err != nil {
		return err
	}
	var outputs struct {
		ListID struct {
			Value string `json:"value"`
		} `json:"list_id"`
		LastRun struct {
			Value map[string]any `json:"value"`
		} `json:"last_run"`
	}
	if err := t.query(ctx, &outputs, "output", "-json"); err != nil {
		return err
	}
	t.listID = outputs.ListID.Value
	run := outputs.LastRun.Value
	say("run %v: %v profiles submitted, %v refused by Klaviyo, %v not confirmed, import jobs: %v, members of the list: %v",
		run["status"], run["profiles_submitted"], run["profiles_failed"], run["profiles_unconfirmed"], run["jobs"], run["list_profile_count"])
	return nil
}

func (t *terraform) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.Dir, cmd.Env = t.dir, t.env
	return cmd
}

// query runs a command that prints JSON.
func (t *terraform) query(ctx context.Context, into any, args ...string) error {
	out, err := t.command(ctx, args).Output()
	if err != nil {
		return fmt.Errorf("terraform %s: %w", args[0], err)
	}
	return json.Unmarshal(out, into)
}

// message is a line of Terraform's machine-readable output.
type message struct {
	Type       string `json:"type"`
	Message    string `json:"@message"`
	Diagnostic struct {
		Severity string `json:"severity"`
		Summary  string `json:"summary"`
		Detail   string `json:"detail"`
	} `json:"diagnostic"`
}

// stream runs a command and prints the relevant lines of its output.
func (t *terraform) stream(ctx context.Context, args ...string) error {
	cmd := t.command(ctx, args)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) == nil {
			show(m, args[0])
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("terraform %s: %w\n%s", args[0], err, stderr.String())
	}
	return lines.Err()
}

// show prints a message unless it is noise: an apply repeats the changes and
// warnings of its plan.
func show(m message, command string) {
	switch m.Type {
	case "planned_change":
		if command == "plan" {
			say("%s", m.Message)
		}
	case "change_summary", "apply_complete":
		say("%s", m.Message)
	case "diagnostic":
		d := m.Diagnostic
		if strings.HasPrefix(d.Summary, "Provider development overrides") || d.Severity == "warning" && command == "apply" {
			return
		}
		say("%s: %s\n%s", strings.ToUpper(d.Severity[:1])+d.Severity[1:], d.Summary, d.Detail)
		if strings.Contains(d.Detail, "TF_VAR_email_column") {
			say("For make demo, write it as EMAIL_COLUMN=\"name of the column\".")
		}
	}
}
