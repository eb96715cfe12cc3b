// Command bench measures what the engine costs and prints it as ratios to a
// floor that was measured in the same run: seconds differ from machine to
// machine, ratios hardly do.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func main() {
	sizes := flag.String("rows", "10000,100000,1000000", "numbers of rows, separated by commas")
	rounds := flag.Int("rounds", 3, "how often each figure is measured; the median counts")
	spec := flag.String("job", "", "used by the program itself")
	flag.Parse()

	ctx := context.Background()
	var err error
	if *spec != "" {
		err = do(ctx, *spec)
	} else {
		err = bench(ctx, os.Stdout, *sizes, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, out io.Writer, sizes string, rounds int) error {
	dir, err := os.MkdirTemp("", "klaviyo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(out, "Medians of %d rounds. Floor: CPU of merely parsing the same file with encoding/csv.\n\n", rounds)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rows\tsurvey CPU / floor\tsurvey peak MiB\trun CPU / floor\trun peak MiB\t")
	for size := range strings.SplitSeq(sizes, ",") {
		rows, err := strconv.Atoi(size)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, "segment.csv")
		if err := writeSegment(path, rows); err != nil {
			return err
		}
		if err := benchSize(ctx, table, path, rows, rounds); err != nil {
			return err
		}
	}
	return table.Flush()
}

// benchSize measures floor, survey and run side by side, round by round.
func benchSize(ctx context.Context, out io.Writer, path string, rows, rounds int) error {
	klaviyo, err := simulator.Start(simulator.Options{Discard: true})
	if err != nil {
		return err
	}
	defer klaviyo.Close()
	const key = "pk_bench"
	klaviyo.AddKey(key)
	list := klaviyo.AddList(simulator.List{Name: "bench"})
	run := job{Kind: "run", Path: path, Rows: rows, BaseURL: klaviyo.URL, APIKey: key, AccountID: "SiMu1a", ListID: list.ID}

	var survey, surveyPeak, sent, sentPeak []float64
	for range rounds {
		floor, err := measure(ctx, job{Kind: "floor", Path: path, Rows: rows})
		if err != nil {
			return err
		}
		s, err := measure(ctx, job{Kind: "survey", Path: path, Rows: rows})
		if err != nil {
			return err
		}
		r, err := measure(ctx, run)
		if err != nil {
			return err
		}
		survey, surveyPeak = append(survey, s.CPU/floor.CPU), append(surveyPeak, s.Peak)
		sent, sentPeak = append(sent, r.CPU/floor.CPU), append(sentPeak, r.Peak)
	}
	_, err = fmt.Fprintf(out, "%d\t%.2f\t%.0f\t%.2f\t%.0f\t\n", rows, median(survey), median(surveyPeak), median(sent), median(sentPeak))
	return err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
