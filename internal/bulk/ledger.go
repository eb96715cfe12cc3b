package bulk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// ledger knows where the rows of a run are.
type ledger struct {
	mu        sync.Mutex
	packed    tally.Row            // the last row, of those sent for the first time, in a batch that left the packer
	batches   int64                // that left the packer
	all       bool                 // there are no more to come
	resending bool                 // the batches hold what failed before
	failed    int64                // profiles that failed and are still to be sent again
	unsent    map[*batch]span      // that Klaviyo refused, as a whole or in pieces, and that were not sent again
	underway  map[*batch]span      // sent, without an answer yet
	open      map[string]*manifest // by job: accepted, not known to be done
	cancelled map[string]*manifest // by job: accepted, and cancelled in Klaviyo
	accepted  int64                // profiles in jobs
	settled   int64                // of those, in jobs that are done
	exported  int64                // of those, acknowledged
	jobs      int64                // accepted
	finished  int64                // of those, done
}

func newLedger() ledger {
	return ledger{
		unsent: map[*batch]span{}, underway: map[*batch]span{},
		open: map[string]*manifest{}, cancelled: map[string]*manifest{},
	}
}

// begin records that there will be batches, of profiles that failed before if resending
// is set.
func (l *ledger) begin(resending bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.resending = false, resending
}

// fail records that so many profiles failed and are to be sent again, or that as many
// fewer are.
func (l *ledger) fail(profiles int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed += int64(profiles)
}

// pack records a batch that has left the packer: its last row, and how many profiles it has.
func (l *ledger) pack(last tally.Row, profiles int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resending {
		l.failed -= int64(profiles)
	} else {
		l.packed = last
	}
	l.batches++
}

// packedBatches is how many batches have left the packer.
func (l *ledger) packedBatches() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.batches
}

// packedAll records that there will be no further batch.
func (l *ledger) packedAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = true
}

// send records a request that is about to be made.
func (l *ledger) send(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.unsent, b)
	l.underway[b] = b.span()
}

// refuse records that Klaviyo has taken nothing of a batch.
func (l *ledger) refuse(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underway, b)
	l.unsent[b] = b.span()
}

// shrink records that a batch has fewer profiles than when it was sent.
func (l *ledger) shrink(b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, batches := range []map[*batch]span{l.unsent, l.underway} {
		if _, ok := batches[b]; !ok {
			continue
		}
		if len(b.profiles) == 0 {
			delete(batches, b)
		} else {
			batches[b] = b.span()
		}
	}
}

// replace records what is to be sent in place of a batch that was refused:
// nothing if no profile of it is left.
func (l *ledger) replace(b *batch, pieces ...*batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.unsent, b)
	delete(l.underway, b)
	for _, piece := range pieces {
		l.unsent[piece] = piece.span()
	}
}

// accept records that a batch has become a job.
func (l *ledger) accept(b *batch, job string) {
	m := newManifest(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underway, b)
	l.open[job] = m
	l.accepted += int64(m.profiles())
	l.jobs++
}

// finish takes a job off the open ones. So many of its profiles are not known to
// be imported.
func (l *ledger) finish(job string, lacking int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	profiles := l.open[job].profiles()
	l.settled += int64(profiles)
	l.exported += int64(profiles - lacking)
	delete(l.open, job)
	l.finished++
}

// cancel takes a job off the open ones that never will be done.
func (l *ledger) cancel(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancelled[job] = l.open[job]
	delete(l.open, job)
}

// unfinished is a part of a run that is not known to be done, for the log.
type unfinished struct {
	message string
	fields  logging.Fields
}

// unfinished returns all that is not known to be done.
func (l *ledger) unfinished() (all []unfinished) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for job, m := range l.open {
		all = append(all, unfinished{"Klaviyo had not finished a job", logging.Fields{"job": job, "profiles": m.profiles(), "rows": m.span().String()}})
	}
	for job, m := range l.cancelled {
		all = append(all, unfinished{"A job was cancelled in Klaviyo", logging.Fields{"job": job, "profiles": m.profiles(), "rows": m.span().String()}})
	}
	for b, rows := range l.underway {
		all = append(all, unfinished{"A batch was under way", logging.Fields{"profiles": len(b.profiles), "rows": rows.String()}})
	}
	for b, rows := range l.unsent {
		all = append(all, unfinished{"A batch was not accepted", logging.Fields{"profiles": len(b.profiles), "rows": rows.String()}})
	}
	return all
}

