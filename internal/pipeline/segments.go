package pipeline

import (
	"encoding/binary"
	"encoding/json"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/hashset"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// segmentIndex knows who is in which segments, for the property that tells.
type segmentIndex struct {
	property string
	names    [][]byte      // of the segments, as JSON
	sets     []hashset.Set // of the addresses in each; nil where there is only one segment
	complete bool          // all segments have been read
	scratch  []byte        // of membershipHash
}

// newSegmentIndex returns an empty index, nil if no property wants one.
func newSegmentIndex(p *Pipeline) *segmentIndex {
	if p.SegmentProperty == "" {
		return nil
	}
	x := &segmentIndex{property: p.SegmentProperty}
	for _, s := range p.Segments {
		name, _ := json.Marshal(s.Name) // which never fails for a string
		x.names = append(x.names, name)
	}
	if len(x.names) > 1 {
		x.sets = make([]hashset.Set, len(x.names))
	}
	return x
}

// incomplete reports whether the segments must be read before it is known who is
// in which.
func (x *segmentIndex) incomplete() bool { return x != nil && x.sets != nil && !x.complete }

// note takes in which segments a person is who was read from one of them.
func (x *segmentIndex) note(r *Reader, segment int, e *encoded) {
	email := e.info.Email
	switch {
	case x == nil:
	case x.incomplete():
		if x.sets[segment].Add(email) {
			r.addMembership(e, x.membershipHash(segment, email))
		}
	case e.first:
		for i := range x.names {
			if x.in(i, segment, email) {
				r.addMembership(e, x.membershipHash(i, email))
			}
		}
	}
}

// addMembership takes in that a person is in a segment.
func (r *Reader) addMembership(e *encoded, membership profile.Hash) {
	r.fingerprint.Add(membership)
	if r.Sketch != nil {
		r.Sketch.Add(e.key, membership.Lo&^ofProfile)
	}
}

// in reports whether a person who was just read from a segment is in another.
func (x *segmentIndex) in(segment, from int, email profile.Hash) bool {
	return segment == from || len(x.sets) > 0 && x.sets[segment].Has(email)
}

// membershipHash stands in a fingerprint for a person being in a segment.
func (x *segmentIndex) membershipHash(segment int, email profile.Hash) profile.Hash {
	b := append(append(x.scratch[:0], x.property...), 0)
	b = append(append(b, x.names[segment]...), 0)
	b = binary.BigEndian.AppendUint64(b, email.Hi)
	x.scratch = binary.BigEndian.AppendUint64(b, email.Lo)
	return profile.HashOf(x.scratch)
}

// derive lets an encoder write the property for people who are read from a
// segment. Until the index is complete, the encoder only counts its size.
func (x *segmentIndex) derive(encoder *profile.Encoder, from int) {
	if x == nil {
		return
	}
	d := profile.Derived{MaxBytes: len("[]")}
	for _, name := range x.names {
		d.MaxBytes += len(name) + len(",")
	}
	if !x.incomplete() {
		d.Append = func(dst []byte, email profile.Hash) []byte { return x.append(dst, from, email) }
	}
	encoder.Derive(x.property, d)
}

// append appends the list of the segments that somebody is in.
func (x *segmentIndex) append(dst []byte, from int, email profile.Hash) []byte {
	dst = append(dst, '[')
	first := true
	for i, name := range x.names {
		if !x.in(i, from, email) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		dst, first = append(dst, name...), false
	}
	return append(dst, ']')
}
