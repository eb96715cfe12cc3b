package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// suite measures and collects the figures.
type suite struct {
	path    string // of the segment, in a directory that is removed at the end
	scale   float64
	rounds  int
	figures []figure
}

func (b *suite) add(name string, value, bar float64, format string) {
	b.figures = append(b.figures, figure{name, value, bar, format})
}

func (b *suite) rows(n int) int { return max(int(float64(n)*b.scale), 1) }

// startSimulator starts a simulator that discards imports, and returns a run
// against it.
func startSimulator(path string, rows, lists int, limits bool) (*simulator.Server, workload, error) {
	server, err := simulator.Start(simulator.Options{Discard: true, RateLimits: limits})
	if err != nil {
		return nil, workload{}, err
	}
	const key = "pk_bench"
	server.AddKey(key)
	w := workload{Kind: "run", Path: path, Rows: rows, BaseURL: server.URL, APIKey: key, AccountID: "SiMu1a"}
	for i := range lists {
		w.ListIDs = append(w.ListIDs, server.AddList(simulator.List{Name: fmt.Sprint("bench ", i)}).ID)
	}
	return server, w, nil
}

// sample is what a segment of some size costs, by round.
type sample struct {
	floor, survey, run, whole []float64 // CPU seconds
	peak                      []float64 // MiB, of survey and run in one process
}

// speed measures without Klaviyo's limits.
func (b *suite) speed(ctx context.Context) error {
	sizes := []int{10_000, 100_000, 1_000_000}
	samples := make([]sample, len(sizes))
	for i, size := range sizes {
		var err error
		if samples[i], err = b.sample(ctx, b.rows(size), false); err != nil {
			return err
		}
	}
	for i, size := range sizes {
		s, bar := samples[i], func(limit float64) float64 {
			if size < 1_000_000 {
				return -1 // the start of the process counts too much
			}
			return limit
		}
		name := tally.Thousands(int64(size)) + " rows, "
		// Other work on the machine can only add to CPU time, so the least counts.
		floor := slices.Min(s.floor)
		b.add(name+"CPU seconds of the floor", floor, -1, "%.3f")
		b.add(name+"survey: CPU / floor", slices.Min(s.survey)/floor, bar(2.8), "%.2f")
		b.add(name+"run of what was surveyed: CPU / floor", slices.Min(s.run)/floor, bar(3.3), "%.2f")
		b.add(name+"survey and run in one: CPU / floor", slices.Min(s.whole)/floor, -1, "%.2f")
		b.add(name+"run: peak memory, MiB", median(s.peak), bar(150), "%.0f")
	}
	if err := b.speedOfChanges(ctx); err != nil {
		return err
	}
	growth := func(cpu func(sample) []float64) float64 {
		each := func(few, many int) float64 { // without the start of the process
			return (slices.Min(cpu(samples[many])) - slices.Min(cpu(samples[few]))) / float64(sizes[many]-sizes[few])
		}
		return each(1, 2) / each(0, 1)
	}
	b.add("CPU of a further row, 100,000 to 1,000,000 / 10,000 to 100,000: survey", growth(func(s sample) []float64 { return s.survey }), 1.2, "%.2f")
	b.add("CPU of a further row, 100,000 to 1,000,000 / 10,000 to 100,000: run", growth(func(s sample) []float64 { return s.run }), 1.2, "%.2f")
	return nil
}

// sample measures a segment of so many rows. track says whether a sketch of it is
// made, to know its changes.
func (b *suite) sample(ctx context.Context, rows int, track bool) (s sample, err error) {
	if err := writeSegment(b.path, rows, 0); err != nil {
		return s, err
	}
	server, run, err := startSimulator(b.path, rows, 1, false)
	if err != nil {
		return s, err
	}
	defer server.Close()
	run.Track = track
	// Surveys come first: right after a run, which keeps all processors busy, they
	// are slower, and more so than their floor.
	for range b.rounds {
		floor, survey, err := besideFloor(ctx, workload{Kind: "survey", Path: b.path, Rows: rows, Track: track})
		if err != nil {
			return s, err
		}
		run.Surveyed = survey.Survey
		s.floor, s.survey = append(s.floor, floor.CPU), append(s.survey, survey.CPU)
	}
	whole := run
	whole.Surveyed = nil
	for range b.rounds {
		floor, sent, err := besideFloor(ctx, run)
		if err != nil {
			return s, err
		}
		both, err := measure(ctx, whole)
		if err != nil {
			return s, err
		}
		s.floor, s.run = append(s.floor, floor.CPU), append(s.run, sent.CPU)
		s.whole, s.peak = append(s.whole, both.CPU), append(s.peak, both.Peak)
	}
	return s, nil
}

