package export

import (
	"errors"
	"slices"

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

	MayHaveJoined pipeline.Keys // of the next run
}

func (e *PartlySent) Error() string { return e.Err.Error() }

func (e *PartlySent) Unwrap() error { return e.Err }

// partlySent adds to an error of a run that profiles were sent, unless none were or
// it is known which Klaviyo has.
func (s *importStep) partlySent(err error) error {
	var unfinished *UnfinishedRemoval
	var partly *PartlySubscribed
	known := errors.As(err, &unfinished) && unfinished.Acknowledged != nil || errors.As(err, &partly) && partly.Acknowledged != nil
	if err == nil || !s.imports.Sent() || known {
		return err
	}
	failed := &PartlySent{Err: err, MayHaveJoined: slices.Clone(s.export.MayHaveJoined)}
	if s.sending.changes != nil {
		failed.MayHaveJoined = append(failed.MayHaveJoined, s.sending.changes.Added...)
		slices.Sort(failed.MayHaveJoined)
		failed.MayHaveJoined = slices.Compact(failed.MayHaveJoined)
	}
	if s.sending.only != nil {
		s.sending.markUnsure(failed)
	}
	return failed
}

// markUnsure copies what was acknowledged before, with marks for the profiles that were to
// be sent.
func (s *sending) markUnsure(failed *PartlySent) {
	failed.Acknowledged = clone(s.before)
	if s.keysBefore != nil {
		failed.AcknowledgedKeys = clone(s.keysBefore)
	}
	for key, added := range s.only {
		switch {
		case !added:
			failed.Acknowledged.Add(key, pipeline.Unsure)
		case failed.AcknowledgedKeys != nil:
			failed.AcknowledgedKeys.Add(key, 0)
		}
	}
}

func clone(s *sketch.Sketch) *sketch.Sketch { return without(s, sketch.NewLike(s)) }
