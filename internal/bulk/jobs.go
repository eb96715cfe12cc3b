package bulk

import (
	"context"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// The interval of polls. While batches are still being sent, polls are rare;
// after that the interval grows with the time since: short for small exports,
// sparing with Klaviyo's 150 requests a minute for large ones.
const (
	minPollInterval     = 200 * time.Millisecond
	sendingPollInterval = 2 * time.Second
	maxPollInterval     = 10 * time.Second
	pollFraction        = 8
)

// follow waits for all jobs and collects their failures. It ends once
// everything is uploaded and every job is done.
func (im *Import) follow(ctx context.Context) error {
	uploaded := im.uploaded // nil once everything is
	var sent time.Time      // when the last batch was
	next := minPollInterval
	for uploaded != nil || len(im.ledger.waiting()) > 0 {
		if err := im.clock.Wait(ctx, next, uploaded); err != nil {
			return err
		}
		if uploaded != nil && isClosed(uploaded) {
			uploaded, sent, next = nil, im.clock.Now(), minPollInterval
			continue
		}
		if err := im.poll(ctx); err != nil {
			return im.held.by(err)
		}
		next = sendingPollInterval
		if uploaded == nil {
			next = PollInterval(im.clock.Now().Sub(sent))
		}
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// PollInterval is how long to wait before jobs are polled again, to which nothing
// has been added since.
func PollInterval(since time.Duration) time.Duration {
	return min(max(since/pollFraction, minPollInterval), maxPollInterval)
}

// poll looks at the open jobs, a hundred a request, and settles those that are
// done.
func (im *Import) poll(ctx context.Context) error {
	open := im.ledger.waiting()
	if len(open) == 0 {
		return nil
	}
	if err := im.findJobs(ctx, open); err != nil {
		return err
	}
	for _, id := range inOrderOfRows(open) { // not among the account's latest jobs: ask for each
		job, err := im.client.ImportJob(ctx, id)
		if err != nil {
			return err
		}
		if err := im.settle(ctx, job, open[id]); err != nil {
			return err
		}
	}
	return cancelledJobs(len(im.ledger.cancelled))
}

// olderThanRun is how much earlier than the run a job must have been created,
// by Klaviyo's clock, to be none of its jobs.
const olderThanRun = time.Hour

// Pages of jobs that a look reads: as many as the open ones fill, and a few more
// for jobs of others among them. Beyond that it is cheaper to ask for each.
const (
	jobsPerPage = 100
	extraPages  = 2
)

// pagesFor is how many pages a look for so many jobs reads at most.
func pagesFor(jobs int) int { return (jobs+jobsPerPage-1)/jobsPerPage + extraPages }

// findJobs goes through the account's latest jobs, the newest first, and takes
// those that it finds off the open ones.
func (im *Import) findJobs(ctx context.Context, open map[string]*manifest) error {
	for job, err := range im.client.ImportJobs(ctx, pagesFor(len(open))) {
		if err != nil {
			return err
		}
		if created := job.CreatedAt; !created.IsZero() && created.Before(im.started.Add(-olderThanRun)) {
			return nil
		}
		if err := im.settle(ctx, job, open[job.ID]); err != nil {
			return err
		}
		if delete(open, job.ID); len(open) == 0 {
			return nil
		}
	}
	return nil
}

// cancelledJobs is the error of a run of which so many jobs were cancelled; nil
// if none was. The ledger knows them.
func cancelledJobs(jobs int) error {
	if jobs == 0 {
		return nil
	}
	return &diagnostic.Error{Summary: "Klaviyo Cancelled Imports", Detail: "Somebody, or Klaviyo itself, cancelled " + tally.Count(int64(jobs), "import job") + " of this run."}
}
