// Command faults shows what becomes of an export when something goes wrong in the
// middle of it: it drives the built provider through Terraform against a simulated
// Klaviyo, for each fault and each way to export, and prints what was promised and
// what was seen.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	root := flag.String("root", ".", "root folder of the project")
	terraform := flag.String("terraform", "terraform", "Terraform to run")
	only := flag.String("only", "", "play only faults whose name contains this")
	way := flag.String("mode", "", "play only this mode: "+strings.Join(modeNames(), ", "))
	verbose := flag.Bool("v", false, "print what Terraform said in cells that are not as promised")
	parallel := flag.Int("parallel", 2, "cells that are played at a time")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	cells, err := selected(*only, mode(*way))
	if err == nil {
		err = run(ctx, cells, *root, *terraform, *parallel, *verbose)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// selected returns the cells of the matrix that were asked for.
func selected(only string, way mode) ([]*cell, error) {
	if way != "" && !slices.Contains(modes, way) {
		return nil, fmt.Errorf("-mode %s is not one of %s", way, strings.Join(modeNames(), ", "))
	}
	var cells []*cell
	for i := range faults {
		for _, m := range modes {
			if strings.Contains(faults[i].name, only) && (way == "" || way == m) {
				cells = append(cells, &cell{fault: &faults[i], mode: m})
			}
		}
	}
	if cells == nil {
		return nil, fmt.Errorf("no fault has %q in its name", only)
	}
	return cells, nil
}

func run(ctx context.Context, cells []*cell, root, terraform string, parallel int, verbose bool) error {
	dir, err := os.MkdirTemp("", "klaviyo-faults-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, root, dir); err != nil {
		return err
	}
	started := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, c := range cells {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.play(ctx, terraform, dir, filepath.Join(dir, fmt.Sprint(i)))
			fmt.Fprintf(os.Stderr, "%3d of %d  %s, %s: %s\n", i+1, len(cells), c.fault.name, c.mode, c.verdict())
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return report(os.Stdout, cells, time.Since(started), verbose)
}

// report prints the table. The error says how many cells are not as promised.
func report(out io.Writer, cells []*cell, took time.Duration, verbose bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "fault\tmode\tpromised\tseen\tlist after the next apply\t")
	broken := 0
	for _, c := range cells {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.fault.name, c.mode, c.promise(), c.seen, c.next, c.verdict())
		if !c.kept() {
			broken++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range cells {
		if verbose && !c.kept() {
			fmt.Fprintf(out, "\n== %s, %s: %s\n%s\n", c.fault.name, c.mode, strings.Join(c.broken, "; "), c.log)
		}
	}
	fmt.Fprintf(out, "\n%d cells in %s.\n", len(cells), took.Round(time.Second))
	if broken > 0 {
		return fmt.Errorf("%d of %d cells are not as promised", broken, len(cells))
	}
	return nil
}

// build compiles the provider, and writes a CLI configuration that uses it, and one
// that uses it on a full disk.
func build(ctx context.Context, root, dir string) error {
	const name = "terraform-provider-klaviyo"
	binary := filepath.Join(dir, "bin", name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(full, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(full, name), []byte(fullDisk(binary)), 0o700); err != nil {
		return err
	}
	for config, bin := range map[string]string{usual: filepath.Dir(binary), onFullDisk: full} {
		content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"klaviyo-community/klaviyo\" = %q\n  }\n  direct {}\n}\n", bin)
		if err := os.WriteFile(filepath.Join(dir, config), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// The CLI configurations.
const (
	usual      = "usual.tfrc"
	onFullDisk = "full.tfrc"
)

// fullDisk is a script that runs a provider whose files cannot grow beyond 1 KB, so
// that the rejects file can be begun and not be finished.
func fullDisk(binary string) string {
	return fmt.Sprintf("#!/bin/sh\ntrap '' XFSZ\nulimit -f 1\nexec '%s' \"$@\"\n", binary)
}
