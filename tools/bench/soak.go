package main

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// The soak test: as many exports as a large configuration has, applied several times
// by one process, as many at a time as Terraform makes.
const (
	soakExports = 30
	soakRows    = 20_000
	soakApplies = 3
	soakAtOnce  = 10
)

// residue is what a process keeps after an apply.
type residue struct {
	Heap       float64 // MiB that are live after a garbage collection
	Goroutines int
}

// soak runs the workload several times in this process and returns what is left after
// each time.
func (w workload) soak(ctx context.Context) (left []residue, err error) {
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	for range soakApplies {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(soakAtOnce)
		for _, list := range w.ListIDs {
			one := w
			one.ListIDs = []string{list}
			g.Go(func() error { return runAll(ctx, client, one) })
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		left = append(left, newResidue())
	}
	return left, nil
}

func newResidue() residue {
	var m runtime.MemStats
	for range 2 { // the second collection frees what finalizers held
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return residue{Heap: float64(m.HeapAlloc) / (1 << 20), Goroutines: runtime.NumGoroutine()}
}

// soak measures under Klaviyo's limits what many exports to one account leave behind.
func (b *suite) soak(ctx context.Context) error {
	rows := b.rows(soakRows)
	if err := writeSegment(b.path, rows, 0); err != nil {
		return err
	}
	server, run, err := startSimulator(b.path, rows, soakExports, true)
	if err != nil {
		return err
	}
	defer server.Close()
	run.Kind, run.Track = "soak", true
	c, err := measure(ctx, run)
	if err != nil {
		return err
	}
	first, last := c.Left[0], c.Left[len(c.Left)-1]
	const name = "30 exports of 20,000 rows, applied 3 times under Klaviyo's limits: "
	b.add(name+"answers 429", float64(server.Throttled()), 0, "%.0f")
	b.add(name+"seconds", c.Wall, -1, "%.0f")
	b.add(name+"peak memory, MiB", c.Peak, 300, "%.0f")
	b.add(name+"live heap after the first apply, MiB", first.Heap, -1, "%.1f")
	b.add(name+"more MiB after the last one", last.Heap-first.Heap, 2, "%.1f")
	b.add(name+"goroutines after the first apply", float64(first.Goroutines), -1, "%.0f")
	b.add(name+"more of them after the last one", float64(last.Goroutines-first.Goroutines), 4, "%.0f")
	return nil
}
