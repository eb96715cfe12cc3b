package provider

import (
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// surveys are what this process has found in segments. Terraform makes the plan
// of a resource just before it applies it, in the same process, and reading a
// large segment twice would be a waste. Whether a survey still holds is for
// the run to find out.
type surveys struct {
	mu       sync.Mutex
	bySource map[string]*export.Survey
	timeouts map[string]readFailure // of refreshes, by source
}

// readFailure is why segments could not be read within a limit.
type readFailure struct {
	limit time.Duration
	err   error
}

func (s *surveys) keep(source string, survey *export.Survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bySource == nil {
		s.bySource = map[string]*export.Survey{}
	}
	s.bySource[source] = survey
}

// find returns the survey of a source, nil if there is none.
func (s *surveys) find(source string) *export.Survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bySource[source]
}

// keepTimeout records that a refresh could not read a source within a limit.
func (s *surveys) keepTimeout(source string, limit time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timeouts == nil {
		s.timeouts = map[string]readFailure{}
	}
	s.timeouts[source] = readFailure{limit, err}
}

// timedOut returns why a refresh could not read a source within a limit, nil if
// that is not known. It forgets it: the next plan, of a process that makes
// several, looks for itself.
func (s *surveys) timedOut(source string, limit time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.timeouts[source]
	delete(s.timeouts, source)
	if limit > last.limit {
		return nil
	}
	return last.err
}
