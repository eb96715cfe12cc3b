package export

import (
	"crypto/rand"
	"slices"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/bulk"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// knowsChanges reports whether a survey tells the changes since the profiles that
// Klaviyo acknowledged, as far as those are known.
func (e *Export) knowsChanges(s *Survey) bool {
	return e.Acknowledged == nil || e.SendEverything || e.listsChanges(s)
}

// listsChanges reports whether a survey lists the changes since the profiles that
// Klaviyo acknowledged.
func (e *Export) listsChanges(s *Survey) bool {
	return e.Acknowledged != nil && s.Changes != nil && s.Changes.Since == e.Acknowledged.Identity()
}

// Joining is how many profiles at most a run would add to the list. Subscribing adds
// people, too, and may start flows unless their consent has a date.
func (e *Export) Joining(s *Survey) int64 {
	if e.Acknowledged == nil || s.Changes == nil || e.SendEverything {
		return s.Profiles
	}
	joining := int64(len(s.Changes.Added) + len(s.Changes.Missing))
	if !e.historical() {
		joining += e.Subscribes(s) // some of them are new, too
	}
	return min(joining, s.Profiles)
}

// Sends is how many profiles a run will send, unless they are withheld.
func (e *Export) Sends(s *Survey) int64 {
	if e.Acknowledged == nil || s.Changes == nil || e.SendEverything {
		return s.Profiles
	}
	return int64(len(s.Changes.Added)) + s.Changes.Resent()
}

// Sent is what a run sent.
type Sent struct {
	Everything bool // rather than what had changed

	// Added and Updated are how many profiles were new or had changed, those that are
	// withheld among them, and Unchanged how many were not sent since Klaviyo has
	// acknowledged them before. All are 0 if everything was sent.
	Added, Updated, Unchanged int64

	// Left is how many profiles have left the segments since the last run, if that
	// is known, whether they are removed from the list or not.
	Left int64

	// Acknowledged are the profiles of the segments that Klaviyo has acknowledged by
	// now, those that are withheld among them. It is nil if that is not known.
	Acknowledged *sketch.Sketch

	// AcknowledgedKeys are the keys of Acknowledged, if the export keeps them. They
	// are known even if it is not known of a few profiles whether Klaviyo has
	// acknowledged them.
	AcknowledgedKeys *sketch.Sketch

	// Unsure is set if the segments changed while the run sent their changes. The next
	// run is due then, even if the segments are again as they were.
	Unsure *Unsure
}

// sending decides which profiles a run sends and remembers which of them Klaviyo
// has acknowledged.
type sending struct {
	Sent

	before     *sketch.Sketch    // acknowledged before the run; nil if that is not known
	keysBefore *sketch.Sketch    // likewise
	changes    *pipeline.Changes // since then; nil if they are not known
	only       map[uint64]bool   // keys of the changed profiles, true for those that were added; nil for everything
	read       *sketch.Sketch    // all profiles; nil if no sketch is kept

	mayHaveJoined pipeline.Keys  // see [Export]
	resized       bool           // read cannot be compared with before
	keys          *sketch.Sketch // keys of read; nil unless they are kept

	withheldKeys *sketch.Sketch // of profiles that are withheld, like keysBefore; nil without that
	people       *sketch.Sketch // keys of all profiles, like keysBefore; nil without that, or if changes are known

	mu         sync.Mutex
	failed     *sketch.Sketch // profiles of read that Klaviyo did not import, less what stands for them in Acknowledged
	failedKeys *sketch.Sketch // keys of those that it has never imported
	unknown    bool           // it is not known who else failed

	memberships bool // are entries of read, too
}

func (e *Export) newSending(surveyed *Survey) *sending {
	s := &sending{before: e.Acknowledged, keysBefore: e.AcknowledgedKeys, mayHaveJoined: e.MayHaveJoined, memberships: e.SegmentProperty != ""}
	if !e.TrackChanges {
		s.Everything = true
		return s
	}
	if c := surveyed.Changes; e.listsChanges(surveyed) {
		s.changes, s.Left = c, int64(len(c.Removed))
		if !e.SendEverything {
			s.only = onlyChanged(c)
		}
	}
	s.Everything = s.only == nil
	cells := sketch.CellsFor(int(surveyed.Profiles))
	if s.before != nil && s.keepsSize(e, cells) {
		s.read = sketch.NewLike(s.before)
	} else {
		s.read, s.resized = sketch.New(e.newSalt(), cells), true
	}
	s.failed, s.failedKeys = sketch.NewLike(s.read), sketch.NewLike(s.read)
	if e.Mirror != MirrorNone || e.KeepKeys {
		s.keys = sketch.NewLike(s.read)
	}
	if s.keysBefore != nil {
		s.withheldKeys = sketch.NewLike(s.keysBefore)
		if s.changes == nil {
			s.people = sketch.NewLike(s.keysBefore)
		}
	}
	return s
}

// keepsSize reports whether the sketch of this run is of the size and the salt of the one
// before although another number of cells would be best. If somebody left, or may have, a
// removal that is interrupted before it has read the list knows them by the keys of that
// salt only.
func (s *sending) keepsSize(e *Export, cells int) bool {
	have := s.before.Cells()
	leavers := e.Mirror != MirrorNone && (s.changes == nil || len(s.changes.Removed) > 0)
	return have == cells || leavers && have < 2*cells && cells < 2*have
}

// onlyChanged are the keys of profiles that were added, updated or are missing on the
// list, true for the first.
func onlyChanged(c *pipeline.Changes) map[uint64]bool {
	only := make(map[uint64]bool, len(c.Added)+len(c.Updated))
	for _, key := range c.Added {
		only[key] = true
	}
	for _, key := range slices.Concat(c.Updated, c.Missing) {
		only[key] = false
	}
	return only
}

// expected is how many profiles will be sent.
func (s *sending) expected(surveyed *Survey) int64 {
	if s.only == nil {
		return surveyed.Profiles
	}
	return int64(len(s.only))
}

// note takes in a profile that was read, whether it is sent or not.
func (s *sending) note(p *pipeline.Profile) {
	if s.keys != nil {
		s.keys.Add(p.Key, 0)
	}
	if s.people != nil {
		s.people.Add(pipeline.KeyOf(s.people, p.Email.Lo), 0)
	}
}

// withhold takes in a profile that is not sent because the person opted out.
func (s *sending) withhold(p *pipeline.Profile) {
	if s.withheldKeys != nil {
		s.withheldKeys.Add(pipeline.KeyOf(s.withheldKeys, p.Email.Lo), 0)
	}
}

// takes reports whether a profile is to be sent, and counts it.
func (s *sending) takes(p *pipeline.Profile) bool {
	if s.only == nil {
		return true
	}
	key := p.Key
	if s.resized {
		key = pipeline.KeyOf(s.before, p.Email.Lo)
	}
	added, changed := s.only[key]
	switch {
	case added:
		s.Added++
	case changed:
		s.Updated++
	default:
		s.Unchanged++
	}
	return changed
}

// fail takes in a profile that Klaviyo did not import. It is safe for concurrent
// use.
func (s *sending) fail(id bulk.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.read == nil:
	case id == (bulk.ID{}):
		s.unknown = true
	default:
		s.count(id, (*sketch.Sketch).Add, (*sketch.Sketch).Remove)
	}
}

