// Package bulk sends profiles to Klaviyo in bulk import jobs, and finds out what
// became of each: it fills batches, sends them side by side, takes out what
// Klaviyo refuses, follows the jobs, and settles every profile. It knows nothing
// of segments but the position of each row.
package bulk

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// uploaders is how many batches are under way at once: enough to use the ten
// imports a second that Klaviyo allows when each takes a second.
const uploaders = 10

// Options are how profiles are imported.
type Options struct {
	ListID string // that the profiles are added to

	// Limits are the most that a batch holds; zero for as much as Klaviyo takes.
	Limits Limits

	// OnReject is called for each profile that is not imported, unless it is nil.
	OnReject func(row tally.Row, code, reason string)

	// OnFailure is told of each profile that is not imported, if it is set. If it
	// returns true, the profile will be sent again by a further [Import.Run] and is
	// not rejected. It may be called by several goroutines at once.
	OnFailure func(f Failure) (again bool)

	// Clock tells the time and waits between polls; nil for the clock of the machine.
	Clock wait.Clock
}

// Import is an import of profiles that is under way or over.
type Import struct {
	client  *klaviyo.Client
	clock   wait.Clock
	listID  string
	started time.Time

	Report    Report // may be read once the import is over
	onFailure func(Failure) bool

	tooLarge atomic.Int64 // profiles that alone were too large for an import
	refusals atomic.Int64 // imports that were refused because of single profiles
	regions  regions      // whose phone numbers are left out

	minHalved int   // bytes of a batch that is worth halving
	begun     int64 // batches; of the packer
	again     bool  // the profiles have been sent before, and are sent once more

	pool     *batchPool
	batches  chan *batch   // to be sent
	uploaded chan struct{} // closed once all are
	ledger   ledger
	lost     *lostJobs
	held     heldUp
	sent     atomic.Bool // Klaviyo may have got a profile
}

// New returns an import that has sent nothing yet.
func New(client *klaviyo.Client, o Options) *Import {
	limits := cmp.Or(o.Limits, importLimits)
	clock := cmp.Or[wait.Clock](o.Clock, wait.System{})
	return &Import{
		client: client, clock: clock, listID: o.ListID, started: clock.Now(),
		Report:    Report{onReject: o.OnReject},
		onFailure: o.OnFailure,
		minHalved: limits.Bytes / minHalvedPart,
		pool:      newBatchPool(uploaders+1, limits),
		ledger:    newLedger(),
		lost:      newLostJobs(),
	}
}

// Started is when the import was made.
func (im *Import) Started() time.Time { return im.started }

// Run imports all that fill adds, and returns when Klaviyo has finished with
// every profile. fill is called once, and the packer it gets is for its goroutine
// only. When fill fails, what it has added last is not sent. Run may be called
// again once it has returned, for profiles that are to be sent again.
func (im *Import) Run(ctx context.Context, fill func(ctx context.Context, p *Packer) error) error {
	im.batches, im.uploaded = make(chan *batch), make(chan struct{})
	im.again = im.begun > 0
	im.ledger.begin(im.again)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(im.batches)
		p := &Packer{im: im}
		if err := fill(ctx, p); err != nil {
			return err
		}
		if err := p.flush(ctx); err != nil {
			return err
		}
		im.ledger.packedAll()
		return nil
	})
	var uploading sync.WaitGroup
	for range uploaders {
		uploading.Add(1)
		g.Go(func() error {
			defer uploading.Done()
			for b := range im.batches {
				if err := im.upload(ctx, b); err != nil {
					return err
				}
				im.pool.put(b)
			}
			return nil
		})
	}
	g.Go(func() error {
		uploading.Wait()
		close(im.uploaded)
		return nil
	})
	g.Go(func() error { return im.follow(ctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	return im.checkAccepted()
}

// Packer fills batches with profiles.
type Packer struct {
	im    *Import
	batch *batch // that is being filled, or nil
}

// Add adds a profile: where its row is, what tells it from others, and its
// JSON:API resource object, which is copied. It blocks while as many batches are
// under way as may be.
func (p *Packer) Add(ctx context.Context, row tally.Row, id ID, json []byte) error {
	if p.batch != nil && !p.batch.fits(len(json)) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.batch == nil {
		b, err := p.im.pool.get(ctx)
		if err != nil {
			return err
		}
		p.im.begun++
		b.begin(p.im.begun)
		p.batch = b
	}
	p.batch.add(row, id, json)
	return nil
}

// flush hands the batch over to an uploader.
func (p *Packer) flush(ctx context.Context) error {
	if p.batch == nil {
		return nil
	}
	last, profiles := p.batch.span().last, len(p.batch.profiles) // the uploader owns the batch once it is sent
	select {
	case p.im.batches <- p.batch:
		p.batch = nil
		p.im.ledger.pack(last, profiles)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Progress is how far an import is.
type Progress struct {
	Accepted int64 // profiles in jobs that Klaviyo accepted
	Settled  int64 // of those, in jobs that are done
	Batches  int64 // filled
	Jobs     int64 // accepted
	Finished int64 // of these jobs
}

// Progress may be called while the import runs.
func (im *Import) Progress() Progress {
	l := &im.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	return Progress{Accepted: l.accepted, Settled: l.settled, Batches: l.batches, Jobs: l.jobs, Finished: l.finished}
}

// Sent reports whether Klaviyo has got a profile, or may have.
func (im *Import) Sent() bool { return im.sent.Load() }

// Exported is how many profiles finished jobs have acknowledged.
func (im *Import) Exported() int64 {
	im.ledger.mu.Lock()
	defer im.ledger.mu.Unlock()
	return im.ledger.exported
}

// Explain says why an import ended early, and what Klaviyo has of it by then. The
// advice says what to do in the end: "Apply again". All that it started must have
// ended.
func (im *Import) Explain(ctx context.Context, advice string) string {
	im.ledger.warn(ctx)
	return im.ledger.inWords(advice)
}

// HeldUp says in sentences what held the import up, for the error if it is
// interrupted; empty if that is not known.
func (im *Import) HeldUp() string { return im.held.String() }
