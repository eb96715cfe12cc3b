package export_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const mebibyte = 1 << 20

// gcMetric reads what the runtime tells of its collector.
func gcMetric(name string) float64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64())
}

// gcHeadroom is how many MiB are added to what the last collection left before
// there is a next one.
func gcHeadroom() float64 {
	return (gcMetric("/gc/heap/goal:bytes") - gcMetric("/gc/heap/live:bytes")) / mebibyte
}

// percentBefore is the percentage of the process when there are no runs.
const percentBefore = 70

// tuned is an env in a process that is tuned in an environment with this GOGC.
func tuned(t *testing.T, gogc string) *env {
	t.Helper()
	was := debug.SetGCPercent(percentBefore)
	t.Cleanup(func() { debug.SetGCPercent(was) })
	t.Setenv("GOGC", gogc)
	export.TuneMemory()
	return newEnv(t, simulator.Options{})
}

// While there are runs or surveys the room for garbage is the same however much
// is in use, from the beginning of the first to the end of the last, also if one
// fails.
func TestGarbageIsLimited(t *testing.T) { //nolint:paralleltest // about the whole process
	w := tuned(t, "")
	outer, inner := people(3), people(3)
	broken := errors.New("the disk is gone")
	inner.before = func(context.Context, int) error { return broken }
	limited := func(when string) {
		if gcMetric("/gc/gogc:percent") == percentBefore {
			t.Errorf("%s: the percentage is still %d", when, percentBefore)
		}
	}
	outer.before = func(ctx context.Context, _ int) error {
		limited("at the beginning")
		if _, err := w.export(inner).Run(ctx, w.client, export.RunOptions{}); !errors.Is(err, broken) {
			t.Errorf("the run in between: %v", err)
		}
		limited("after the run in between")
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		for _, held := range []int{20, 200} {
			data := make([]byte, held*mebibyte)
			runtime.GC()
			if err := until(ctx, func() bool { room := gcHeadroom(); return 20 < room && room < 30 }); err != nil {
				t.Errorf("with %d MiB in use the garbage has room for %.0f MiB: %v", held, gcHeadroom(), err)
				return err
			}
			runtime.KeepAlive(data)
		}
		return nil
	}
	for kind, read := range map[string]func(){
		"run": func() { w.run(t, w.export(outer)) },
		"survey": func() {
			if _, err := w.export(outer).Survey(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		read()
		if now := gcMetric("/gc/gogc:percent"); now != percentBefore {
			t.Errorf("%.0f per cent after the %s", now, kind)
		}
	}
}

// The environment has the last word on when garbage is collected.
func TestGarbageIsLimitedAsTheEnvironmentSays(t *testing.T) { //nolint:paralleltest // about the whole process
	w := tuned(t, "200")
	s := people(3)
	s.before = func(context.Context, int) error {
		if now := gcMetric("/gc/gogc:percent"); now != percentBefore {
			t.Errorf("%.0f per cent during a run", now)
		}
		return nil
	}
	w.run(t, w.export(s))
}

// BenchmarkGarbage is the largest heap while a set of hashes grows and garbage is
// made, with and without the limit.
func BenchmarkGarbage(b *testing.B) {
	for name, gogc := range map[string]string{"limited": "", "by default": "100"} {
		b.Run(name, func(b *testing.B) {
			b.Setenv("GOGC", gogc)
			export.TuneMemory()
			rows := people(1)
			largest := 0.0
			rows.before = func(_ context.Context, row int) error {
				if row > 0 {
					return nil
				}
				var hashes hashset.Set
				for i := range uint64(5_000_000) {
					hashes.Add(profile.Hash{Hi: i * 0x9e3779b97f4a7c15, Lo: i * 0xbf58476d1ce4e5b9})
					garbage = make([]byte, 64)
					if i%10_000 == 0 {
						largest = max(largest, gcMetric("/memory/classes/heap/objects:bytes")/mebibyte)
					}
				}
				runtime.KeepAlive(&hashes)
				return nil
			}
			e := &export.Export{
				Segments:   []pipeline.Segment{{Name: "s", Source: rows}},
				Mapping:    profile.Mapping{Email: "email"},
				Safeguards: export.Safeguards{MaxRejectedPercent: 100},
			}
			for b.Loop() {
				if _, err := e.Survey(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(largest, "MiB")
		})
	}
}

var garbage []byte // keeps the compiler from making none
