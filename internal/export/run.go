package export

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Result is what a run did. Every row of the segments is in exactly one of Exported,
// Duplicates, Withheld, Unchanged, Rejected, Unconsented, Refused, Untaken and
// Unconfirmed.
type Result struct {
	ID          string
	StartedAt   time.Time
	CompletedAt time.Time

	Survey // of the segments as they were sent
	Sent

	Withheld int64        // profiles not sent, since the people opted out
	OptOuts  OptOutCounts // those withheld, by how they opted out
	Exported int64        // profiles that a finished job acknowledged
	Refused  tally.Tally  // profiles that Klaviyo does not import until their rows change
	Unwanted tally.Tally  // values that Klaviyo refused and that were then left out

	// Untaken are profiles that failed because of trouble on Klaviyo's side, or for a
	// reason that is not known and about no value. They may succeed later.
	Untaken tally.Tally

	// Unconfirmed are profiles that a finished job counts neither as imported
	// nor as failed.
	Unconfirmed bulk.Unconfirmeds

	Jobs int64

	// Subscriptions are what became of the consents, and Subscribed are those that are
	// dealt with by now, for the next run; nil if no sketches are kept.
	Subscriptions Subscriptions
	Subscribed    *sketch.Sketch

	Removed        int64 // members removed from the list who left the segments
	LeaversUnknown bool  // nobody was removed since it is not known who left

	ListName         string
	ListProfileCount int64 // members of the list after the run; -1 when they could not be counted
	Short            int64 // how many fewer they are than profiles acknowledged, opt-outs aside, if that is known
}

// Submitted is the number of profiles that were sent to Klaviyo.
func (r *Result) Submitted() int64 { return r.Profiles - r.Withheld - r.Unchanged }

// Failed is the number of sent profiles that Klaviyo did not import, for whatever
// reason.
func (r *Result) Failed() int64 { return r.Refused.Total + r.Untaken.Total }

// RunOptions are how a run is made. The zero value exports what the segments hold
// and reports no progress.
type RunOptions struct {
	// Fingerprint is what the segments must still have, or nothing is sent, and
	// must have when they are read for sending, or the last batch is not; empty
	// for whatever they hold.
	Fingerprint string

	// Surveyed is a survey of this export. As long as the segments are what
	// they were then, they are not read once more before anything is sent.
	Surveyed *Survey

	// Sample is filled with a sample of the people that the run has read, if it is
	// set.
	Sample *Sample

	// Progress is called with how far the run is, at most one call at a time, every
	// ProgressInterval (default 5 s). The run does not wait for it: a call that
	// takes longer than the interval misses reports, but not the last one, which
	// Run waits for before it returns. A call that does not return holds Run up
	// for a second at its end. No call begins after Run has returned.
	Progress         func(Progress)
	ProgressInterval time.Duration
}

// step is a part of a run that changes something in Klaviyo. The steps of a run
// are made one after the other; each may read the segments again. A step that
// fails ends the run.
type step interface {
	// run makes the step.
	run(ctx context.Context) error

	// progress says how far it is; it is called while run is under way.
	progress(now time.Time) Progress

	// explain adds to the error of run what the step has done by then.
	explain(ctx context.Context, err error) error

	// fill records in the result what the step has done, once it is over.
	fill(result *Result)
}

// Run exports the segments. It checks everything that can be checked before it
// sends anything, and returns when Klaviyo has finished with every profile.
// When it fails half-way, running it again is harmless and makes good what is
// missing. The error may be an [*UnfinishedRemoval], a [*PartlySent] or a
// [*PartlySubscribed].
func (e *Export) Run(ctx context.Context, client *klaviyo.Client, o RunOptions) (*Result, error) {
	rejects, err := e.openRejects()
	if err != nil {
		return nil, err
	}
	defer rejects.discard()
	defer limitGarbage()()
	var endReports func()
	ctx = klaviyo.WithRetries(ctx)
	o.Progress, endReports = reportAside(o.Progress)
	defer endReports()
	before, err := e.prepare(ctx, client, rejects, o)
	if err != nil {
		return nil, err
	}
	imports := e.importStep(client, before, rejects, o)
	steps := []step{imports}
	var subscribe *subscribeStep
	if imports.subscribing != nil {
		subscribe = e.subscribeStep(client, before.list, imports)
		steps = append(steps, subscribe)
	}
	if e.Mirror != MirrorNone {
		steps = append(steps, e.removeStep(client, imports))
	}
	result, err := e.makeSteps(ctx, client, imports, steps, before.list.Name, o)
	if err != nil {
		return nil, subscribe.partlySubscribed(imports.partlySent(err))
	}
	return result, nil
}

// makeSteps makes the steps of a run.
func (e *Export) makeSteps(ctx context.Context, client *klaviyo.Client, imports *importStep, steps []step, listName string, o RunOptions) (*Result, error) {
	result := &Result{ID: rand.Text(), StartedAt: e.clock().Now().UTC(), ListName: listName}
	ctx = logging.WithField(ctx, "run", result.ID)
	for _, s := range steps {
		if err := makeStep(ctx, s, e.clock(), o); err != nil {
			return nil, err
		}
		s.fill(result)
	}
	if err := imports.rejects.write(); err != nil {
		return nil, rejectsError(e.RejectsPath, err, "All profiles were sent and Klaviyo has finished with them, only the file of rejected rows is missing. "+
			"The next apply sends the profiles once more, which changes nothing, and writes the file.")
	}
	result.CompletedAt = e.clock().Now().UTC()
	if err := e.countList(ctx, client, result); err != nil {
		return nil, err
	}
	var err error
	if result.Short, err = e.short(ctx, client, result, imports.reader); err != nil {
		logging.Warn(ctx, "Why the list is short is not known", logging.Fields{"list": e.ListID, "reason": err.Error()})
	}
	return result, nil
}

// makeStep makes a step of a run and reports its progress.
func makeStep(ctx context.Context, s step, clock wait.Clock, o RunOptions) error {
	stop := every(o.interval(), func() { report(ctx, s.progress(clock.Now()), o.Progress) })
	err := s.run(ctx)
	stop()
	if err != nil {
		return s.explain(ctx, err)
	}
	report(ctx, s.progress(clock.Now()), o.Progress)
	return nil
}

func changedSincePlan() error {
	return &diagnostic.Error{
		Attribute: []string{"pin_to_plan"},
		Summary:   "Segment Changed Since The Plan",
		Detail: "The segments no longer hold what the plan was made for, and pin_to_plan = true allows nothing else to be exported. " +
			"Plan again and review what changed; or set pin_to_plan = false to export what is there when the plan is applied.",
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
