package bulk

import (
	"context"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// settle takes a job of the run that is done off the open ones, with what became
// of its profiles. m is nil for a job of somebody else's.
func (im *Import) settle(ctx context.Context, job klaviyo.ImportJob, m *manifest) error {
	if m == nil {
		return nil
	}
	if im.held.byStatus(ctx, job); !job.Done() {
		return nil
	}
	if job.Status == klaviyo.JobCancelled {
		im.ledger.cancel(job.ID)
		return nil
	}
	o, err := im.collectOutcome(ctx, job, m)
	if err != nil {
		return err
	}
	im.ledger.finish(job.ID, o.failed+o.unconfirmed)
	logging.Info(ctx, "Klaviyo finished a job", logging.Fields{"job": job.ID, "profiles": m.profiles(), "failed": o.failed})
	if o.unconfirmed > 0 || job.TotalCount >= 0 && job.TotalCount != int64(m.profiles()) {
		logging.Warn(ctx, "The counts of a job do not add up to its profiles", logging.Fields{
			"job": job.ID, "profiles": m.profiles(), "rows": m.span().String(), "unconfirmed": o.unconfirmed,
			"total_count": job.TotalCount, "completed_count": job.CompletedCount, "failed_count": job.FailedCount,
		})
	}
	return nil
}

// outcome is what became of the profiles of a finished job that were not
// imported, or of which that is not known.
type outcome struct{ failed, unconfirmed int }

// outcomeOf works that out for so many profiles sent, from the counts of the job
// and from its import errors: named is how many profiles they name, nameless how
// many errors name none.
//
// Failed is what the count says or the errors name, whichever is more. The
// errors that name no profile are about further ones, as far as the counts allow. Imported is what is counted as completed and has not failed.
// Where Klaviyo does not count the completed, it is the rest of the total.
func outcomeOf(job klaviyo.ImportJob, sent, named, nameless int) outcome {
	within := func(count int64) int { return int(min(max(count, 0), int64(sent))) }
	lower, upper := named, sent
	if job.FailedCount >= 0 {
		lower = max(named, within(job.FailedCount))
		upper = lower
		if job.CompletedCount >= 0 {
			upper = max(lower, sent-within(job.CompletedCount))
		}
	}
	failed := max(lower, min(named+nameless, upper))
	imported := sent - failed
	switch {
	case job.CompletedCount >= 0:
		imported = min(imported, within(job.CompletedCount))
	case job.TotalCount >= 0:
		imported = min(imported, max(within(job.TotalCount)-failed, 0))
	}
	return outcome{failed, sent - failed - imported}
}

// collectOutcome reports which profiles a job could not import and why, and
// those that it does not account for. A profile with several errors failed once.
func (im *Import) collectOutcome(ctx context.Context, job klaviyo.ImportJob, m *manifest) (outcome, error) {
	if job.FailedCount == 0 && outcomeOf(job, m.profiles(), 0, 0) == (outcome{}) {
		return outcome{}, nil
	}
	addresses := m.index()
	failed := map[int]bool{}
	var nameless []klaviyo.ImportError // that do not say which profile they are about
	for e, err := range im.client.ImportErrors(ctx, job.ID) {
		if err != nil {
			return outcome{}, err
		}
		i, ok := addresses.find(e.Email)
		if !ok {
			i, ok = e.Profile()
			ok = ok && i < m.profiles() && !im.lost.wasFound(job.ID)
		}
		switch {
		case !ok:
			nameless = append(nameless, e)
		case !failed[i]:
			failed[i] = true
			im.fail(Failure{kindOf(e), m.row(i), m.ids[i]}, e)
		}
	}
	o := outcomeOf(job, m.profiles(), len(failed), len(nameless))
	im.rejectNameless(nameless, o.failed-len(failed))
	if o.unconfirmed > 0 {
		im.Report.leaveOpen(job.ID, m, o.unconfirmed)
	}
	return o, nil
}

// rejectNameless reports so many profiles that failed and are not known, with
// the reasons that there are. Of more reasons some are about the same profile.
func (im *Import) rejectNameless(reasons []klaviyo.ImportError, profiles int) {
	for i := range profiles {
		if i < len(reasons) {
			e := reasons[i]
			im.fail(Failure{Kind: kindOf(e)}, e)
			continue
		}
		im.reject(Failure{Kind: Unexplained}, "not_imported", profile.Target{}, "Klaviyo: the profile was not imported, without a reason")
	}
}
