package pipeline

import (
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// noteRejected takes in the address of a rejected row, which is zero if it is not valid.
// refuses says that the row does not say yes to marketing.
func (r *Reader) noteRejected(email profile.Hash, refuses bool) {
	if email == (profile.Hash{}) {
		return
	}
	add(&r.rejected, email)
	if refuses {
		add(&r.refusing, email)
	}
}

func add(set **hashset.Set, email profile.Hash) {
	if *set == nil {
		*set = &hashset.Set{}
	}
	(*set).Add(email)
}

// heedRefusal takes the consent from a row if an earlier row with its address does not
// say yes and is rejected: of several rows the first one decides.
func (r *Reader) heedRefusal(e *encoded) {
	if r.refusing == nil || !r.refusing.Has(e.info.Email) {
		return
	}
	*e.info.Consent = profile.Consent{}
	e.unconsented = r.pipeline.Mapping.OnlyConsented()
}

// OnlyRejected reports whether the last pass came across an address in rejected rows
// alone. The person is in the segments, although there is no profile of them.
func (r *Reader) OnlyRejected(email profile.Hash) bool {
	return r.rejected != nil && r.rejected.Has(email) && !r.decided(email)
}

// decided reports whether a row that is not rejected says what becomes of an address.
func (r *Reader) decided(email profile.Hash) bool {
	return r.seen.Has(email) || r.unconsented != nil && r.unconsented.Has(email)
}

// countRejectedPeople ends a pass.
func (r *Reader) countRejectedPeople() {
	if r.rejected == nil {
		return
	}
	for email := range r.rejected.All() {
		if !r.decided(email) {
			r.counts.rejected = append(r.counts.rejected, email.Lo)
		}
	}
	r.counts.RejectedPeople = int64(len(r.counts.rejected))
}

// RejectedKeys are the keys in a sketch of those RejectedPeople for whom keep reports
// true. keep is given the lower half of the hash of an address. A survey that was stored
// has forgotten them.
func (s *Survey) RejectedKeys(in *sketch.Sketch, keep func(email uint64) bool) (keys Keys) {
	for _, email := range s.rejected {
		if keep(email) {
			keys = append(keys, KeyOf(in, email))
		}
	}
	slices.Sort(keys)
	return keys
}

// KeepRejected takes those out of Removed who have rejected rows according to a survey,
// and puts them into Rejected. before is the earlier sketch.
func (c *Changes) KeepRejected(s *Survey, before *sketch.Sketch) {
	if c == nil || len(c.Removed) == 0 {
		return
	}
	found := s.RejectedKeys(before, func(email uint64) bool { return c.Removed.Has(KeyOf(before, email)) })
	if len(found) == 0 {
		return
	}
	c.Rejected = append(slices.Clone(c.Rejected), found...)
	slices.Sort(c.Rejected)
	c.Removed = slices.DeleteFunc(slices.Clone(c.Removed), found.Has)
}
