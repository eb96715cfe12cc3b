package bulk

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
)

// lookupWaits are the waits before each look for the job of an import whose
// answer does not name it: Klaviyo need not list a job at once. Together they
// take as long as two tolerances, or a batch that was sent again would be in
// the way of its own job.
var lookupWaits = []time.Duration{0, time.Second, 2*clockTolerance - time.Second}

// maxLookupPages is how many pages of jobs a look reads at most. An account creates ten
// jobs a second at most, so the job of a batch is among the latest few hundred.
const maxLookupPages = 5

// maxSends is how often a batch is sent that is answered as accepted and has no
// job: a proxy that answers in place of Klaviyo may do so only for a moment.
const maxSends = 4

// importBatch sends a batch until it is known which job it has become. One that
// Klaviyo has accepted without saying so is looked for among the jobs of the
// account, and sent again only if it is not there.
func (im *Import) importBatch(ctx context.Context, b *batch) error {
	for attempt := 1; ; attempt++ {
		lost, err := im.post(ctx, b)
		var accepted *klaviyo.AcceptedError
		if !errors.As(err, &accepted) {
			if s := klaviyo.StatusOf(err); s >= 400 && s < 500 && attempt == 1 && !klaviyo.MayHaveArrived(err) { // else nobody knows
				im.ledger.refuse(b)
			}
			return err
		}
		logging.Warn(ctx, "Klaviyo accepted a batch without naming its job, which is looked for", logging.Fields{
			"profiles": len(b.profiles), "rows": b.span().String(), "reason": err.Error(),
		})
		found, err := im.findJob(ctx, b, lost)
		if ctx.Err() != nil {
			im.held.say("lost job", fmt.Sprintf("Klaviyo had accepted an import without naming the job that it became, which was being looked for: %s.", accepted))
		}
		if found || err != nil {
			return err
		}
		if attempt == maxSends {
			return jobUnknown(b, accepted)
		}
	}
}

// post sends a batch once. One that is accepted without a job is then lost.
func (im *Import) post(ctx context.Context, b *batch) (*lostBatch, error) {
	sent := im.clock.Now()
	im.lost.sending.RLock()
	defer im.lost.sending.RUnlock()
	job, err := im.client.ImportProfiles(ctx, im.listID, b.json)
	if err == nil || klaviyo.MayHaveArrived(err) || errors.As(err, new(*klaviyo.AcceptedError)) {
		im.sent.Store(true)
	}
	if job.Twice {
		im.lost.mayStray(len(b.profiles), im.clock.Now())
	}
	var accepted *klaviyo.AcceptedError
	if errors.As(err, &accepted) {
		lost := newLostBatch(sent, accepted)
		im.lost.lose(len(b.profiles), lost)
		return lost, err
	}
	if err != nil {
		return nil, err
	}
	im.lost.know(job.ID)
	im.ledger.accept(b, job.ID)
	logging.Info(ctx, "Klaviyo accepted a batch", logging.Fields{"job": job.ID, "profiles": len(b.profiles)})
	return nil, nil
}

// findJob looks for the job of a lost batch, several times, and reports whether
// it was found. The batch is no longer lost then.
func (im *Import) findJob(ctx context.Context, b *batch, lost *lostBatch) (found bool, err error) {
	answered := im.clock.Now()
	defer func() { im.lost.settle(len(b.profiles), lost, found, answered) }()
	for _, before := range lookupWaits {
		if err := im.clock.Wait(ctx, before, nil); err != nil {
			return false, err
		}
		if found, err := im.lookUpJob(ctx, b, lost); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// lookUpJob looks once. A job is taken only if there are as many as lost
// batches. With fewer or more nobody knows whose they are; and to send a batch
// again is harmless, while to take the job of another for its own is to lose it.
func (im *Import) lookUpJob(ctx context.Context, b *batch, lost *lostBatch) (bool, error) {
	im.lost.sending.Lock()
	defer im.lost.sending.Unlock()
	all := im.lost.all(len(b.profiles))
	jobs, err := im.candidates(ctx, len(b.profiles), all)
	if err != nil || !im.lost.areOurs(len(jobs), len(b.profiles), all) {
		return false, err
	}
	for _, job := range slices.Backward(jobs) {
		if lost.mayBe(job.CreatedAt) {
			im.lost.take(job.ID)
			im.ledger.accept(b, job.ID)
			logging.Info(ctx, "The job of a batch was found", logging.Fields{"job": job.ID, "profiles": len(b.profiles)})
			return true, nil
		}
	}
	return false, nil
}

// candidates are the jobs of the account that may be those of lost batches with
// so many profiles, the newest first: for the list of the run, created while the
// batches were sent, and not known.
func (im *Import) candidates(ctx context.Context, profiles int, all lostBatch) ([]klaviyo.ImportJob, error) {
	var found []klaviyo.ImportJob
	for job, err := range im.client.ImportJobs(ctx, maxLookupPages) {
		if err != nil {
			return nil, err
		}
		if created := job.CreatedAt; !created.IsZero() && created.Before(all.from) {
			break
		}
		if !all.mayBe(job.CreatedAt) || job.TotalCount != int64(profiles) || im.lost.isKnown(job.ID) {
			continue
		}
		ours, err := im.isForList(ctx, job.ID)
		if err != nil {
			return nil, err
		}
		if !ours {
			im.lost.know(job.ID)
			continue
		}
		found = append(found, job)
	}
	return found, nil
}

// isForList reports whether a job adds its profiles to the list of the run.
func (im *Import) isForList(ctx context.Context, job string) (bool, error) {
	lists, err := im.client.ImportJobLists(ctx, job)
	if klaviyo.IsNotFound(err) {
		return false, nil
	}
	return slices.Contains(lists, im.listID), err
}

// jobUnknown is the error of a batch that is said to be accepted, again and
// again, and that has no job.
func jobUnknown(b *batch, accepted *klaviyo.AcceptedError) error {
	return &diagnostic.Error{
		Summary: "Imports Accepted Without A Job",
		Detail: fmt.Sprintf("An import of %s (%s) was answered with success %d times, but no answer names the job that it became, and the account has no such job. "+
			"The last answer was: %s. Something between this machine and Klaviyo, such as a proxy, seems to answer in Klaviyo's place or to change its answers. "+
			"Check base_url if it is set, and the network between this machine and Klaviyo.",
			tally.Count(int64(len(b.profiles)), "profile"), b.span(), maxSends, accepted),
		Err: accepted,
	}
}
