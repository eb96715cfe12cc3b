package export

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// listsPerPoll is how many jobs are asked for their lists before the jobs are polled
// again. In an account with hundreds of unfinished jobs, many are finished by then
// and need not be asked.
const listsPerPoll = 50

// earlierJobs are the import jobs for a list that Klaviyo had not finished when a
// run began.
//
// Klaviyo may process jobs in any order. A job that it accepted before the run,
// from an interrupted run or another client, may be processed after the jobs of the
// run and would then restore older values. So a run sends nothing before they are
// finished. A withdrawal waits for them, too: they add people to the list.
//
// Jobs that are created later do not count, or a client that sends to the same list
// all the time would keep the run from ever starting. Two runs cannot wait for each
// other either: a job finishes whatever the run that created it waits for.
type earlierJobs struct {
	client *klaviyo.Client
	clock  wait.Clock
	listID string
	jobs   []earlierJob // oldest first
	words  earlierWords
}

// earlierWords tell whoever interrupts the wait why and for what it is made.
type earlierWords struct{ harm, remedy, waits string }

var (
	earlierThanRun = earlierWords{
		harm:   "put older values back into profiles that are sent before the jobs end",
		remedy: "apply again later, or raise timeouts so that the export can wait for them",
		waits:  "export",
	}
	earlierThanWithdrawal = earlierWords{
		harm:   "put people back on the list who are removed before the jobs end",
		remedy: "destroy again later, or raise timeouts so that the destroy can wait for them",
		waits:  "destroy",
	}
)

type earlierJob struct {
	klaviyo.ImportJob
	forList bool // false until the lists of the job are read
}

// findEarlierJobs reads which jobs of the account are not finished. It fails
// unless the key may read lists and profiles.
func (e *Export) findEarlierJobs(ctx context.Context, client *klaviyo.Client) (*earlierJobs, error) {
	j := &earlierJobs{client: client, clock: e.clock(), listID: e.ListID, words: earlierThanRun}
	for job, err := range client.UnfinishedImportJobs(ctx) {
		if err != nil {
			return nil, err
		}
		if isUnfinished(job, j.clock.Now()) {
			j.jobs = append(j.jobs, earlierJob{ImportJob: job})
		}
	}
	return j, nil
}

// isUnfinished reports whether Klaviyo will still process a job. It never processes
// an expired one, whose status may remain queued.
func isUnfinished(job klaviyo.ImportJob, now time.Time) bool { return !job.Done() && !job.Expired(now) }

// wait returns when all jobs for the list are finished.
func (j *earlierJobs) wait(ctx context.Context, now *preparation) error {
	for began := j.clock.Now(); len(j.jobs) > 0; {
		if err := j.look(ctx); err != nil {
			return err
		}
		if err := j.askLists(ctx); err != nil {
			return err
		}
		if len(j.jobs) == 0 {
			break
		}
		if now.beginWaiting(j.String(), j.advice()) {
			logging.Info(ctx, "Waiting for earlier import jobs", logging.Fields{"list": j.listID, "jobs": j.ids()})
		}
		if err := j.clock.Wait(ctx, bulk.PollInterval(j.clock.Now().Sub(began)), nil); err != nil {
			return err
		}
	}
	return nil
}

// look drops the jobs that have finished.
func (j *earlierJobs) look(ctx context.Context) error {
	if len(j.jobs) == 0 {
		return nil
	}
	newest := j.jobs[len(j.jobs)-1].CreatedAt
	unfinished := map[string]bool{}
	for job, err := range j.client.UnfinishedImportJobs(ctx) {
		if err != nil {
			return err
		}
		if !newest.IsZero() && job.CreatedAt.After(newest) { // as are all that follow
			break
		}
		unfinished[job.ID] = isUnfinished(job, j.clock.Now())
	}
	j.jobs = slices.DeleteFunc(j.jobs, func(job earlierJob) bool { return !unfinished[job.ID] })
	return nil
}

// askLists drops jobs that are for other lists. It asks for a limited number of
// them, the newest first, since the oldest may be finished by the next look.
func (j *earlierJobs) askLists(ctx context.Context) error {
	others := map[string]bool{}
	for i, asked := len(j.jobs)-1, 0; i >= 0 && asked < listsPerPoll; i-- {
		job := &j.jobs[i]
		if job.forList {
			continue
		}
		if !j.client.KnowsImportJobLists(job.ID) {
			asked++
		}
		lists, err := j.client.ImportJobLists(ctx, job.ID)
		if err != nil && !klaviyo.IsNotFound(err) { // a job that is gone is for no list
			return err
		}
		job.forList = slices.Contains(lists, j.listID)
		others[job.ID] = !job.forList
	}
	j.jobs = slices.DeleteFunc(j.jobs, func(job earlierJob) bool { return others[job.ID] })
	return nil
}

func (j *earlierJobs) ids() []string {
	ids := make([]string, len(j.jobs))
	for i, job := range j.jobs {
		ids[i] = job.ID
	}
	return ids
}

// String says what is waited for: "waiting for 2 earlier import jobs to this
// list".
func (j *earlierJobs) String() string {
	certain := ""
	if slices.ContainsFunc(j.jobs, func(job earlierJob) bool { return !job.forList }) {
		certain = " that may be"
	}
	return fmt.Sprintf("waiting for %s%s to this list", tally.Count(int64(len(j.jobs)), "earlier import job"), certain)
}

// advice says what to do if the wait is interrupted.
func (j *earlierJobs) advice() string {
	text := fmt.Sprintf("It was %s, which Klaviyo had not finished: %s. These jobs could %s. "+
		"Klaviyo finishes them by itself: %s.", j, tally.Abridged(j.ids()), j.words.harm, j.words.remedy)
	var last time.Time
	for _, job := range j.jobs {
		if job.ExpiresAt.IsZero() {
			return text
		}
		if job.ExpiresAt.After(last) {
			last = job.ExpiresAt
		}
	}
	return text + fmt.Sprintf(" The last of them expires at %s; after that the %s no longer waits for them.", last.UTC().Format(time.RFC3339), j.words.waits)
}
