package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// heldUp is what holds a run up, for the error if it is interrupted. Several
// stages wait at once, so the error of the run alone does not say what held it up.
type heldUp struct {
	mu        sync.Mutex
	sentences map[string]string            // by what they are about
	unknown   map[string]klaviyo.JobStatus // by job: statuses that are not known
}

// say records a sentence in place of the one that was recorded about the same.
func (h *heldUp) say(about, sentence string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sentences == nil {
		h.sentences = map[string]string{}
	}
	h.sentences[about] = sentence
}

// failed marks a sentence about requests of which attempts had failed. It is
// shown in place of the one about other requests of the operation.
const failed = ", failed"

// by records what a request was waiting for if its error says that it was
// interrupted, and returns the error.
func (h *heldUp) by(err error) error {
	var interrupted *klaviyo.InterruptedError
	if errors.As(err, &interrupted) {
		about := interrupted.Operation
		if interrupted.Failed() {
			about += failed
		}
		h.say(about, klaviyo.WaitedFor(err))
	}
	return err
}

// byStatus records the status of a job if it is not known. Such a job is not
// taken for done, so the run may wait for it in vain.
func (h *heldUp) byStatus(ctx context.Context, job klaviyo.ImportJob) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if job.Status.Known() {
		delete(h.unknown, job.ID)
		return
	}
	if before, ok := h.unknown[job.ID]; ok && before == job.Status {
		return
	}
	if h.unknown == nil {
		h.unknown = map[string]klaviyo.JobStatus{}
	}
	h.unknown[job.ID] = job.Status
	logging.Warn(ctx, "A job has a status that is not known, and is waited for", logging.Fields{"job": job.ID, "status": string(job.Status)})
}

// String is what the run was held up by, in sentences; empty if that is not
// known.
func (h *heldUp) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var sentences []string
	for _, about := range slices.Sorted(maps.Keys(h.sentences)) {
		if _, better := h.sentences[about+failed]; !better {
			sentences = append(sentences, h.sentences[about])
		}
	}
	byStatus := map[klaviyo.JobStatus][]string{}
	for _, job := range slices.Sorted(maps.Keys(h.unknown)) {
		byStatus[h.unknown[job]] = append(byStatus[h.unknown[job]], job)
	}
	for _, status := range slices.SortedFunc(maps.Keys(byStatus), cmp.Compare[klaviyo.JobStatus]) {
		sentences = append(sentences, unknownStatus(byStatus[status], status))
	}
	return strings.Join(sentences, " ")
}

func unknownStatus(jobs []string, status klaviyo.JobStatus) string {
	if len(jobs) == 1 {
		return fmt.Sprintf("Klaviyo says that job %s has the status %q, which this version of the provider does not know and takes for unfinished.", jobs[0], status)
	}
	return fmt.Sprintf("Klaviyo says that %d jobs have the status %q, which this version of the provider does not know and takes for unfinished: %s.",
		len(jobs), status, tally.Abridged(jobs))
}
