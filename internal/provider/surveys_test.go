package provider

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// Exports of one segment to several lists share what was read, but not what has
// changed since their last runs.
func TestSurveys_changes(t *testing.T) {
	t.Parallel()
	var s surveys
	if s.find("source", "") != nil {
		t.Error("there is a survey of nothing")
	}
	s.keep("source", &export.Survey{Profiles: 3, Changes: &pipeline.Changes{Since: "one"}})
	if found := s.find("source", "one"); found == nil || found.Changes == nil {
		t.Errorf("of the same export it is %+v", found)
	}
	if found := s.find("source", "other"); found != nil {
		t.Errorf("of another export it is %+v", found)
	}
	if found := s.find("source", ""); found == nil || found.Profiles != 3 || found.Changes != nil {
		t.Errorf("of an export without a sketch it is %+v", found)
	}
	if found := s.find("source", "one"); found.Changes == nil {
		t.Error("the changes are gone")
	}
	s.keep("source", &export.Survey{Profiles: 4})
	if found := s.find("source", "one"); found != nil {
		t.Errorf("without changes it is %+v", found)
	}
}
