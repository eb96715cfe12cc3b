package pipeline

import (
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// CodeShared marks identifiers that several addresses have.
const CodeShared = "shared"

// identifierIndex finds the identifiers that several addresses have: Klaviyo would
// merge these people into one profile. The first pass fills it. Later passes leave
// the shared identifiers out before a profile is hashed, so that the fingerprint and
// the changes are those of what is sent.
//
// It holds hashes of phone numbers, which can be enumerated, and so never leaves
// the memory of the process.
type identifierIndex struct {
	mapped   []profile.Identifier
	seen     [len(profile.Identifiers)]hashset.Repeats // empty once complete
	found    [len(profile.Identifiers)]hashset.Compact // in several profiles
	complete bool                                      // all segments have been read
}

// FindShared makes the next pass look for identifiers that several addresses have.
// Passes after it leave them out.
func (r *Reader) FindShared() {
	x := &identifierIndex{}
	for _, i := range profile.Identifiers {
		if i.Mapped(r.pipeline.Mapping) {
			x.mapped = append(x.mapped, i)
		}
	}
	r.shared = x
}

// FoundShared reports whether a pass has found identifiers that several addresses
// have. Only later passes leave them out and count them.
func (r *Reader) FoundShared() bool { return r.shared.any() }

func (x *identifierIndex) any() bool {
	return x != nil && slices.ContainsFunc(x.mapped, func(i profile.Identifier) bool { return x.found[i].Len() > 0 })
}

// note takes in the identifiers of the first profile of each address in a chunk.
func (x *identifierIndex) note(r *Reader) {
	if x == nil || x.complete || len(x.mapped) == 0 {
		return
	}
	for j := range r.encoded {
		e := &r.encoded[j]
		if !e.first {
			continue
		}
		for _, i := range x.mapped {
			if value := i.Of(r.json[e.start:e.end], &e.info); value != nil {
				x.seen[i].Add(profile.HashOf(value))
			}
		}
	}
}

// finish ends the first pass.
func (x *identifierIndex) finish() {
	if x == nil || x.complete {
		return
	}
	for _, i := range x.mapped {
		x.found[i] = x.seen[i].Find()
		x.seen[i] = hashset.Repeats{}
	}
	x.complete = true
}

// omit lets an encoder leave out the shared identifiers, once they are known.
func (x *identifierIndex) omit(encoder *profile.Encoder) {
	if x != nil && x.complete && x.any() { // until then another goroutine fills it
		encoder.OmitIdentifiers(func(i profile.Identifier, value profile.Hash) bool { return x.found[i].Has(value) })
	}
}
