package profile

// Derived is a custom property that does not come from the row: its value
// follows from who the person is. The hash of a profile leaves it out.
type Derived struct {
	// Append appends the value for the person with an address, as JSON of at
	// most Most bytes. nil leaves the property out, but keeps room for it.
	Append func(dst []byte, email Hash) []byte
	Most   int

	keys [3]key // that come before, by the group that is open until then
	most int    // bytes of the property with its key
}

// Derive adds a property to the profiles of an encoder that nobody uses yet.
// The mapping must not have a property of that name.
func (e *Encoder) Derive(name string, d Derived) {
	f := newField(use{target: Target{GroupProperties, name}}, 0, false)
	d.keys = f.keys
	d.most = d.Most + len(f.keys[groupLocation].text) + len(closings[groupProperties])
	e.derived = d
}

// append appends the property to an encoded profile, in which open was the last
// group.
func (d *Derived) append(buf []byte, open group, email Hash) []byte {
	if d.Append == nil {
		return buf
	}
	buf = d.keys[open].bare(buf[:len(buf)-len(closings[open])])
	return append(d.Append(buf, email), closings[groupProperties]...)
}
