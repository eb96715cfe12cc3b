package profile

// Derived is a custom property whose value does not come from the row but from
// the address. It is not part of the hash of a profile.
type Derived struct {
	// Append appends the value for an address, as JSON of at most MaxBytes. nil
	// leaves the property out, but it still counts towards MaxSize.
	Append   func(dst []byte, email Hash) []byte
	MaxBytes int

	keys     [3]key // as those of a field
	maxBytes int    // with the key
}

// Derive adds a property to the profiles of an encoder, before its first use. The
// mapping must not have a property of that name.
func (e *Encoder) Derive(name string, d Derived) {
	f := newField(use{target: Target{GroupProperties, name}}, 0, false)
	d.keys = f.keys
	d.maxBytes = d.MaxBytes + len(f.keys[groupLocation]) + len(closings[groupProperties])
	e.derived = d
}

// append adds the property to an encoded profile. Up to end it has its attributes,
// of which open is the last group, and perhaps meta after them.
func (d *Derived) append(buf []byte, end int, open group, email Hash) []byte {
	if d.Append == nil {
		return buf
	}
	closing := closings[groupProperties]
	if end < len(buf) { // meta replaced the last brace
		closing = closing[:len(closing)-1] + string(buf[end-1:])
	}
	buf = d.keys[open].bare(buf[:end-len(closings[open])])
	return append(d.Append(buf, email), closing...)
}
