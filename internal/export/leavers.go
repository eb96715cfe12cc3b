package export

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// clocksDiffer is how far the clock of this machine and Klaviyo's may be apart.
const clocksDiffer = 5 * time.Minute

// finder returns the members of the list who are to be removed.
type finder func(context.Context) ([]leaver, error)

// leavers returns what finds those who left; nil if nobody did, or if it cannot be
// known.
func (s *removeStep) leavers() finder {
	e, changes := s.export, s.sending.changes
	listed := e.Acknowledged != nil && changes != nil
	switch {
	case e.Mirror == MirrorAll:
		s.moved = s.changedMeanwhile()
		return s.find(func(member) bool { return true })
	case e.AcknowledgedKeys != nil && (e.RemovalUnfinished || !listed):
		s.moved = s.changedMeanwhile()
		return s.findExported
	case listed && len(changes.Removed) == 0:
		return nil
	case listed:
		return s.find(s.isRemoved)
	default:
		s.unknown = e.Acknowledged != nil
		return nil
	}
}

// changedMeanwhile reports whether the segments had other people when they were read last
// than when they were surveyed or sent.
func (s *removeStep) changedMeanwhile() bool {
	return s.sending.Unsure != nil || s.reader.Addresses() != s.imports.addresses
}

// isRemoved reports whether a member is in the listed changes as one who left.
func (s *removeStep) isRemoved(m member) bool { return s.isListed(m.hash.Lo) }

func (s *removeStep) isListed(email uint64) bool {
	if s.sending.before == nil || s.sending.changes == nil {
		return false
	}
	return s.sending.changes.Removed.Has(pipeline.KeyOf(s.sending.before, email))
}

// readList takes each member of the list once, with whether the segments have the
// address, if only in a row that is rejected.
func (s *removeStep) readList(ctx context.Context, take func(m member, inSegments bool)) error {
	err := s.export.eachMember(ctx, s.client, func(m member) {
		if !s.seen.Add(m.hash) {
			if s.isOtherSpelling(m) {
				take(m, s.inSegments(m))
			}
			return
		}
		if s.reader.Has(m.hash) && !s.imports.optedOut(m.hash) {
			s.met++
		}
		take(m, s.inSegments(m))
	})
	return ListError(s.export.ListID, err)
}

// inSegments reports whether the segments have the address of a member.
func (s *removeStep) inSegments(m member) bool {
	return s.reader.Has(m.hash) || s.reader.OnlyRejected(m.hash)
}

// isOtherSpelling reports whether a member whose mailbox another one has, too, is to be
// removed if no segment has it, and counts it. This export has added only the other one.
func (s *removeStep) isOtherSpelling(m member) bool {
	return m.beyondASCII && s.export.Mirror == MirrorAll && s.seen.Add(profile.HashOf([]byte(m.id)))
}

// find finds the members in none of the segments, as far as they are wanted.
func (s *removeStep) find(wanted func(member) bool) finder {
	return func(ctx context.Context) (leavers []leaver, err error) {
		err = s.readList(ctx, func(m member, in bool) {
			if !in && wanted(m) {
				leavers = append(leavers, leaver{m.id, m.hash.Lo})
			}
		})
		return leavers, err
	}
}

// findExported finds those who left when the changes cannot be listed. The list and
// whom this export has put there differ by the strangers on the list, if these are not too
// many: then they are known, and everybody else who is not in the segments has left
// them. Two kinds of people would blur that difference. Whoever is new in the segments
// has joined since the last run and is left out. Whoever is withheld counts as a
// member, since the last run has withheld most of them too.
func (s *removeStep) findExported(ctx context.Context) ([]leaver, error) {
	put := s.export.AcknowledgedKeys
	list := cmp.Or(s.sending.withheldKeys, sketch.NewLike(put))
	var leavers, left []leaver
	err := s.readList(ctx, func(m member, in bool) {
		key := pipeline.KeyOf(put, m.hash.Lo)
		leaving := s.export.Leaving.Has(key)
		switch {
		case leaving && in, s.reader.Has(m.hash) && s.imports.optedOut(m.hash), in && s.export.isNew(m):
		case leaving:
			leavers = append(leavers, leaver{m.id, m.hash.Lo})
		case in:
			list.Add(key, 0)
		default:
			left = append(left, leaver{m.id, m.hash.Lo})
			list.Add(key, 0)
		}
	})
	if err != nil {
		return nil, err
	}
	strangers, ok := onlyIn(list, put)
	if !ok {
		s.unknown = true
		return leavers, nil
	}
	for _, l := range left {
		if !among(strangers, pipeline.KeyOf(put, l.email)) {
			leavers = append(leavers, l)
		}
	}
	return leavers, nil
}

// isNew reports whether a member has joined the list after the last run.
func (e *Export) isNew(m member) bool {
	return !e.AcknowledgedAt.IsZero() && m.joined.After(e.AcknowledgedAt.Add(clocksDiffer))
}

// among reports whether a key is one of sorted entries.
func among(entries []sketch.Entry, key uint64) bool {
	_, found := slices.BinarySearchFunc(entries, key, func(e sketch.Entry, key uint64) int { return cmp.Compare(e.Key, key) })
	return found
}

// onlyIn lists what one sketch has and another has not, in ascending order. It
// reports false if they differ too much.
func onlyIn(s, other *sketch.Sketch) (only []sketch.Entry, ok bool) {
	difference, err := s.Subtract(other)
	if err != nil {
		return nil, false
	}
	only, _, ok = difference.Peel()
	return only, ok
}
