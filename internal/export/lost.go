package export

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// lookWaits are the waits before each look for the job of an import whose
// answer does not name it: Klaviyo need not list a job at once.
var lookWaits = []time.Duration{0, 500 * time.Millisecond, 2 * time.Second}

// mostSends is how often a batch is sent that Klaviyo is said to have accepted
// and that has no job: what answers in its place may do so in passing.
const mostSends = 4

// clockTolerance is how far the clock that dates an answer of Klaviyo's and the
// one that dates its jobs may be apart.
const clockTolerance = 5 * time.Second

// lostJobs finds the jobs of imports that Klaviyo has accepted without saying
// which job they are.
type lostJobs struct {
	// sending is held for reading by imports under way, so that whoever holds it
	// for writing knows: a job of this run that is not among the known ones is
	// that of a lost batch. Who waits for it ends with the run, since imports do.
	sending sync.RWMutex

	mu    sync.Mutex
	known map[string]bool // jobs of this run, and those that a look has ruled out
	found map[string]bool // jobs that were taken for those of lost batches
	lost  map[int]int     // batches without a job, by their number of profiles
}

func (l *lostJobs) know(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]bool{}
	}
	l.known[job] = true
}

func (l *lostJobs) isKnown(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[job]
}

// wasFound reports whether a job was found rather than named by Klaviyo. Of two
// batches that were lost at once with as many profiles, nobody can tell whose job
// is whose: positions in such a job mean nothing.
func (l *lostJobs) wasFound(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found[job]
}

func (l *lostJobs) take(job string) {
	l.know(job)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found == nil {
		l.found = map[string]bool{}
	}
	l.found[job] = true
}

// count changes the number of lost batches with so many profiles, and returns
// it.
func (l *lostJobs) count(profiles, change int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.lost = map[int]int{}
	}
	l.lost[profiles] += change
	return l.lost[profiles]
}

// importBatch sends a batch until it is known which job it has become. One that
// Klaviyo has accepted without saying so is looked for among the jobs of the
// account, and sent again only if it is not there.
func (r *run) importBatch(ctx context.Context, b *batch) error {
	for sent := 1; ; sent++ {
		err := r.post(ctx, b)
		var accepted *klaviyo.AcceptedError
		if !errors.As(err, &accepted) {
			if s := klaviyo.StatusOf(err); s >= 400 && s < 500 && sent == 1 && !klaviyo.MayHaveArrived(err) { // else nobody knows
				r.ledger.refuse(b)
			}
			return err
		}
		logging.Warn(ctx, "Klaviyo accepted a batch without naming its job, which is looked for", logging.Fields{
			"profiles": len(b.profiles), "rows": b.span().String(), "reason": err.Error(),
		})
		found, err := r.findJob(ctx, b, accepted)
		if ctx.Err() != nil {
			r.held.say("lost job", fmt.Sprintf("Klaviyo had accepted an import without naming the job that it became, which was being looked for: %s.", accepted))
		}
		if found || err != nil {
			return err
		}
		if sent == mostSends {
			return jobUnknown(b, accepted)
		}
	}
}

// post sends a batch once. One that is accepted without a job is then counted as
// lost.
func (r *run) post(ctx context.Context, b *batch) error {
	r.lost.sending.RLock()
	defer r.lost.sending.RUnlock()
	job, err := r.client.ImportProfiles(ctx, r.export.ListID, b.body...)
	if err != nil {
		if errors.As(err, new(*klaviyo.AcceptedError)) {
			r.lost.count(len(b.profiles), 1)
		}
		return err
	}
	r.lost.know(job.ID)
	r.ledger.accept(b, job.ID)
	logging.Info(ctx, "Klaviyo accepted a batch", logging.Fields{"job": job.ID, "profiles": len(b.profiles)})
	return nil
}

// findJob looks for the job of a lost batch, several times, and reports whether
// it was found. The batch is then no longer counted as lost.
func (r *run) findJob(ctx context.Context, b *batch, accepted *klaviyo.AcceptedError) (bool, error) {
	defer r.lost.count(len(b.profiles), -1)
	for i, wait := range lookWaits {
		if err := pause(ctx, wait); err != nil {
			return false, err
		}
		last := i == len(lookWaits)-1
		if found, err := r.lookForJob(ctx, b, accepted, last); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// lookForJob looks once. As long as there are fewer jobs than lost batches that
// they may belong to, none is taken: whose they are is not known. The last look
// rules them out for good, since their batches may be about to be sent again.
func (r *run) lookForJob(ctx context.Context, b *batch, accepted *klaviyo.AcceptedError, last bool) (bool, error) {
	r.lost.sending.Lock()
	defer r.lost.sending.Unlock()
	jobs, err := r.candidates(ctx, b, accepted)
	if err != nil {
		return false, err
	}
	if len(jobs) > 0 && len(jobs) >= r.lost.count(len(b.profiles), 0) {
		r.lost.take(jobs[0])
		r.ledger.accept(b, jobs[0])
		logging.Info(ctx, "The job of a batch was found", logging.Fields{"job": jobs[0], "profiles": len(b.profiles)})
		return true, nil
	}
	if last {
		for _, job := range jobs {
			r.lost.know(job)
		}
	}
	return false, nil
}

// candidates are the jobs of the account that may be that of a batch, the newest
// first: created while the batch was sent, with as many profiles, for the list of
// the run.
func (r *run) candidates(ctx context.Context, b *batch, accepted *klaviyo.AcceptedError) ([]string, error) {
	from, to := accepted.Began.Add(-clockTolerance), accepted.Ended.Add(clockTolerance)
	var all []string
	for job, err := range r.client.ImportJobs(ctx) {
		if err != nil {
			return nil, err
		}
		created := job.CreatedAt
		if !created.IsZero() && created.Before(from) {
			break
		}
		if created.IsZero() || created.After(to) || job.TotalCount != int64(len(b.profiles)) || r.lost.isKnown(job.ID) {
			continue
		}
		ours, err := r.isForList(ctx, job.ID)
		if err != nil {
			return nil, err
		}
		if ours {
			all = append(all, job.ID)
		} else {
			r.lost.know(job.ID)
		}
	}
	return all, nil
}

// isForList reports whether a job adds its profiles to the list of the run.
func (r *run) isForList(ctx context.Context, job string) (bool, error) {
	for list, err := range r.client.ImportJobLists(ctx, job) {
		if klaviyo.IsNotFound(err) {
			return false, nil
		}
		if err != nil || list == r.export.ListID {
			return err == nil, err
		}
	}
	return false, nil
}

// jobUnknown is the error of a batch that is said to be accepted, again and
// again, and that has no job.
func jobUnknown(b *batch, accepted *klaviyo.AcceptedError) error {
	return &Error{
		Summary: "Imports Accepted Without A Job",
		Detail: fmt.Sprintf("An import of %s (%s) was answered with success %d times, but no answer names the job that it became, and the account has no such job. "+
			"The last answer was: %s. Something between this machine and Klaviyo, such as a proxy, seems to answer in Klaviyo's place or to change its answers. "+
			"Check base_url if it is set, and the network between this machine and Klaviyo.",
			Count(int64(len(b.profiles)), "profile"), b.span(), mostSends, accepted),
		Err: accepted,
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
