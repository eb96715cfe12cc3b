package pipeline

import (
	"encoding/binary"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Consents are who agrees to marketing, according to the rows.
type Consents struct {
	Given  int64       // profiles that say yes and can be subscribed
	Faults tally.Tally // profiles that say yes and cannot be subscribed

	// Since identifies the earlier sketch of consents that this survey was compared
	// with; empty if there was none.
	Since string `json:",omitempty"`

	// News says that New lists whose consent is not in the earlier sketch. Otherwise
	// there was none, or too much has changed, and all of Given are news.
	News bool `json:",omitempty"`
	New  Keys `json:",omitempty"`

	// Begun is how many consents the earlier sketch has, if these are just the first of
	// Given: a run that failed has dealt with them, and the others are news. Otherwise it
	// is 0.
	Begun int64 `json:",omitempty"`
}

// ConsentEntryOf is the entry of a consent in a sketch, from the lower half of the hash
// of the address.
func ConsentEntryOf(s *sketch.Sketch, email uint64, c *profile.Consent) sketch.Entry {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], c.Hash)
	return sketch.Entry{Key: KeyOf(s, email), Value: s.Key(b[:])}
}

// beginConsents begins a pass.
func (r *Reader) beginConsents() {
	if r.pipeline.Mapping.Consent != nil {
		r.counts.Consents = &Consents{}
	}
	switch {
	case !r.pipeline.Mapping.OnlyConsented():
	case r.unconsented == nil:
		r.unconsented = &hashset.Set{}
	default:
		r.unconsented.Clear()
	}
}

// countConsent counts the consent of a profile.
func (r *Reader) countConsent(row tally.Row, info *profile.Info) {
	c := info.Consent
	if !c.Usable() {
		r.counts.Consents.Faults.Add(row, string(c.Fault), c.Fault.Target(), c.Fault.Reason())
		return
	}
	r.counts.Consents.Given++
	if r.ConsentSketch != nil {
		e := ConsentEntryOf(r.ConsentSketch, info.Email.Lo, c)
		r.ConsentSketch.Add(e.Key, e.Value)
		if SameSet(r.ConsentSketch, r.ConsentsBefore) {
			r.counts.Consents.Begun = r.counts.Consents.Given
		}
	}
}

// SameSet reports whether two sketches of the same salt have the same entries. One that
// is nil has none like any other.
func SameSet(a, b *sketch.Sketch) bool {
	return a != nil && b != nil && a.Count() == b.Count() && a.Identity() == b.Identity()
}

// decide finds out which rows of a chunk are the first with their address, where rows
// that do not say yes make no profile: the first row decides for its address. It takes
// out the rows of addresses that are decided to be no profile.
func (r *Reader) decide(segment string) {
	kept := 0
	for i := range r.encoded {
		e := &r.encoded[i]
		email, row := e.info.Email, tally.Row{Segment: segment, Number: e.row}
		switch {
		case r.unconsented.Has(email):
			r.countDuplicate(row)
			continue
		case !e.unconsented:
			e.first = r.seen.Add(email)
		case r.seen.Has(email):
			e.first = false
		default:
			r.unconsented.Add(email)
			r.counts.Unconsented++
			if r.OnSkip != nil {
				why := profile.Rejection{Code: profile.Unconsented, Target: profile.ConsentTarget}
				r.OnSkip(row, string(why.Code), why.Reason())
			}
			continue
		}
		r.encoded[kept], r.encoded[i] = r.encoded[i], r.encoded[kept] // each keeps memory of its own
		kept++
	}
	r.encoded = r.encoded[:kept]
}
