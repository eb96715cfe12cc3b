package export

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

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
				return err
			}
			wait := sendingPoll
			if uploaded == nil {
				wait = min(max(time.Since(sent)/pollFraction, shortestPoll), longestPoll)
			}
			next.Reset(wait)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// poll looks at the open jobs, a hundred a request, and settles those that are
// done.
func (r *run) poll(ctx context.Context) error {
	open := r.ledger.waiting()
	if len(open) == 0 {
		return nil
	}
	for job, err := range r.client.ImportJobs(ctx) {
		if err != nil {
			return err
		}
		if err := r.settle(ctx, job, open[job.ID]); err != nil {
			return err
		}
		if delete(open, job.ID); len(open) == 0 {
			return nil
		}
	}
	for id := range open { // not among the account's jobs: ask for each
		job, err := r.client.ImportJob(ctx, id)
		if err != nil {
			return err
		}
		if err := r.settle(ctx, job, open[id]); err != nil {
			return err
		}
	}
	return nil
}

// settle takes a job of the run that is done off the open ones, with its
// failures. m is nil for a job of somebody else's.
func (r *run) settle(ctx context.Context, job klaviyo.ImportJob, m *manifest) error {
	if m == nil || !job.Done() {
		return nil
	}
	if job.Status == klaviyo.JobCancelled {
		r.ledger.cancel(job.ID)
		return cancelledJob(job.ID, m)
	}
	if job.FailedCount != 0 {
		if err := r.collectFailures(ctx, job, m); err != nil {
			return err
		}
	}
	r.ledger.finish(job.ID)
	tflog.Info(ctx, "Klaviyo finished a job", map[string]any{"job": job.ID, "profiles": m.profiles(), "failed": job.FailedCount})
	return nil
}

// collectFailures reads which profiles a job could not import and why. A
// profile with several errors failed once.
func (r *run) collectFailures(ctx context.Context, job klaviyo.ImportJob, m *manifest) error {
	addresses := m.index()
	failed := map[int]bool{}
	unknown := int64(0)
	for e, err := range r.client.ImportErrors(ctx, job.ID) {
		if err != nil {
			return err
		}
		i, ok := addresses.find(strings.ToLower(e.Email))
		if !ok {
			i, ok = e.Profile()
			ok = ok && i < m.profiles()
		}
		var row Row
		switch {
		case !ok:
			unknown++
		case failed[i]:
			continue
		default:
			failed[i], row = true, m.row(i)
		}
		r.report.reject(row, e.Code, target(e.Pointer), words(e.Title, e.Detail))
	}
	for range job.FailedCount - unknown - int64(len(failed)) {
		r.report.reject(Row{}, "not_imported", profile.Target{}, "Klaviyo: the profile was not imported, without a reason")
	}
	return nil
}

func cancelledJob(id string, m *manifest) error {
	return &Error{
		Summary: "Klaviyo Cancelled An Import",
		Detail: fmt.Sprintf("The job %s with %s, %s, was cancelled in Klaviyo. Which of them are on the list is not known.",
			id, Count(int64(m.profiles()), "profile"), m.span()),
	}
}