// sentAgain takes in a profile that is sent once more after it failed.
func (s *sending) sentAgain(id bulk.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != nil {
		s.count(id, (*sketch.Sketch).Remove, (*sketch.Sketch).Add)
	}
}

// count adds a profile to those that failed. With add and remove exchanged, it undoes
// that.
func (s *sending) count(id bulk.ID, add, remove func(s *sketch.Sketch, key, value uint64)) {
	e := pipeline.EntryOf(s.failed, id.Email, id.Content)
	add(s.failed, e.Key, e.Value)
	if s.changes != nil {
		if !s.changes.Added.Has(pipeline.KeyOf(s.before, id.Email)) { // Klaviyo has it with other values
			remove(s.failed, e.Key, pipeline.AcknowledgedOtherwise)
			return
		}
	}
	if s.memberships {
		remove(s.failed, e.Key, pipeline.NeverAcknowledged)
	}
	add(s.failedKeys, e.Key, 0)
}

// finish works out who is acknowledged once the run is over, and what of a survey
// of the segments as they were sent has changed since then. surveyed is the one that
// told what to send.
func (s *sending) finish(sent, surveyed *Survey) {
	sent.Changes = nil
	if s.read == nil {
		return
	}
	moved := sent.Fingerprint != surveyed.Fingerprint
	rejected := s.keepRejected(sent, moved)
	if moved && s.only != nil {
		// Neither what the survey found nor what was read later was sent as a whole.
		next := s.unsure()
		s.Unsure, s.Acknowledged, s.AcknowledgedKeys = &next, next.Acknowledged, next.AcknowledgedKeys
		sent.Fingerprint = surveyed.Fingerprint
		return
	}
	if moved {
		s.changes = nil // they are those of what was surveyed
	}
	s.keepFailed()
	if s.keys != nil {
		s.AcknowledgedKeys = without(s.keys, s.failedKeys)
		for _, key := range rejected {
			s.AcknowledgedKeys.Add(key, 0)
		}
	}
	if s.unknown {
		return
	}
	s.Acknowledged = without(s.read, s.failed)
	for _, key := range rejected {
		s.Acknowledged.Add(key, pipeline.AcknowledgedOtherwise)
	}
	if sent.Changes, _ = pipeline.Compare(s.Acknowledged, s.read); sent.Changes != nil { // nobody else is acknowledged and was not read
		sent.Changes.Rejected, sent.Changes.Removed = sent.Changes.Removed, nil
	}
}

