package export

import (
	"encoding/binary"
	"encoding/json"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// roster knows who is in which segments, for the property that tells.
type roster struct {
	property string
	names    [][]byte  // of the segments, as JSON
	sets     []hashSet // of the addresses in each; nil where there is only one segment
	complete bool      // all segments have been read
	text     []byte    // scratch of fact
}

// newRoster returns an empty roster, nil if no property wants one.
func (e *Export) newRoster() *roster {
	if e.SegmentProperty == "" {
		return nil
	}
	r := &roster{property: e.SegmentProperty}
	for _, s := range e.Segments {
		name, _ := json.Marshal(s.Name) // which never fails for a string
		r.names = append(r.names, name)
	}
	if len(r.names) > 1 {
		r.sets = make([]hashSet, len(r.names))
	}
	return r
}

// sparse reports whether the segments must be read before it is known who is
// in which.
func (r *roster) sparse() bool { return r != nil && r.sets != nil && !r.complete }

// add takes down that a person is in a segment and reports whether that is
// news.
func (r *roster) add(segment int, email profile.Hash) bool {
	return r.sets[segment].add(email)
}

// in reports whether a person who was just read from a segment is in another.
func (r *roster) in(segment, from int, email profile.Hash) bool {
	return segment == from || len(r.sets) > 0 && r.sets[segment].has(email)
}

// fact is what a fingerprint takes in of a person being in a segment.
func (r *roster) fact(segment int, email profile.Hash) profile.Hash {
	r.text = append(append(r.text[:0], r.property...), 0)
	r.text = append(append(r.text, r.names[segment]...), 0)
	r.text = binary.BigEndian.AppendUint64(r.text, email.Hi)
	return profile.HashOf(binary.BigEndian.AppendUint64(r.text, email.Lo))
}

// derive lets an encoder write the property for people who are read from a
// segment. Unless the roster is complete, it only keeps room for it.
func (r *roster) derive(encoder *profile.Encoder, from int) {
	if r == nil {
		return
	}
	d := profile.Derived{Most: len("[]")}
	for _, name := range r.names {
		d.Most += len(name) + len(",")
	}
	if !r.sparse() {
		d.Append = func(dst []byte, email profile.Hash) []byte { return r.append(dst, from, email) }
	}
	encoder.Derive(r.property, d)
}

// append appends the list of the segments that somebody is in.
func (r *roster) append(dst []byte, from int, email profile.Hash) []byte {
	dst = append(dst, '[')
	first := true
	for i, name := range r.names {
		if !r.in(i, from, email) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		dst, first = append(dst, name...), false
	}
	return append(dst, ']')
}
