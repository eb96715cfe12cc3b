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
	Unsure
}

// Unsure has the next run send again what Klaviyo may have or not.
type Unsure struct {
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
	return &PartlySent{err, s.sending.unsure()}
}

// unsure copies what was acknowledged before, with marks for the profiles that were to be
// sent.
func (s *sending) unsure() (u Unsure) {
	u.MayHaveJoined = slices.Clone(s.mayHaveJoined)
	if s.changes != nil {
		u.MayHaveJoined = append(u.MayHaveJoined, s.changes.Added...)
		slices.Sort(u.MayHaveJoined)
		u.MayHaveJoined = slices.Compact(u.MayHaveJoined)
	}
	if s.only == nil {
		return u
	}
	u.Acknowledged = clone(s.before)
	if s.keysBefore != nil {
		u.AcknowledgedKeys = clone(s.keysBefore)
	}
	for key, added := range s.only {
		switch {
		case !added:
			u.Acknowledged.Add(key, pipeline.Unsure)
		case u.AcknowledgedKeys != nil:
			u.AcknowledgedKeys.Add(key, 0)
		}
	}
	return u
}

func clone(s *sketch.Sketch) *sketch.Sketch { return without(s, sketch.NewLike(s)) }
