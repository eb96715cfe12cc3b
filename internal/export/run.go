package export

import (
	"cmp"
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Result is what a run did. Every row read is in exactly one of Exported,
// Duplicates, Withheld, Rejected, Refused and Unconfirmed.
type Result struct {
	ID          string
	StartedAt   time.Time
	CompletedAt time.Time

	Survey // of the segments as they were sent

	Withheld int64       // profiles not sent, since they unsubscribed from the list
	Exported int64       // profiles that a finished job acknowledged
	Refused  tally.Tally // profiles that Klaviyo did not import
	Unwanted tally.Tally // values that Klaviyo refused and that were then left out

	// Unconfirmed are profiles that a finished job counts neither as imported
	// nor as failed.
	Unconfirmed Unconfirmeds

	Jobs int64

	ListName         string
	ListProfileCount int64 // members of the list after the run; -1 when they could not be counted
}

// Submitted is the number of profiles that were sent to Klaviyo.
func (r *Result) Submitted() int64 { return r.Profiles - r.Withheld }

// RunOptions are how a run is made. The zero value is a run of its own, that
// tells nobody.
type RunOptions struct {
	// Fingerprint is what the segments must still have, or nothing is sent, and
	// must have when they are read for sending, or the last batch is not; empty
	// for whatever they hold.
	Fingerprint string

	// Surveyed is a survey of this export. As long as the segments are what
	// they were then, they are not read once more before anything is sent.
	Surveyed *Survey

	// Progress is told how far the run is, at most one call at a time, every
	// ProgressInterval (default 5 s). The run does not wait for it: a call that
	// takes longer than the interval misses reports, but not the last one, which
	// Run waits for before it returns. A call that does not return holds Run up
	// for a second at its end. No call begins after Run has returned.
	Progress         func(Progress)
	ProgressInterval time.Duration
}

// uploaders is how many batches are on their way at once: enough to use the
// ten imports a second that Klaviyo allows when each takes a second.
const uploaders = 10

// run is one export under way.
type run struct {
	export  *Export
	client  *klaviyo.Client
	started time.Time
	counts  counter
	report  report

	expected   int64  // profiles, as surveyed
	pinned     string // the fingerprint that the segments must have; empty for any
	every      time.Duration
	onProgress func(Progress)

	optOuts  *hashSet // addresses not to be sent
	withheld int64    // the packer's own while it runs

	rejectedTooMany bool // the packer's own while it runs

	tooLarge atomic.Int64 // profiles that alone were too large for an import
	refusals atomic.Int64 // imports that were refused because of single profiles
	regions  regions      // whose phone numbers are left out

	leastHalved int // bytes of a batch that is worth halving

	pool     *batchPool
	batches  chan *batch   // to be sent
	uploaded chan struct{} // closed once all are
	ledger   ledger
	lost     *lostJobs
	held     heldUp
}

// Run exports the segments. It checks everything that can be checked before it
// sends anything, and returns when Klaviyo has finished with every profile.
// When it fails half-way, running it again is harmless and makes good what is
// missing.
func (e *Export) Run(ctx context.Context, client *klaviyo.Client, o RunOptions) (*Result, error) {
	rejects, err := e.openRejects()
	if err != nil {
		return nil, err
	}
	defer rejects.discard()
	defer limitGarbage()()
	var endReports func()
	ctx = klaviyo.WithRepeats(ctx)
	o.Progress, endReports = reportAside(o.Progress)
	defer endReports()
	before, err := e.prepare(ctx, client, rejects, o)
	if err != nil {
		return nil, err
	}
	r := e.newRun(client, before, rejects, o)
	result := &Result{ID: rand.Text(), StartedAt: r.started.UTC(), ListName: before.list.Name}
	ctx = logging.WithField(ctx, "run", result.ID)
	stop := watch(r.every, func(now time.Time) { r.tell(ctx, now) })
	err = r.stream(ctx)
	stop()
	if err == nil {
		err = r.checkAccepted()
	}
	if err != nil {
		err = r.failure(ctx, err)
		if r.rejectedTooMany {
			err = rejects.list(err)
		}
		return nil, err
	}
	r.expected = 0 // some may have been withheld or refused, but there will be no more
	r.tell(ctx, time.Now())
	if err := rejects.write(); err != nil {
		return nil, rejectsError(e.RejectsPath, err, "All profiles were sent and Klaviyo has finished with them, only the list of rejected rows is missing: "+
			"the next apply sends everything once more, which changes nothing, and makes the list.")
	}
	r.fill(result, before.survey)
	if err := e.countList(ctx, client, result); err != nil {
		return nil, err
	}
	return result, nil
}

// fill records in the result what a run that is over has done. surveyed is what
// the segments held before.
func (r *run) fill(result *Result, surveyed *Survey) {
	result.CompletedAt = time.Now().UTC()
	result.Survey = *r.counts.survey()
	if result.Fingerprint == surveyed.Fingerprint { // else it is the version of something else
		result.Version = surveyed.Version
	}
	result.Refused, result.Unwanted = r.report.refused, r.report.unwanted
	result.Unconfirmed = r.report.unconfirmed
	result.Withheld = r.withheld
	result.Exported = r.ledger.exported
	result.Jobs = r.ledger.finished
}

func changedSincePlan() error {
	return &diagnostic.Error{
		Attribute: []string{"pin_to_plan"},
		Summary:   "Segment Changed Since The Plan",
		Detail: "The segments no longer hold what the plan was made for, and pin_to_plan = true allows nothing else to be exported. " +
			"Plan again and review what changed; or set pin_to_plan = false to export what is there when the plan is applied.",
	}
}

func (e *Export) newRun(client *klaviyo.Client, before prepared, rejects *rejects, o RunOptions) *run {
	room := cmp.Or(e.room, importRoom)
	return &run{
		export: e, client: client, started: time.Now(),
		counts: counter{rejects: rejects, roster: before.roster, seen: before.seen}, report: report{rejects: rejects},
		expected: before.survey.Profiles, pinned: o.Fingerprint, every: o.every(), onProgress: o.Progress,
		optOuts:     before.optOuts,
		leastHalved: room.bytes / leastHalved,
		pool:        newBatchPool(uploaders+1, room),
		batches:     make(chan *batch),
		uploaded:    make(chan struct{}),
		ledger:      newLedger(),
		lost:        newLostJobs(),
	}
}

// countList reads how the list is now. All profiles have arrived by then, so
// that this cannot be found out does not fail the run.
func (e *Export) countList(ctx context.Context, client *klaviyo.Client, result *Result) error {
	list, err := client.ListWithCount(ctx, e.ListID)
	switch {
	case klaviyo.IsNotFound(err):
		return diagnostic.AddToDetail(ListError(e.ListID, err), " All profiles were sent and Klaviyo had finished with them before that was seen.")
	case err != nil:
		logging.Warn(ctx, "The members of the list were not counted", logging.Fields{"list": e.ListID, "reason": err.Error()})
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
				r.pool.put(b)
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
	p := packer{run: r}
	if err := p.addSegments(ctx); err != nil {
		return err
	}
	if err := r.checkPacked(); err != nil {
		return err
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	r.ledger.packedAll()
	return nil
}

// checkPacked holds what the segments turned out to be, now that all of it is
// read for sending, against what was allowed: a source may change after it was
// surveyed. The last batch, of a small export the only one, is not sent yet.
func (r *run) checkPacked() error {
	sent := r.counts.survey()
	if r.pinned != "" && sent.Fingerprint != r.pinned {
		return changedSincePlan()
	}
	if err := r.export.checkRejected(sent); err != nil {
		r.rejectedTooMany = true
		return err
	}
	return r.export.checkSize(sent.Profiles, true)
}

// packer fills one batch after the other.
type packer struct {
	run   *run
	batch *batch // that is being filled, or nil
	count int64  // of the batches begun
}

// addSegments adds all profiles that are to be sent.
func (p *packer) addSegments(ctx context.Context) error {
	r := p.run
	return r.export.encodeSegments(ctx, reading{keep: true, roster: r.counts.roster}, func(ctx context.Context, c *chunk) error {
		defer func() { r.ledger.read(r.counts.counts.Rows) }()
		return r.counts.take(c, func(e *encoded) error {
			if err := r.export.checkSize(r.counts.counts.Profiles, false); err != nil {
				return err
			}
			row := tally.Row{Segment: c.segment, Number: e.row}
			if r.optOuts.has(e.info.Email) {
				r.withheld++
				r.counts.rejects.add(row, "withheld", "the person unsubscribed from the list")
				return nil
			}
			return p.add(ctx, row, c.block, e)
		})
	})
}

// add puts a profile into the batch, into a new one if it is full.
func (p *packer) add(ctx context.Context, row tally.Row, in *block, e *encoded) error {
	if p.batch != nil && !p.batch.fits(int(e.end-e.start)) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.batch == nil {
		b, err := p.run.pool.get(ctx)
		if err != nil {
			return err
		}
		p.count++
		b.begin(p.count)
		p.batch = b
	}
	p.batch.add(row, e.info.Email, in, e.start, e.end)
	return nil
}

// flush hands the batch over to an uploader.
func (p *packer) flush(ctx context.Context) error {
	if p.batch == nil {
		return nil
	}
	last := p.batch.span().last // the batch is not ours once it is sent
	select {
	case p.run.batches <- p.batch:
		p.batch = nil
		p.run.ledger.pack(last)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// report collects what Klaviyo says of single profiles, from several
// goroutines.
type report struct {
	rejects  *rejects
	mu       sync.Mutex
	refused  tally.Tally // profiles
	unwanted tally.Tally // values

	unconfirmed Unconfirmeds // in the order of the rows
}

func (r *report) reject(row tally.Row, code string, target profile.Target, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused.Add(row, code, target, words)
	r.rejects.add(row, code, words)
}

// String says what Klaviyo said of profiles and of values, a line for each
// reason.
func (r *report) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused.String() + r.unwanted.String()
}

// drop records a value that Klaviyo did not want.
func (r *report) drop(row tally.Row, t profile.Target, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwanted.Add(row, tally.CodeDropped, t, words)
}
