package export_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// crowded is a segment of many persons that are made up as they are read, so that
// only who reads them can hold them.
type crowded struct {
	rows   int
	opened atomic.Int32
	sent   atomic.Int64 // rows read to be sent, which is the second time
}

func (s *crowded) Open(_ context.Context, names []string) (segment.Rows, error) {
	return &openCrowded{s, s.opened.Add(1) > 1, slices.Index(names, "email"), len(names), 0}, nil
}

func (*crowded) Version(context.Context) (string, error) { return "", nil }

type openCrowded struct {
	*crowded
	sending      bool
	email, width int
	next         int
}

func (*openCrowded) JSON() []bool { return nil }

func (*openCrowded) Close() error { return nil }

func (r *openCrowded) Next(dst []string) ([]string, error) {
	if r.next == r.rows {
		return dst, io.EOF
	}
	first := len(dst)
	for range r.width {
		dst = append(dst, "")
	}
	dst[first+r.email] = address(r.next)
	r.next++
	if r.sending {
		r.sent.Add(1)
	}
	return dst, nil
}

// A Klaviyo that takes nothing stops the source too: what a run holds does not
// depend on how long the segment is. And each row is still in one place: on its
// way, or not sent.
func TestRunReadsNoFasterThanItSends(t *testing.T) {
	t.Parallel()
	const batchRows, chunkRows = 1000, 512
	const atOnce = 10 // batches that are on their way
	chunks := 2*max(runtime.GOMAXPROCS(0)-1, 1) + 6
	most := (atOnce+1)*batchRows + (chunks+1)*chunkRows // rows that a run holds
	rows := 2 * most
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	w := newEnv(t, simulator.Options{})
	var held atomic.Int32
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost {
			replay(rw, record(next, r))
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		held.Add(1)
		<-r.Context().Done()
	})
	source := &crowded{rows: rows}
	e := w.export(source)
	e.SetBatchLimits(batchRows, 1<<18)
	runContext, interrupt := context.WithCancel(ctx)
	defer interrupt()
	ended := make(chan error, 1)
	go func() {
		_, err := e.Run(runContext, newClient(t, proxy, impatient), export.RunOptions{})
		ended <- err
	}()
	last, looks := int64(-1), 0
	if err := until(ctx, func() bool {
		if now := source.sent.Load(); now != last || held.Load() < atOnce {
			last, looks = now, 0
		}
		looks++
		return looks > 200
	}); err != nil {
		t.Fatalf("%d rows read and %d imports under way: %v", source.sent.Load(), held.Load(), err)
	}
	if last > int64(most) {
		t.Errorf("%d rows are read while %d imports are under way, want %d at most", last, held.Load(), most)
	}
	interrupt()
	select {
	case err := <-ended:
		asError(t, err, nil, "Export Interrupted", "Apply again")
		places := readPlaces(t, err.Error(), []int{rows})
		all := slices.Sorted(slices.Values(slices.Concat(places["under way"], places["after"])))
		if n := len(all); n != rows || len(slices.Compact(all)) != rows {
			t.Errorf("the error names %d of %d rows: %v", n, rows, err)
		}
	case <-ctx.Done():
		t.Error("the run does not end")
	}
}
