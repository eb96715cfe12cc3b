package export

import (
	"context"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// The wait between two looks at the jobs. While batches are still being sent
// nothing hurries; after that it grows with the time since: quick for small
// exports, sparing with Klaviyo's 150 requests a minute for large ones.
const (
	shortestPoll = 200 * time.Millisecond
	sendingPoll  = 2 * time.Second
	longestPoll  = 10 * time.Second
	pollFraction = 8
)

// follow waits for all jobs and collects their failures. It ends once
// everything is uploaded and every job is done.
func (r *run) follow(ctx context.Context) error {
	next := time.NewTimer(shortestPoll)
	defer next.Stop()
	uploaded := r.uploaded
	var sent time.Time // when the last batch was
	for {
		if uploaded == nil && len(r.ledger.waiting()) == 0 {
			return nil
		}
		select {
		case <-uploaded:
			uploaded, sent = nil, time.Now()
			next.Reset(shortestPoll)
		case <-next.C:
			if err := r.poll(ctx); err != nil {
				return r.held.by(err)
			}
			next.Reset(pollWait(uploaded == nil, time.Since(sent)))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pollWait is how long to wait for the next look: all says that everything is
// sent, and since for how long.
func pollWait(all bool, since time.Duration) time.Duration {
	if !all {
		return sendingPoll
	}
	return min(max(since/pollFraction, shortestPoll), longestPoll)
}

// poll looks at the open jobs, a hundred a request, and settles those that are
// done.
func (r *run) poll(ctx context.Context) error {
	open := r.ledger.waiting()
	if len(open) == 0 {
		return nil
	}
	if err := r.findJobs(ctx, open); err != nil {
		return err
	}
	for id := range open { // not among the account's latest jobs: ask for each
		job, err := r.client.ImportJob(ctx, id)
		if err != nil {
			return err
		}
		if err := r.settle(ctx, job, open[id]); err != nil {
			return err
		}
	}
	return cancelledJobs(len(r.ledger.cancelled))
}

// olderThanRun is how much earlier than the run a job must have been created,
// by Klaviyo's clock, to be none of its jobs.
const olderThanRun = time.Hour

// findJobs goes through the account's jobs, the newest first, and takes those
// that it finds off the open ones.
func (r *run) findJobs(ctx context.Context, open map[string]*manifest) error {
	for job, err := range r.client.ImportJobs(ctx) {
		if err != nil {
			return err
		}
		if created := job.CreatedAt; !created.IsZero() && created.Before(r.started.Add(-olderThanRun)) {
			return nil
		}
		if err := r.settle(ctx, job, open[job.ID]); err != nil {
			return err
		}
		if delete(open, job.ID); len(open) == 0 {
			return nil
		}
	}
	return nil
}

// settle takes a job of the run that is done off the open ones, with its
// failures. m is nil for a job of somebody else's.
func (r *run) settle(ctx context.Context, job klaviyo.ImportJob, m *manifest) error {
	if m == nil {
		return nil
	}
	if r.held.byStatus(ctx, job); !job.Done() {
		return nil
	}
	if job.Status == klaviyo.JobCancelled {
		r.ledger.cancel(job.ID)
		return nil
	}
	failed, err := r.collectFailures(ctx, job, m)
	if err != nil {
		return err
	}
	r.ledger.finish(job.ID, failed)
	logging.Info(ctx, "Klaviyo finished a job", logging.Fields{"job": job.ID, "profiles": m.profiles(), "failed": failed})
	return nil
}

// failures is how many of so many profiles a job did not import at least, as
// far as its counts tell: what Klaviyo does not acknowledge has failed, and what
// has failed may be among the completed. known says that they are no more.
func failures(job klaviyo.ImportJob, profiles int) (least int, known bool) {
	counted := max(job.FailedCount, 0)
	if job.CompletedCount >= 0 {
		counted = max(counted, int64(profiles)-job.CompletedCount)
	}
	return int(min(counted, int64(profiles))), job.FailedCount >= 0
}

// collectFailures reports which profiles a job could not import and why, and
// returns how many they are. A profile with several errors failed once.
func (r *run) collectFailures(ctx context.Context, job klaviyo.ImportJob, m *manifest) (int, error) {
	counted, known := failures(job, m.profiles())
	if known && counted == 0 {
		return 0, nil
	}
	addresses := m.index()
	failed := map[int]bool{}
	var nameless []klaviyo.ImportError // that do not tell which profile they are about
	for e, err := range r.client.ImportErrors(ctx, job.ID) {
		if err != nil {
			return 0, err
		}
		i, ok := addresses.find(e.Email)
		if !ok {
			i, ok = e.Profile()
			ok = ok && i < m.profiles() && !r.lost.wasFound(job.ID)
		}
		switch {
		case !ok:
			nameless = append(nameless, e)
		case !failed[i]:
			failed[i] = true
			r.report.reject(m.row(i), e.Code, target(e.Pointer), words(e.Title, e.Detail))
		}
	}
	if !known {
		counted = max(counted, min(len(failed)+len(nameless), m.profiles()))
	}
	counted = max(counted, len(failed))
	r.rejectNameless(nameless, counted-len(failed))
	return counted, nil
}

// rejectNameless reports so many profiles that failed and are not known, with
// the reasons that there are. Of more reasons some are about the same profile.
func (r *run) rejectNameless(reasons []klaviyo.ImportError, profiles int) {
	for i := range profiles {
		if i < len(reasons) {
			e := reasons[i]
			r.report.reject(Row{}, e.Code, target(e.Pointer), words(e.Title, e.Detail))
			continue
		}
		r.report.reject(Row{}, "not_imported", profile.Target{}, "Klaviyo: the profile was not imported, without a reason")
	}
}

// cancelledJobs is the error of a run of which so many jobs were cancelled; nil
// if none was. The ledger knows them.
func cancelledJobs(jobs int) error {
	switch jobs {
	case 0:
		return nil
	case 1:
		return &Error{Summary: "Klaviyo Cancelled An Import", Detail: "An import of this run was cancelled, by somebody or by Klaviyo itself."}
	default:
		return &Error{Summary: "Klaviyo Cancelled Imports", Detail: "Imports of this run were cancelled, by somebody or by Klaviyo itself."}
	}
}
