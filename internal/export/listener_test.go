package export_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// stuckListener is a listener whose call does not return before the test is
// over.
type stuckListener struct {
	once    sync.Once
	entered chan struct{} // closed by the call
	release chan struct{}
}

func newStuckListener(t *testing.T) *stuckListener {
	t.Helper()
	l := &stuckListener{entered: make(chan struct{}), release: make(chan struct{})}
	t.Cleanup(func() { close(l.release) })
	return l
}

func (l *stuckListener) take(export.Progress) {
	l.once.Do(func() { close(l.entered) })
	<-l.release
}

func (l *stuckListener) options() export.RunOptions {
	return export.RunOptions{ProgressInterval: time.Millisecond, Progress: l.take}
}

// wait lets a request or a source wait until the listener is stuck.
func (l *stuckListener) wait(ctx context.Context) error {
	select {
	case <-l.entered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended fails the test if a run does not end at all.
func ended(t *testing.T, run func() (*export.Result, error)) (*export.Result, error) {
	t.Helper()
	type outcome struct {
		result *export.Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := run()
		done <- outcome{result, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-time.After(time.Minute):
		t.Fatal("the run does not end")
		return nil, nil
	}
}

// A listener that is stuck, in the preparation or while the run sends, takes
// nothing from the result.
func TestRunEndsWhateverItsListenerDoes(t *testing.T) {
	t.Parallel()
	for name, reading := range map[string]int{"preparing": 1, "sending": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			l := newStuckListener(t)
			source := people(1200)
			opened := 0
			source.before = func(ctx context.Context, row int) error {
				if row == 0 {
					opened++
				}
				if row == 1000 && opened == reading {
					return l.wait(ctx)
				}
				return nil
			}
			options := l.options()
			if name == "sending" {
				options.Progress = func(p export.Progress) {
					if p.Preparing == "" {
						l.take(p)
					}
				}
			}
			result, err := ended(t, func() (*export.Result, error) { return w.export(source).Run(t.Context(), w.client, options) })
			if err != nil || result.Exported != 1200 {
				t.Errorf("result %+v, error %v", result, err)
			}
		})
	}
}

// An interruption is reported although the listener is stuck.
func TestRunIsInterruptedWhateverItsListenerDoes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		at   func(*http.Request) bool // the request that is under way
		says string
	}{
		"preparing": {func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/flow-triggers") }, "Nothing was sent."},
		"sending":   {isPoll, "accepted but not finished 1 job with 3 profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{QueueDelay: time.Hour})
			l := newStuckListener(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.OnRequest(func(r *http.Request) {
				if tc.at(r) {
					if l.wait(r.Context()) == nil {
						cancel()
					}
					<-r.Context().Done()
				}
			})
			_, err := ended(t, func() (*export.Result, error) { return w.export(people(3)).Run(ctx, w.client, l.options()) })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			asError(t, err, nil, "Export Interrupted", tc.says)
		})
	}
}

// A listener that is busy when the run ends still gets the last report, and no
// other: what came in between has been replaced.
func TestRunWaitsForTheLastReport(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	entered, counted := make(chan struct{}), make(chan struct{})
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost {
			<-entered // the listener has begun before anything is accepted
		}
		if r.URL.Query().Has("additional-fields[list]") && r.Context().Err() == nil { // the last request of the run
			close(counted)
		}
	})
	var reports []export.Progress
	_, err := ended(t, func() (*export.Result, error) {
		return w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{ProgressInterval: time.Millisecond, Progress: func(p export.Progress) {
			reports = append(reports, p)
			if len(reports) == 1 {
				close(entered)
				<-counted
			}
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || reports[1].Finished != 1 || reports[1].Expected != 3 {
		t.Errorf("the listener was told %+v", reports)
	}
}
