package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// lookWaits are the waits before each look for the job of an import whose
// answer does not name it: Klaviyo need not list a job at once. Together they
// take as long as two tolerances, or a batch that was sent again would be in
// the way of its own job.
var lookWaits = []time.Duration{0, time.Second, 2*clockTolerance - time.Second}

// lookPages is how many pages of jobs a look reads at most. An account creates ten
// jobs a second at most, so the job of a batch is among the latest few hundred.
const lookPages = 5

// mostSends is how often a batch is sent that Klaviyo is said to have accepted
// and that has no job: what answers in its place may do so in passing.
const mostSends = 4

// importBatch sends a batch until it is known which job it has become. One that
// Klaviyo has accepted without saying so is looked for among the jobs of the
// account, and sent again only if it is not there.
func (r *run) importBatch(ctx context.Context, b *batch) error {
	for attempt := 1; ; attempt++ {
		lost, err := r.post(ctx, b)
		var accepted *klaviyo.AcceptedError
		if !errors.As(err, &accepted) {
			if s := klaviyo.StatusOf(err); s >= 400 && s < 500 && attempt == 1 && !klaviyo.MayHaveArrived(err) { // else nobody knows
				r.ledger.refuse(b)
			}
			return err
		}
		logging.Warn(ctx, "Klaviyo accepted a batch without naming its job, which is looked for", logging.Fields{
			"profiles": len(b.profiles), "rows": b.span().String(), "reason": err.Error(),
		})
		found, err := r.findJob(ctx, b, lost)
		if ctx.Err() != nil {
			r.held.say("lost job", fmt.Sprintf("Klaviyo had accepted an import without naming the job that it became, which was being looked for: %s.", accepted))
		}
		if found || err != nil {
			return err
		}
		if attempt == mostSends {
			return jobUnknown(b, accepted)
		}
	}
}

// post sends a batch once. One that is accepted without a job is then lost.
func (r *run) post(ctx context.Context, b *batch) (*lostBatch, error) {
	sent := time.Now()
	r.lost.sending.RLock()
	defer r.lost.sending.RUnlock()
	job, err := r.client.ImportProfiles(ctx, r.export.ListID, b.body...)
	if job.Twice {
		r.lost.mayStray(len(b.profiles))
	}
	var accepted *klaviyo.AcceptedError
	if errors.As(err, &accepted) {
		lost := newLostBatch(sent, accepted)
		r.lost.lose(len(b.profiles), lost)
		return lost, err
	}
	if err != nil {
		return nil, err
	}
	r.lost.know(job.ID)
	r.ledger.accept(b, job.ID)
	logging.Info(ctx, "Klaviyo accepted a batch", logging.Fields{"job": job.ID, "profiles": len(b.profiles)})
	return nil, nil
}

// findJob looks for the job of a lost batch, several times, and reports whether
// it was found. The batch is no longer lost then.
func (r *run) findJob(ctx context.Context, b *batch, lost *lostBatch) (found bool, err error) {
	answered := time.Now()
	defer func() { r.lost.settle(len(b.profiles), lost, found, answered) }()
	for _, before := range lookWaits {
		if err := wait.For(ctx, before); err != nil {
			return false, err
		}
		if found, err := r.lookForJob(ctx, b, lost); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// lookForJob looks once. A job is taken only if there are as many as lost
// batches. With fewer or more nobody knows whose they are; and to send a batch
// again is harmless, while to take the job of another for its own is to lose it.
func (r *run) lookForJob(ctx context.Context, b *batch, lost *lostBatch) (bool, error) {
	r.lost.sending.Lock()
	defer r.lost.sending.Unlock()
	all := r.lost.all(len(b.profiles))
	jobs, err := r.candidates(ctx, len(b.profiles), all)
	if err != nil || !r.lost.areOurs(len(jobs), len(b.profiles), all) {
		return false, err
	}
	for _, job := range slices.Backward(jobs) {
		if lost.mayBe(job.CreatedAt) {
			r.lost.take(job.ID)
			r.ledger.accept(b, job.ID)
			logging.Info(ctx, "The job of a batch was found", logging.Fields{"job": job.ID, "profiles": len(b.profiles)})
			return true, nil
		}
	}
	return false, nil
}

// candidates are the jobs of the account that may be those of lost batches with
// so many profiles, the newest first: for the list of the run, created while the
// batches were sent, and not known.
func (r *run) candidates(ctx context.Context, profiles int, all lostBatch) ([]klaviyo.ImportJob, error) {
	var found []klaviyo.ImportJob
	for job, err := range r.client.ImportJobs(ctx, lookPages) {
		if err != nil {
			return nil, err
		}
		if created := job.CreatedAt; !created.IsZero() && created.Before(all.from) {
			break
		}
		if !all.mayBe(job.CreatedAt) || job.TotalCount != int64(profiles) || r.lost.isKnown(job.ID) {
			continue
		}
		ours, err := r.isForList(ctx, job.ID)
		if err != nil {
			return nil, err
		}
		if !ours {
			r.lost.know(job.ID)
			continue
		}
		found = append(found, job)
	}
	return found, nil
}

// isForList reports whether a job adds its profiles to the list of the run.
func (r *run) isForList(ctx context.Context, job string) (bool, error) {
	lists, err := r.client.ImportJobLists(ctx, job)
	if klaviyo.IsNotFound(err) {
		return false, nil
	}
	return slices.Contains(lists, r.export.ListID), err
}

// jobUnknown is the error of a batch that is said to be accepted, again and
// again, and that has no job.
func jobUnknown(b *batch, accepted *klaviyo.AcceptedError) error {
	return &diagnostic.Error{
		Summary: "Imports Accepted Without A Job",
		Detail: fmt.Sprintf("An import of %s (%s) was answered with success %d times, but no answer names the job that it became, and the account has no such job. "+
			"The last answer was: %s. Something between this machine and Klaviyo, such as a proxy, seems to answer in Klaviyo's place or to change its answers. "+
			"Check base_url if it is set, and the network between this machine and Klaviyo.",
			tally.Count(int64(len(b.profiles)), "profile"), b.span(), mostSends, accepted),
		Err: accepted,
	}
}
