package provider

import (
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// surveys are what this process has found in segments. Terraform makes the plan
// of a resource just before it applies it, in the same process, and reading a
// large segment twice would be a waste. Whether a survey still holds is for
// the run to find out.
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

// find returns the survey of a source, nil if there is none.
func (s *surveys) find(source string) *export.Survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bySource[source]
}