// keepRejected returns the keys, in the sketches of this run, of those on the list, as far
// as this export knows, whose rows are rejected: Klaviyo has them with other values. Of the
// listed changes nobody of them counts as one who left. moved says that other profiles
// were read for sending than for the survey.
func (s *sending) keepRejected(sent *Survey, moved bool) pipeline.Keys {
	if s.changes == nil {
		return s.keepRejectedUnlisted(sent)
	}
	changes := *s.changes
	changes.KeepRejected(sent, s.before)
	s.changes, s.Left = &changes, int64(len(changes.Removed))
	if !moved && !s.resized { // with those who had a rejected row when they were surveyed, and have none any more
		return changes.Rejected
	}
	return sent.RejectedKeys(s.read, func(email uint64) bool { return changes.Rejected.Has(pipeline.KeyOf(s.before, email)) })
}

// keepRejectedUnlisted is keepRejected if too much has changed to be listed. The keys
// alone, which most people keep, may tell who is new; whoever is not was on the list.
func (s *sending) keepRejectedUnlisted(sent *Survey) pipeline.Keys {
	if s.people == nil {
		return nil
	}
	for _, key := range sent.RejectedKeys(s.people, func(uint64) bool { return true }) {
		s.people.Add(key, 0)
	}
	newcomers, ok := onlyIn(s.people, s.keysBefore)
	if !ok {
		return nil
	}
	return sent.RejectedKeys(s.read, func(email uint64) bool { return !among(newcomers, pipeline.KeyOf(s.people, email)) })
}

// keepFailed counts those who failed for acknowledged with other values, if they were
// acknowledged before. That could not be told while too much had changed to be listed; the
// keys alone, which most profiles keep, may tell it.
func (s *sending) keepFailed() {
	if s.changes != nil || s.keys == nil || s.keysBefore == nil || s.resized {
		return
	}
	// Not told if the keys before are of another salt or size than the values before.
	newcomers, ok := onlyIn(s.keys, s.keysBefore)
	failed, _, fewFailed := s.failedKeys.Peel()
	if !ok || !fewFailed {
		return
	}
	for _, e := range failed {
		if among(newcomers, e.Key) {
			continue
		}
		s.failedKeys.Remove(e.Key, 0)
		s.failed.Remove(e.Key, pipeline.AcknowledgedOtherwise)
		if s.memberships {
			s.failed.Add(e.Key, pipeline.NeverAcknowledged)
		}
	}
}

// without is a sketch without the entries of another that was made like it.
func without(s, other *sketch.Sketch) *sketch.Sketch {
	rest, err := s.Subtract(other)
	if err != nil { // never: they have the same salt and size
		return nil
	}
	return rest
}

func (e *Export) newSalt() (salt sketch.Salt) {
	if e.NewSalt != nil {
		return e.NewSalt()
	}
	_, _ = rand.Read(salt[:]) // never fails: see crypto/rand
	return salt
}
