package export

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// openJob is a job that may not be finished.
type openJob struct {
	id       string
	profiles []sent
}

// The wait between two looks at the jobs grows with the time waited so far:
// quick for small exports, sparing with Klaviyo's 150 requests a minute for
// large ones.
const (
	shortestPoll = 200 * time.Millisecond
	longestPoll  = 10 * time.Second
	pollFraction = 8
)

// follow waits for all jobs and collects their failures. It ends once r.jobs
// is closed and every job is done.
func (r *run) follow(ctx context.Context) error {
	incoming := r.jobs
	started := time.Now()
	next := time.NewTimer(shortestPoll)
	defer next.Stop()
	for incoming != nil || len(r.open) > 0 {
		select {
		case job, ok := <-incoming:
			if !ok {
				incoming = nil
				continue
			}
			r.open[job.id] = job
		case <-next.C:
			if err := r.poll(ctx); err != nil {
				return err
			}
			next.Reset(min(max(time.Since(started)/pollFraction, shortestPoll), longestPoll))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// poll looks at the open jobs, a hundred a request, and settles those that are
// done.
func (r *run) poll(ctx context.Context) error {
	if len(r.open) == 0 {
		return nil
	}
	unseen := maps.Clone(r.open)
	for job, err := range r.client.ImportJobs(ctx) {
		if err != nil {
			return err
		}
		if err := r.settle(ctx, job); err != nil {
			return err
		}
		if delete(unseen, job.ID); len(unseen) == 0 {
			return nil
		}
	}
	for id := range unseen { // not among the account's jobs: ask for each
		job, err := r.client.ImportJob(ctx, id)
		if err != nil {
			return err
		}
		if err := r.settle(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

// settle takes a job that is done off the open ones, with its failures.
func (r *run) settle(ctx context.Context, job klaviyo.ImportJob) error {
	mine, ok := r.open[job.ID]
	if !ok || !job.Done() {
		return nil
	}
	if job.Status == klaviyo.JobCancelled {
		return cancelledJob(mine)
	}
	if job.FailedCount != 0 {
		if err := r.collectFailures(ctx, job, mine); err != nil {
			return err
		}
	}
	delete(r.open, job.ID)
	r.finished++
	tflog.Info(ctx, "Klaviyo finished a job", map[string]any{"job": job.ID, "profiles": len(mine.profiles), "failed": job.FailedCount, "jobs_open": len(r.open)})
	return nil
}

// collectFailures reads which profiles a job could not import and why.
func (r *run) collectFailures(ctx context.Context, job klaviyo.ImportJob, mine openJob) error {
	byEmail := make(map[uint64]Row, len(mine.profiles))
	for _, p := range mine.profiles {
		byEmail[p.email] = p.row
	}
	listed := int64(0)
	for e, err := range r.client.ImportErrors(ctx, job.ID) {
		if err != nil {
			return err
		}
		listed++
		row, ok := byEmail[profile.HashOf([]byte(strings.ToLower(e.Email))).Lo]
		if i, pointed := e.Profile(); !ok && pointed && i < len(mine.profiles) {
			row = mine.profiles[i].row
		}
		r.report.reject(row, e.Code, target(e.Pointer), words(e.Title, e.Detail))
	}
	for range job.FailedCount - listed {
		r.report.reject(Row{}, "not_imported", profile.Target{}, "Klaviyo: the profile was not imported, without a reason")
	}
	return nil
}

func cancelledJob(job openJob) error {
	first, last := job.profiles[0].row, job.profiles[len(job.profiles)-1].row
	return &Error{
		Summary: "Klaviyo Cancelled An Import",
		Detail: fmt.Sprintf("The job %s with %s, row %d of segment %q to row %d of segment %q, was cancelled in Klaviyo. "+
			"Which of them are on the list is not known. Apply again: what has arrived is not added twice.",
			job.id, Count(int64(len(job.profiles)), "profile"), first.Number, first.Segment, last.Number, last.Segment),
	}
}
