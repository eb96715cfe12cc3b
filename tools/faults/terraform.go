package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// terraform runs the CLI in a folder of its own.
type terraform struct {
	path, dir string
	env       []string
	cli       string // path of the CLI configuration
	log       strings.Builder
}

func newTerraform(path, dir, url string) *terraform {
	return &terraform{path: path, dir: dir, env: append(os.Environ(),
		"TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_WORKSPACE=", "TF_LOG=", "KLAVIYO_RETRY_TIMEOUT=", "KLAVIYO_REQUEST_TIMEOUT=",
		"KLAVIYO_BASE_URL="+url, "KLAVIYO_API_KEY="+key)}
}

// result is how a command ended.
type result struct {
	code        int
	diagnostics []diagnostic
}

type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
}

// find returns the first diagnostic of a severity whose summary begins with some words.
func (r result) find(severity, summary string) (diagnostic, bool) {
	for _, d := range r.diagnostics {
		if d.Severity == severity && strings.HasPrefix(d.Summary, summary) {
			return d, true
		}
	}
	return diagnostic{}, false
}

// errors are the summaries of all errors.
func (r result) errors() string {
	var all []string
	for _, d := range r.diagnostics {
		if d.Severity == "error" {
			all = append(all, d.Summary)
		}
	}
	return strings.Join(all, ", ")
}

// run runs a command that prints messages as JSON. The error is nil however the
// command ends.
func (t *terraform) run(ctx context.Context, args ...string) (result, error) {
	out, code, err := t.output(ctx, args...)
	if err != nil {
		return result{}, err
	}
	fmt.Fprintf(&t.log, "$ terraform %s\n", strings.Join(args, " "))
	r := result{code: code}
	for line := range bytes.Lines(out) {
		var message struct {
			Type       string     `json:"type"`
			Message    string     `json:"@message"`
			Diagnostic diagnostic `json:"diagnostic"`
		}
		if json.Unmarshal(line, &message) != nil {
			t.log.Write(line)
			continue
		}
		if strings.HasPrefix(message.Diagnostic.Summary, "Provider development overrides") {
			continue
		}
		if message.Type == "diagnostic" {
			r.diagnostics = append(r.diagnostics, message.Diagnostic)
			message.Message += "\n" + message.Diagnostic.Detail
		}
		fmt.Fprintln(&t.log, message.Message)
	}
	return r, nil
}

// read reads the outputs of the configuration.
func (t *terraform) read(ctx context.Context) (outputs, error) {
	out, code, err := t.output(ctx, "output", "-json")
	if err == nil && code != 0 {
		err = fmt.Errorf("terraform output: %s", out)
	}
	var all struct {
		ListID  struct{ Value string }  `json:"list_id"`
		LastRun struct{ Value lastRun } `json:"last_run"`
	}
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	return outputs{all.ListID.Value, all.LastRun.Value}, err
}

type outputs struct {
	listID  string
	lastRun lastRun
}

// lastRun is what the export says of its last run.
type lastRun struct {
	Status string `json:"status"`
	Sent   string `json:"sent"`
}

// hangGuard is more than any command takes.
const hangGuard = 5 * time.Minute

func (t *terraform) output(ctx context.Context, args ...string) (out []byte, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, hangGuard)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.Dir, cmd.Env = t.dir, slices.Concat(t.env, []string{"TF_CLI_CONFIG_FILE=" + t.cli})
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return both.Bytes(), exit.ExitCode(), nil
	}
	return both.Bytes(), 0, err
}

func (t *terraform) write(name, content string) error {
	return os.WriteFile(filepath.Join(t.dir, name), []byte(content), 0o600)
}
