package export

import (
	"errors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// PartlySent is the error of a run that failed after Klaviyo had got, or may have got,
// some profiles. What Klaviyo has of these is not known any more, so the next run must
// send them again, even if the segments are again what they were.
type PartlySent struct {
	Err error

	// Acknowledged and AcknowledgedKeys are those of the next run, for which everybody
	// whom this run was to send has changed. They are nil if this run was to send
	// everything, as the next one must.
	Acknowledged, AcknowledgedKeys *sketch.Sketch
}

func (e *PartlySent) Error() string { return e.Err.Error() }

func (e *PartlySent) Unwrap() error { return e.Err }

// partlySent adds to an error of a run that profiles were sent, unless none were or
// it is known which Klaviyo has.
func (s *importStep) partlySent(err error) error {
	var unfinished *UnfinishedRemoval
	if err == nil || !s.imports.Sent() || errors.As(err, &unfinished) && unfinished.Acknowledged != nil {
		return err
	}
	failed := &PartlySent{Err: err}
	if s.sending.only != nil {
		failed.Acknowledged, failed.AcknowledgedKeys = s.sending.unsure()
	}
	return failed
}

// unsure are the profiles that were acknowledged before, and their keys, with marks for
// those that were to be sent.
func (s *sending) unsure() (acknowledged, keys *sketch.Sketch) {
	acknowledged = clone(s.before)
	if s.keysBefore != nil {
		keys = clone(s.keysBefore)
	}
	for key, added := range s.only {
		if !added {
			acknowledged.Add(key, pipeline.Unsure)
			continue
		}
		acknowledged.Add(key, pipeline.AcknowledgedOtherwise)
		if keys != nil {
			keys.Add(key, 0)
		}
	}
	return acknowledged, keys
}

func clone(s *sketch.Sketch) *sketch.Sketch { return without(s, sketch.NewLike(s)) }