// warn logs all that is not known to be done: an error names only so much. It
// logs without the lock, since nobody knows how long writing a log takes.
func (l *ledger) warn(ctx context.Context) {
	for _, u := range l.unfinished() {
		logging.Warn(ctx, u.message, u.fields)
	}
}

// isEmpty reports whether Klaviyo has accepted nothing yet.
func (l *ledger) isEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.jobs == 0
}

// waiting returns a copy of the open jobs.
func (l *ledger) waiting() map[string]*manifest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.open)
}

// String says what Klaviyo has of a run that ended early, and which rows it is
// not known to have.
func (l *ledger) String() string { return l.inWords("Apply again") }

// inWords is String, with what is to be done in the end.
func (l *ledger) inWords(advice string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	if l.finished > 0 {
		parts = append(parts, fmt.Sprintf("Klaviyo had finished %s with %s.", tally.Count(l.finished, "import job"), tally.Count(l.settled, "profile")))
	}
	if len(l.open) > 0 {
		var spans []span
		var profiles int64
		for _, m := range l.open {
			spans = append(spans, m.span())
			profiles += int64(m.profiles())
		}
		parts = append(parts, fmt.Sprintf("Klaviyo had accepted but not finished %s with %s (%s): %s. Klaviyo most likely finishes this by itself.",
			tally.Count(int64(len(l.open)), "job"), tally.Count(profiles, "profile"), strings.Join(slices.Sorted(maps.Keys(l.open)), ", "), spansInWords(spans)))
	}
	if len(l.cancelled) > 0 {
		parts = append(parts, cancelledInWords(l.cancelled))
	}
	if len(l.underway) > 0 {
		parts = append(parts, batchesInWords(l.underway, "under way and may have arrived"))
	}
	if parts == nil && l.jobs == 0 {
		return "Klaviyo had not accepted any profile yet."
	}
	if len(l.unsent) > 0 {
		parts = append(parts, batchesInWords(l.unsent, "not accepted"))
	}
	if l.failed > 0 {
		parts = append(parts, tally.CountWith(l.failed, "profile", "was", "were")+" still to be sent again, since Klaviyo had not imported them.")
	}
	if !l.all && !l.resending {
		parts = append(parts, fmt.Sprintf("What comes after row %s of segment %q was not sent.", tally.Thousands(l.packed.Number), l.packed.Segment))
	}
	parts = append(parts, advice+": profiles that have arrived are not added twice, and those that have not are sent.")
	return strings.Join(parts, " ")
}

// inOrderOfRows is the ids of jobs in the order of their rows.
func inOrderOfRows(jobs map[string]*manifest) []string {
	return slices.SortedFunc(maps.Keys(jobs), func(a, b string) int {
		return cmp.Compare(jobs[a].part.from, jobs[b].part.from)
	})
}

// cancelledInWords names jobs that were cancelled, in the order of their rows.
func cancelledInWords(jobs map[string]*manifest) string {
	var texts []string
	for _, id := range inOrderOfRows(jobs) {
		texts = append(texts, fmt.Sprintf("%s with %s, %s", id, tally.Count(int64(jobs[id].profiles()), "profile"), jobs[id].span()))
	}
	return fmt.Sprintf("Cancelled in Klaviyo: %s; which of these profiles are on the list is not known.", strings.Join(texts, "; "))
}

// batchesInWords says where batches are and which rows they hold.
func batchesInWords(batches map[*batch]span, where string) string {
	var profiles int64
	for b := range batches {
		profiles += int64(len(b.profiles))
	}
	return fmt.Sprintf("%s %s: %s.", tally.CountWith(profiles, "profile", "was", "were"), where, spansInWords(slices.Collect(maps.Values(batches))))
}
