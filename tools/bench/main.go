// Command bench measures what the engine costs and prints it as ratios to a
// floor that was measured in the same run: seconds differ from machine to
// machine, ratios hardly do. It also measures what the provider itself weighs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

func main() {
	rounds := flag.Int("rounds", 9, "how many times each figure is measured, at most three times under limits")
	scale := flag.Float64("scale", 1, "fraction of the rows, for a quick look; the bars are for all rows")
	only := flag.String("only", "", "one of speed, changes, memory, limits, plan, stop, soak, sources, weight; all of them by default")
	spec := flag.String("workload", "", "used by the program itself")
	flag.Parse()

	ctx := context.Background()
	var err error
	if *spec != "" {
		err = runWorkload(ctx, *spec, os.Stdout)
	} else {
		err = bench(ctx, os.Stdout, *only, *scale, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench measures and prints a table, a line for each figure with its bar.
func bench(ctx context.Context, out io.Writer, only string, scale float64, rounds int) error {
	dir, err := os.MkdirTemp("", "klaviyo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &suite{path: filepath.Join(dir, "segment.csv"), scale: scale, rounds: rounds}
	for _, topic := range []struct {
		name string
		run  func(context.Context) error
	}{{"speed", b.speed}, {"changes", b.changes}, {"memory", b.memory}, {"limits", b.limits}, {"plan", b.plan}, {"stop", b.stop}, {"soak", b.soak}, {"sources", b.sources}, {"weight", b.weight}} {
		if only != "" && only != topic.name {
			continue
		}
		if err := topic.run(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "Medians of %d rounds, of at most 3 under Klaviyo's limits; of CPU the least. Floor: CPU of only parsing the same file with encoding/csv.\n\n", rounds)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tmeasured\tbar\t")
	missed := 0
	for _, f := range b.figures {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.name, f.text(f.value), f.limit(), f.verdict())
		if !f.met() {
			missed++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d figures are over their bar", missed)
	}
	return nil
}

// figure is a line of the table.
type figure struct {
	name   string
	value  float64
	bar    float64 // the maximum; negative for none
	format string
}

func (f figure) text(v float64) string { return fmt.Sprintf(f.format, v) }
func (f figure) met() bool             { return f.bar < 0 || f.value <= f.bar }

func (f figure) limit() string {
	if f.bar < 0 {
		return ""
	}
	return "<= " + f.text(f.bar)
}

func (f figure) verdict() string {
	if f.met() {
		return ""
	}
	return "OVER"
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
