package export

import (
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// UnfinishedRemoval is the error of a run that has sent everything and then failed to
// remove everybody from the list who left. The next run goes on with [Export] fields
// that are set from it.
type UnfinishedRemoval struct {
	Err error
	At  time.Time

	Left    int64 // members who are still to be removed; -1 if that is not known
	Members int64 // of the list by then, at least; -1 if that is not known

	// Acknowledged and AcknowledgedKeys are those of the next run. They are nil if
	// those of this run remain valid.
	Acknowledged, AcknowledgedKeys *sketch.Sketch

	// Listed says that whoever is still to be removed is in Acknowledged, so that the
	// next run lists them as changes. Otherwise they are in AcknowledgedKeys and Leaving,
	// for [Export.RemovalUnfinished].
	Listed  bool
	Leaving pipeline.Keys
}

func (e *UnfinishedRemoval) Error() string { return e.Err.Error() }

func (e *UnfinishedRemoval) Unwrap() error { return e.Err }

// unfinished describes a removal that failed. What was sent is acknowledged, so that it
// need not be sent again; whoever is still on the list is added, so that the next run
// finds them as people who left.
func (s *removeStep) unfinished(err error) *UnfinishedRemoval {
	u := &UnfinishedRemoval{Err: err, At: s.export.clock().Now().UTC(), Left: -1, Members: -1, Listed: !s.export.RemovalUnfinished}
	left, doubtful := s.removal.left()
	if s.found {
		u.Left = int64(len(left) + len(doubtful))
		u.Members = int64(s.seen.Len()-len(doubtful)) - s.removal.removed.Load()
	}
	sending := s.sending
	acknowledged, keys := sending.Acknowledged, sending.AcknowledgedKeys
	if acknowledged == nil || sending.Unsure != nil || keys == nil {
		return u
	}
	listed := sending.before != nil && sending.changes != nil && !s.export.RemovalUnfinished
	remaining, inDoubt := s.keysOf(keys, left), s.keysOf(keys, doubtful)
	switch {
	case s.found:
	case listed && !sending.resized: // the keys are of the same salt
		remaining = sending.changes.Removed
	default:
		gone, ok := s.noLongerAcknowledged(keys)
		if !ok {
			return u
		}
		remaining = gone
	}
	if listed {
		remaining, inDoubt = append(remaining, inDoubt...), nil
	}
	for _, key := range remaining {
		keys.Add(key, 0)
		if listed {
			acknowledged.Add(key, pipeline.AcknowledgedOtherwise)
		}
	}
	slices.Sort(inDoubt)
	u.Acknowledged, u.AcknowledgedKeys, u.Listed, u.Leaving = acknowledged, keys, listed, inDoubt
	return u
}

// noLongerAcknowledged are the keys of those whom this export had put on the list and who are
// not among those acknowledged now, if they are not too many. Without them, the next run would
// have to go by the keys before, which lack whoever has joined with this run.
func (s *removeStep) noLongerAcknowledged(keys *sketch.Sketch) (gone pipeline.Keys, ok bool) {
	before := s.sending.keysBefore
	if before == nil || len(s.export.Leaving) > 0 { // who is in doubt may be acknowledged again
		return nil, false
	}
	entries, ok := onlyIn(before, keys)
	for _, entry := range entries {
		gone = append(gone, entry.Key)
	}
	return gone, ok
}

// keysOf are the keys of those leavers whom this export has put on the list.
func (s *removeStep) keysOf(like *sketch.Sketch, leavers []leaver) (keys pipeline.Keys) {
	for _, l := range leavers {
		if s.export.Mirror == MirrorExported || s.isListed(l.email) {
			keys = append(keys, pipeline.KeyOf(like, l.email))
		}
	}
	return keys
}
