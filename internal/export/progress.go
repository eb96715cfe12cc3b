package export

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// progressInterval is how often a run tells how far it is.
const progressInterval = 5 * time.Second

// lastReportWait is how long a run that is over waits for its listener to take
// the last report. A listener that still reads takes it at once.
const lastReportWait = time.Second

// Progress is how far a run is.
type Progress struct {
	// Preparing is the stage of a run that has sent nothing yet. Rows are then those
	// read in that stage, and the other fields are zero.
	Preparing string

	// Removing says that everything was sent and that the run now takes Removed
	// members from the list who left the segments; the rest is zero.
	Removing bool
	Removed  int64

	// Subscribing says that all profiles were sent and that the run now passes on
	// consents: Subscribed of ToSubscribe are dealt with. The rest is zero.
	Subscribing             bool
	Subscribed, ToSubscribe int64

	Elapsed  time.Duration // since the run began to do so, or to send
	Rows     int64         // read
	Accepted int64         // profiles in jobs that Klaviyo accepted
	Expected int64         // profiles that there will be, as far as is known
	Batches  int64         // packed
	Jobs     int64         // accepted
	Finished int64         // of these jobs

	// Remaining is about how long the rest will take.
	Remaining time.Duration

	// Repeating says which request is being repeated, and why; empty for none.
	Repeating string
}

// String is the progress in words: "120,000 rows read; 80,000 of 100,000
// profiles accepted in 8 jobs, 5 of them done; 9,800 profiles a second, about
// 4s left". What is being repeated comes last.
func (p Progress) String() string {
	if p.Repeating != "" {
		repeating := p.Repeating
		p.Repeating = ""
		return p.String() + "; " + repeating
	}
	if p.Preparing != "" {
		text := "nothing sent yet, " + p.Preparing
		if p.Rows > 0 {
			text += "; " + tally.Count(p.Rows, "row") + " read"
		}
		return text
	}
	if p.Removing {
		return "all profiles sent, " + tally.Count(p.Removed, "member") + " who left the segments removed from the list"
	}
	if p.Subscribing {
		return "all profiles sent, " + tally.Thousands(p.Subscribed) + " of the consents of " + tally.Count(p.ToSubscribe, "profile") + " dealt with"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s read; %s of %s accepted in %s", tally.Count(p.Rows, "row"), tally.Thousands(p.Accepted), tally.Count(p.Expected, "profile"), tally.Count(p.Jobs, "job"))
	if p.Jobs > 0 {
		fmt.Fprintf(&b, ", %s of them done", tally.Thousands(p.Finished))
	}
	if rate := p.Rate(); rate > 0 {
		fmt.Fprintf(&b, "; %s a second", tally.Count(rate, "profile"))
	}
	if left := p.Remaining.Round(time.Second); left > 0 {
		fmt.Fprintf(&b, ", about %s left", left)
	}
	return b.String()
}

// Rate is the number of profiles a second that were accepted so far.
func (p Progress) Rate() int64 {
	if p.Elapsed < time.Second {
		return 0
	}
	return int64(float64(p.Accepted) / p.Elapsed.Seconds())
}

// Jobs is how many import jobs so many profiles take, as far as their size
// allows.
func Jobs(profiles int64) int64 {
	return (profiles + klaviyo.MaxImportProfiles - 1) / klaviyo.MaxImportProfiles
}

// Shortest is the least time that Klaviyo's limits allow so many profiles to
// be sent in.
func Shortest(profiles int64) time.Duration { return klaviyo.ImportsTake(Jobs(profiles)) }

// newProgress is how far a run is that sends profiles.
func newProgress(elapsed time.Duration, rows, expected int64, sent bulk.Progress) Progress {
	p := Progress{Elapsed: elapsed, Rows: rows, Accepted: sent.Accepted, Batches: sent.Batches, Jobs: sent.Jobs, Finished: sent.Finished}
	p.Expected = max(expected, p.Accepted)
	p.Remaining = Shortest(p.Expected - p.Accepted)
	// Sending a profile counts as half of the work, and Klaviyo's import as the rest.
	if done := float64(p.Accepted+sent.Settled) / float64(2*max(p.Expected, 1)); done > 0 {
		p.Remaining = max(p.Remaining, time.Duration(float64(p.Elapsed)*(1-done)/done))
	}
	return p
}

// interval is how often a run tells how far it is.
func (o RunOptions) interval() time.Duration { return cmp.Or(o.ProgressInterval, progressInterval) }

// reportAside returns a function that hands reports to a listener without
// waiting for it. The listener gets one report at a time, and of those that come
// while it is busy only the newest. end waits for the last report to be taken,
// but not for long; after it the listener is not called again. Neither function
// may be called while the other, or itself, is under way.
func reportAside(listener func(Progress)) (report func(Progress), end func()) {
	if listener == nil {
		return nil, func() {}
	}
	newest, ended := make(chan Progress, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for p := range newest {
			listener(p)
		}
	}()
	report = func(p Progress) {
		select {
		case <-newest:
		default:
		}
		newest <- p // never blocks: this is the only sender
	}
	end = func() {
		close(newest)
		timer := time.NewTimer(lastReportWait)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
			for range newest { // not for a listener that returns only later
			}
		}
	}
	return report, end
}

// report logs how far a run is, and tells the listener, who may be nil.
func report(ctx context.Context, p Progress, listener func(Progress)) {
	p.Repeating = klaviyo.Retrying(ctx)
	switch {
	case p.Removing:
		logging.Info(ctx, "Removing from the list", logging.Fields{"removed": p.Removed, "repeating": p.Repeating})
	case p.Subscribing:
		logging.Info(ctx, "Subscribing", logging.Fields{"profiles_dealt_with": p.Subscribed, "profiles_expected": p.ToSubscribe, "repeating": p.Repeating})
	default:
		logging.Info(ctx, "Exporting", logging.Fields{
			"rows": p.Rows, "profiles_accepted": p.Accepted, "profiles_expected": p.Expected,
			"batches": p.Batches, "jobs": p.Jobs, "jobs_finished": p.Finished, "profiles_per_second": p.Rate(), "seconds_left": int64(p.Remaining.Seconds()),
			"repeating": p.Repeating,
		})
	}
	if listener != nil {
		listener(p)
	}
}
