package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const mainModule = "github.com/klaviyo-community/terraform-provider-klaviyo"

// weight measures what users download and what every command of Terraform
// starts: the release binary. It also counts the packages that are compiled for
// it and for the tests. Neither the scale nor the rows matter.
func (b *suite) weight(ctx context.Context) error {
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", mainModule)
	if err != nil {
		return err
	}
	root = strings.TrimSpace(root)
	binary := filepath.Join(filepath.Dir(b.path), "terraform-provider-klaviyo")
	size, err := buildRelease(ctx, root, binary)
	if err != nil {
		return err
	}
	b.add("release binary, MB", size, 45, "%.1f")
	for _, count := range []struct {
		name string
		args []string
		max  float64
	}{
		{"packages that the provider links", []string{"."}, 800},
		{"packages that the tests of internal/provider compile", []string{"-test", "./internal/provider"}, 980},
		{"packages that the tests of internal/export compile", []string{"-test", "./internal/export"}, 320},
	} {
		n, err := countPackages(ctx, root, count.args...)
		if err != nil {
			return err
		}
		b.add(count.name, n, count.max, "%.0f")
	}
	return b.start(ctx, binary)
}

// start measures what starting the provider costs.
func (b *suite) start(ctx context.Context, binary string) error {
	var inits, resident []float64
	for range b.rounds {
		milliseconds, err := initTime(ctx, binary)
		if err != nil {
			return err
		}
		inits = append(inits, milliseconds)
		if runtime.GOOS != "linux" {
			continue
		}
		memory, err := idleMemory(ctx, binary)
		if err != nil {
			return err
		}
		resident = append(resident, memory)
	}
	b.add("package initialization, ms, best of all rounds", slices.Min(inits), 28, "%.1f")
	if len(resident) > 0 {
		b.add("idle provider: resident memory, MiB", median(resident), 32, "%.1f")
	}
	return nil
}

// buildRelease builds the provider with the flags of .goreleaser.yml and returns
// its size in MB.
func buildRelease(ctx context.Context, root, binary string) (float64, error) {
	if _, err := output(ctx, root, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "."); err != nil {
		return 0, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}

// countPackages counts the packages of a list, without those that go test makes
// of them: "x [y.test]" is x compiled for the tests of y, "y.test" their main.
func countPackages(ctx context.Context, root string, args ...string) (float64, error) {
	out, err := output(ctx, root, "go", append([]string{"list", "-deps"}, args...)...)
	if err != nil {
		return 0, err
	}
	packages := map[string]bool{}
	for line := range strings.Lines(out) {
		if name := strings.Fields(line)[0]; !strings.HasSuffix(name, ".test") {
			packages[name] = true
		}
	}
	return float64(len(packages)), nil
}

// initTime is how many milliseconds the packages of the provider take to
// initialize. Without Terraform the provider then ends by itself.
func initTime(ctx context.Context, binary string) (float64, error) {
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	total, packages := 0.0, 0
	for line := range strings.Lines(trace.String()) {
		var name string
		var at, took float64
		if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock", &name, &at, &took); n == 3 {
			total += took
			packages++
		}
	}
	if packages == 0 {
		return 0, fmt.Errorf("GODEBUG=inittrace=1 printed no package: %q", trace.String())
	}
	return total, nil
}

// output runs a command in a directory and returns what it prints.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as releases are built
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", cmd, err)
	}
	return string(out), nil
}