// besideFloor measures a workload right after its floor.
func besideFloor(ctx context.Context, w workload) (floor, c cost, err error) {
	if floor, err = measure(ctx, workload{Kind: "floor", Path: w.Path, Rows: w.Rows}); err == nil {
		c, err = measure(ctx, w)
	}
	return floor, c, err
}

// memory measures how the peak grows with the rows.
func (b *suite) memory(ctx context.Context) error {
	few, many := b.rows(1_000_000), b.rows(5_000_000)
	large, err := b.peak(ctx, many, 0)
	if err != nil {
		return err
	}
	small, err := b.peak(ctx, few, 0)
	if err != nil {
		return err
	}
	long, err := b.peak(ctx, b.rows(10_000), 90_000)
	if err != nil {
		return err
	}
	b.add("5,000,000 rows, run: peak memory, MiB", large, -1, "%.0f")
	b.add("5,000,000 against 1,000,000 rows, run: bytes for each further row", (large-small)*(1<<20)/float64(many-few), 40, "%.1f")
	b.add("10,000 rows of 90 KB, run: peak memory, MiB", long, 200, "%.0f")
	return nil
}

// peak returns the peak memory of a run whose rows have padding bytes more than
// usual.
func (b *suite) peak(ctx context.Context, rows, padding int) (float64, error) {
	if err := writeSegment(b.path, rows, padding); err != nil {
		return 0, err
	}
	server, run, err := startSimulator(b.path, rows, 1, false)
	if err != nil {
		return 0, err
	}
	defer server.Close()
	var peaks []float64
	for range b.rounds {
		c, err := measure(ctx, run)
		if err != nil {
			return 0, err
		}
		peaks = append(peaks, c.Peak)
	}
	return median(peaks), nil
}

// limits measures under Klaviyo's official limits: one export, and two on one
// account at the same time.
func (b *suite) limits(ctx context.Context) error {
	rows := b.rows(1_000_000)
	if err := writeSegment(b.path, rows, 0); err != nil {
		return err
	}
	for _, exports := range []int{1, 2} {
		batches := exports * int(export.Jobs(int64(rows)))
		floor := limitFloor(batches)
		var walls []float64
		throttled := 0
		for range min(b.rounds, 3) {
			server, run, err := startSimulator(b.path, rows, exports, true)
			if err != nil {
				return err
			}
			c, err := measure(ctx, run)
			throttled += server.Throttled()
			server.Close()
			if err != nil {
				return err
			}
			walls = append(walls, c.Wall/floor)
		}
		name, bar := "1,000,000 rows under Klaviyo's limits", 1.3
		if exports == 2 {
			name, bar = "two exports of 1,000,000 rows at once, one account", 1.1
		}
		b.add(name+": wall / floor", median(walls), bar, "%.2f")
		b.add(name+": answers 429, all rounds", float64(throttled), 0, "%.0f")
	}
	return nil
}

// stop measures how long an export continues that is cancelled while it sends. It
// ignores the scale, since the export must take a while.
func (b *suite) stop(ctx context.Context) error {
	const rows = 1_000_000
	if err := writeSegment(b.path, rows, 0); err != nil {
		return err
	}
	var stops []float64
	for range b.rounds {
		server, run, err := startSimulator(b.path, rows, 1, true)
		if err != nil {
			return err
		}
		run.StopAfter = 5 * time.Second // with the limits it takes ten
		c, err := measure(ctx, run)
		server.Close()
		if err != nil {
			return err
		}
		stops = append(stops, c.Stop)
	}
	b.add("1,000,000 rows, cancelled half-way: seconds until it stops, at most", slices.Max(stops), 1, "%.3f")
	return nil
}

// limitFloor returns the minimum time of imports in seconds, under limits of 10 a
// second and 150 a minute.
func limitFloor(imports int) float64 {
	minutes := (imports - 1) / 150
	return float64(minutes)*60 + math.Ceil(float64(imports-150*minutes)/10)
}
