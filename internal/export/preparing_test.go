package export_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Who interrupts a run that has not begun to send need not look for what has
// arrived.
func TestRunInterruptedAsItPreparesSentNothing(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"in the checks":   "/api/lists",
		"in the survey":   "",
		"in the opt-outs": "/api/profiles",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			limit, end := context.WithTimeout(t.Context(), hung)
			defer end()
			ctx, cancel := context.WithCancelCause(limit)
			defer cancel(nil)
			tooLate := errors.New("timeouts.create of 20m is over")
			source := people(2000)
			if path == "" {
				source.before = func(ctx context.Context, row int) error {
					if row == 1500 {
						cancel(tooLate)
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
			} else {
				w.OnRequest(func(r *http.Request) {
					if strings.HasPrefix(r.URL.Path, path) {
						cancel(tooLate)
						<-r.Context().Done()
					}
				})
			}
			_, err := w.export(source).Run(ctx, w.client, export.RunOptions{})
			asError(t, err, nil, "Export Interrupted", "timeouts.create of 20m is over.", "Nothing was sent.")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if n := len(w.imports()); n != 0 {
				t.Errorf("%d imports", n)
			}
		})
	}
}

// The log tells what a run does before it sends, and how far that is.
func TestRunLogsItsPreparation(t *testing.T) {
	t.Parallel()
	const rows = 1200
	w := newEnv(t, simulator.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	var within, unsubscribed atomic.Bool // were told
	source := people(rows)
	source.before = func(ctx context.Context, row int) error { // a chunk is read by then
		if row == 1000 {
			return until(ctx, within.Load)
		}
		return nil
	}
	w.OnRequest(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/api/profiles") && until(r.Context(), unsubscribed.Load) != nil {
			t.Error("nothing was told while the opt-outs were read")
		}
	})
	type stage struct {
		name string
		rows int64
	}
	var told []stage
	var log bytes.Buffer
	_, err := w.export(source).Run(tflogtest.RootLogger(ctx, &log), w.client, export.RunOptions{
		ProgressInterval: time.Millisecond,
		Progress: func(p export.Progress) {
			if p.Preparing == "" {
				return
			}
			if n := len(told); n > 0 && (p.Rows < told[n-1].rows || p.Preparing < told[n-1].name) || p.Accepted+p.Expected+p.Batches+p.Jobs != 0 {
				t.Errorf("told %+v after %v", p, told)
			}
			told = append(told, stage{p.Preparing, p.Rows})
			if 0 < p.Rows && p.Rows < rows {
				within.Store(true)
			}
			if p.Preparing == "reading who unsubscribed" {
				unsubscribed.Store(true)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []stage
	for _, entry := range saying(logged(t, &log), "Preparing to export") {
		name, _ := entry["stage"].(string)
		n, ok := entry["rows"].(float64)
		if !ok || entry["@level"] != "info" {
			t.Errorf("entry %v", entry)
		}
		got = append(got, stage{name, int64(n)})
	}
	if len(told) == 0 || !isSubsequence(told, got) { // a busy listener misses some
		t.Fatalf("logged %v, told %v", got, told)
	}
	if last := got[len(got)-1]; last != (stage{"reading who unsubscribed", rows}) {
		t.Errorf("in the end %v", last)
	}
	if !slices.ContainsFunc(got, func(s stage) bool { return s.name == "reading the segments" && 0 < s.rows && s.rows < rows }) {
		t.Errorf("nothing in between is logged: %v", got)
	}
}

// isSubsequence reports whether part is what is left of all when some are left out.
func isSubsequence[T comparable](part, all []T) bool {
	for _, one := range part {
		at := slices.Index(all, one)
		if at < 0 {
			return false
		}
		all = all[at+1:]
	}
	return true
}
