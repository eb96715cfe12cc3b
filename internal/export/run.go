package export

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Result is what a run did. Every row read is in exactly one of Exported,
// Duplicates, Withheld, Rejected and Refused.
type Result struct {
	ID          string
	StartedAt   time.Time
	CompletedAt time.Time

	Survey // of the segments as they were sent

	Withheld int64 // profiles not sent, since they unsubscribed from the list
	Exported int64 // profiles that a finished job acknowledged
	Refused  Tally // profiles that Klaviyo did not import
	Unwanted Tally // values that Klaviyo refused and that were then left out
	Jobs     int64

	ListName         string
	ListProfileCount int64 // members of the list after the run; -1 when they could not be counted
}

// Submitted is the number of profiles that were sent to Klaviyo.
func (r *Result) Submitted() int64 { return r.Profiles - r.Withheld }

// uploaders is how many batches are on their way at once: enough to use the
// ten imports a second that Klaviyo allows when each takes half a second.
const uploaders = 6

// run is one export under way.
type run struct {
	export *Export
	client *klaviyo.Client
	counts counter
	report report

	optOuts  *hashSet // addresses not to be sent
	withheld int64    // the packer's own while it runs

	free     chan *batch   // to be filled
	batches  chan *batch   // to be sent
	uploaded chan struct{} // closed once all are
	ledger   ledger
}

// Run exports the segments. It checks everything that can be checked before it
// sends anything, and returns when Klaviyo has finished with every profile.
// When it fails half-way, running it again is harmless and makes good what is
// missing.
func (e *Export) Run(ctx context.Context, client *klaviyo.Client) (*Result, error) {
	list, optOuts, err := e.prepare(ctx, client)
	if err != nil {
		if ctx.Err() != nil {
			return nil, interrupted(ctx, "Nothing was sent.")
		}
		return nil, err
	}
	r := &run{
		export: e, client: client, optOuts: optOuts,
		free:     make(chan *batch, uploaders+1),
		batches:  make(chan *batch),
		uploaded: make(chan struct{}),
		ledger:   ledger{open: map[string][]sent{}},
	}
	for range cap(r.free) {
		r.free <- &batch{}
	}
	result := &Result{ID: rand.Text(), StartedAt: time.Now().UTC(), ListName: list.Name}
	ctx = tflog.SetField(ctx, "run", result.ID)
	if err := r.stream(ctx); err != nil {
		return nil, r.failure(ctx, err)
	}
	result.CompletedAt = time.Now().UTC()
	result.Survey = *r.counts.survey()
	result.Refused, result.Unwanted = r.report.refused, r.report.unwanted
	result.Withheld = r.withheld
	result.Exported = result.Submitted() - result.Refused.Total
	result.Jobs = r.ledger.finished
	return result, e.countList(ctx, client, result)
}

// prepare does all that comes before sending.
func (e *Export) prepare(ctx context.Context, client *klaviyo.Client) (klaviyo.List, *hashSet, error) {
	list, err := e.check(ctx, client)
	if err != nil {
		return list, nil, err
	}
	if _, err := e.Survey(ctx); err != nil {
		return list, nil, err
	}
	optOuts, err := e.optOuts(ctx, client)
	return list, optOuts, err
}

// countList reads how the list is now. All profiles have arrived by then, so
// that this cannot be found out does not fail the run.
func (e *Export) countList(ctx context.Context, client *klaviyo.Client, result *Result) error {
	list, err := client.ListWithCount(ctx, e.ListID)
	switch {
	case klaviyo.IsNotFound(err):
		return ListError(e.ListID, err)
	case err != nil:
		tflog.Warn(ctx, "The members of the list were not counted", map[string]any{"list": e.ListID, "reason": err.Error()})
		result.ListProfileCount = -1
	default:
		result.ListProfileCount = list.ProfileCount
	}
	return nil
}

// stream runs the stages side by side until all rows are settled.
func (r *run) stream(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(r.batches)
		return r.pack(ctx)
	})
	var uploading sync.WaitGroup
	for range uploaders {
		uploading.Add(1)
		g.Go(func() error {
			defer uploading.Done()
			for b := range r.batches {
				if err := r.upload(ctx, b); err != nil {
					return err
				}
				b.reset()
				r.free <- b
			}
			return nil
		})
	}
	g.Go(func() error {
		uploading.Wait()
		close(r.uploaded)
		return nil
	})
	g.Go(func() error { return r.follow(ctx) })
	return g.Wait()
}

// pack fills batches with the profiles of the segments.
func (r *run) pack(ctx context.Context) error {
	var b *batch
	flush := func(ctx context.Context) error {
		if b == nil {
			return nil
		}
		select {
		case r.batches <- b:
			b = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := r.export.encodeSegments(ctx, true, func(ctx context.Context, c *chunk) error {
		return r.counts.take(c, func(p encoded, start int) error {
			json := c.json[start:p.end]
			if r.optOuts.has(p.info.Email) {
				r.withheld++
				return nil
			}
			if b != nil && !b.fits(len(json)) {
				if err := flush(ctx); err != nil {
					return err
				}
			}
			if b == nil {
				select {
				case b = <-r.free:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			b.add(Row{c.segment, p.row}, p.info.Email, json)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return flush(ctx)
}

// report collects what Klaviyo says of single profiles, from several
// goroutines.
type report struct {
	mu       sync.Mutex
	refused  Tally // profiles
	unwanted Tally // values
}

func (r *report) reject(row Row, code string, target profile.Target, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused.add(row, code, target, words)
}

// drop records a value that Klaviyo did not want.
func (r *report) drop(row Row, t profile.Target, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwanted.add(row, codeDropped, t, words)
}
