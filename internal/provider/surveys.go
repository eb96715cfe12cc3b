package provider

import (
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// surveys are what this process has found in segments, by source. Terraform
// plans a resource again just before it applies it, in the same process, and need
// not read a large segment twice. The run checks whether the survey still holds.
type surveys struct {
	mu       sync.Mutex
	bySource map[string]*export.Survey
}

func (s *surveys) keep(source string, survey *export.Survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bySource == nil {
		s.bySource = map[string]*export.Survey{}
	}
	s.bySource[source] = survey
}

// find returns the survey of a source, nil if there is none. since identifies what
// its changes must be compared with, empty for a survey without changes. Exports of
// the same segments to several lists share a survey, but not its changes.
func (s *surveys) find(source, since string) *export.Survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	survey := s.bySource[source]
	switch {
	case survey == nil:
		return nil
	case since == "":
		without := *survey
		without.Changes = nil
		return &without
	case survey.Changes == nil || survey.Changes.Since != since:
		return nil
	default:
		return survey
	}
}

// refreshes are the outcomes of the refreshes that this process has made, by
// export. Terraform refreshes and plans in one process and applies in another,
// so only a plan that directly follows its refresh finds one here.
type refreshes struct {
	mu       sync.Mutex
	byExport map[string]refreshOutcome
}

// refreshOutcome is what a refresh could read, and what it could not.
type refreshOutcome struct {
	survey     *export.Survey // nil if the segments could not be read
	listFailed bool           // the list could not be read
	timeout    readFailure
}

// readFailure is why segments could not be read within a limit.
type readFailure struct {
	limit time.Duration
	err   error
}

// within returns the error if reading failed with this limit or a higher one.
func (f readFailure) within(limit time.Duration) error {
	if limit > f.limit {
		return nil
	}
	return f.err
}

func (r *refreshes) keep(export string, outcome refreshOutcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byExport == nil {
		r.byExport = map[string]refreshOutcome{}
	}
	r.byExport[export] = outcome
}

// find returns the outcome of the refresh of an export. ok is false if this
// process has made none.
func (r *refreshes) find(export string) (outcome refreshOutcome, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	outcome, ok = r.byExport[export]
	return outcome, ok
}
