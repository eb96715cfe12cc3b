package export

import (
	"context"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// prepared is what is known before anything is sent.
type prepared struct {
	list    klaviyo.List
	survey  *Survey
	reader  *pipeline.Reader
	optOuts *optOutSet // nil if people are looked up as they are sent
}

// prepare does all that comes before sending, and reports its progress.
func (e *Export) prepare(ctx context.Context, client *klaviyo.Client, rejects *rejects, o RunOptions) (prepared, error) {
	now := &preparation{started: e.clock().Now(), onProgress: o.Progress}
	stop := every(o.interval(), func() { now.report(ctx, e.clock().Now()) })
	defer stop()
	p, err := e.prepareStages(ctx, client, rejects, o, now)
	if err != nil && ctx.Err() != nil {
		err = interrupted(ctx, klaviyo.WaitedFor(err), now.whenInterrupted())
	}
	return p, err
}

// prepareStages goes through the stages of prepare, and records each in now.
func (e *Export) prepareStages(ctx context.Context, client *klaviyo.Client, rejects *rejects, o RunOptions, now *preparation) (p prepared, err error) {
	list, earlier, err := e.check(ctx, client)
	if err != nil {
		return p, err
	}
	p.list = list
	now.begin("reading the segments")
	segments := e.pipeline()
	p.reader = segments.NewReader()
	if surveyed := o.Surveyed; e.mayRely(surveyed, p.reader) && surveyed.Version == segments.Version(ctx) {
		p.survey = surveyed
		err = e.CheckSurvey(surveyed)
	} else {
		p.reader.OnRows = now.read
		p.survey, err = e.survey(ctx, p.reader, rejects)
		rejects.empty()
		keepMissing(surveyed, p.survey)
	}
	if err == nil && o.Fingerprint != "" && p.survey.Fingerprint != o.Fingerprint {
		err = nothingSent(changedSincePlan())
	}
	if err != nil {
		return p, err
	}
	if err := e.CheckFlows(ctx, client, e.Joining(p.survey)); err != nil {
		return p, err
	}
	if err := e.CheckAskedOnce(list, p.survey); err != nil {
		return p, err
	}
	if err := e.CheckConfirmations(list, e.Subscribes(p.survey)); err != nil {
		return p, err
	}
	if err := e.checkKnownLeaving(ctx, client, p.survey); err != nil {
		return p, err
	}
	if err := earlier.wait(ctx, now); err != nil {
		return p, err
	}
	now.begin("reading who unsubscribed")
	p.optOuts, err = e.readOptOuts(ctx, client, e.Sends(p.survey))
	return p, err
}

// keepMissing adds who is missing on the list, as an earlier survey has it, to the
// changes of a later survey.
func keepMissing(earlier, later *Survey) {
	if earlier != nil && later != nil && earlier.Changes != nil && later.Changes != nil && earlier.Changes.Since == later.Changes.Since {
		later.Changes.Missing = earlier.Changes.Missing
	}
}

// mayRely reports whether a run can do with a survey that was made before, as long
// as the segments are what they were. A survey does not hold the identifiers that
// are shared, so the segments are read for them.
func (e *Export) mayRely(surveyed *Survey, r *pipeline.Reader) bool {
	return surveyed != nil && surveyed.Version != "" && !r.NeedsTwoPasses() && !e.listsRows(surveyed) &&
		e.knowsChanges(surveyed) && e.knowsConsents(surveyed) && e.knowsShared(surveyed) && surveyed.Shared.Total == 0
}

// preparation is how far a run is before it sends anything.
type preparation struct {
	started    time.Time
	onProgress func(Progress)

	mu     sync.Mutex
	what   string // is being done
	advice string // shown if the stage is interrupted; may be empty
	rows   int64  // read
}

func (p *preparation) begin(what string) { p.beginWaiting(what, "") }

// beginWaiting is begin with advice that is shown if the stage is interrupted. It
// reports whether the stage is a new one.
func (p *preparation) beginWaiting(what, advice string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.what
	p.what, p.advice = what, advice
	return what != before
}

// whenInterrupted says what the run has done by then, for the error of an
// interrupted preparation.
func (p *preparation) whenInterrupted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.advice == "" {
		return "Nothing was sent."
	}
	return "Nothing was sent. " + p.advice
}

func (p *preparation) read(rows int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows = rows
}

func (p *preparation) report(ctx context.Context, at time.Time) {
	p.mu.Lock()
	now := Progress{Preparing: p.what, Elapsed: at.Sub(p.started), Rows: p.rows, Repeating: klaviyo.Retrying(ctx)}
	p.mu.Unlock()
	if now.Preparing == "" { // checks are reported only while a request of theirs is retried
		if now.Repeating == "" {
			return
		}
		now.Preparing = "checking the connection and the list"
	}
	logging.Info(ctx, "Preparing to export", logging.Fields{"stage": now.Preparing, "rows": now.Rows, "repeating": now.Repeating})
	if p.onProgress != nil {
		p.onProgress(now)
	}
}
