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

// simulator is a simulated Klaviyo in a process of its own.
type simulator struct {
	URL    string `json:"url"`
	APIKey string `json:"api_key"`

	binary string
	cmd    *exec.Cmd
}

// startSimulator returns once the simulator serves.
func startSimulator(ctx context.Context, binary, dir string) (*simulator, error) {
	ready := filepath.Join(dir, "klaviyo.json")
	s := &simulator{binary: binary}
	s.cmd = exec.CommandContext(ctx, binary, "-ready-file", ready, "-process-delay", "1s")
	var stderr bytes.Buffer
	s.cmd.Stderr = &stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		content, err := os.ReadFile(ready)
		if err == nil {
			return s, json.Unmarshal(content, s)
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("the simulator did not start: %s", stderr.String())
}

func (s *simulator) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait() // an interrupt is not a failure
}

// command runs a subcommand of the simulator.
func (s *simulator) command(ctx context.Context, name, listID string, args ...string) (string, error) {
	args = append([]string{name, "-url", s.URL, "-key", s.APIKey, "-list", listID}, args...)
	out, err := exec.CommandContext(ctx, s.binary, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("klaviyo-simulator %s: %s", name, exit.Stderr)
	}
	return string(out), err
}

// showMembers prints the first members of a list.
func (s *simulator) showMembers(ctx context.Context, listID string) error {
	out, err := s.command(ctx, "members", listID, "-limit", "5")
	if err == nil {
		say("the first members of the list in Klaviyo:\n%s", out)
	}
	return err
}

// memberEmails are the addresses of all members, sorted.
func (s *simulator) memberEmails(ctx context.Context, listID string) ([]string, error) {
	out, err := s.command(ctx, "members", listID, "-format", "emails")
	emails := strings.Fields(out)
	slices.Sort(emails)
	return emails, err
}

func (s *simulator) removeMembers(ctx context.Context, listID string, emails []string) error {
	_, err := s.command(ctx, "remove", listID, emails...)
	return err
}
