package profile

// Klaviyo keeps the properties that an import does not name. To remove one, an
// import names it in meta (schema ProfileMetaPatchProperties of Klaviyo's OpenAPI
// document), which follows the attributes.
const (
	metaOpening = `,"meta":{"patch_properties":{"unset":[`
	metaClosing = `]}}}`
)

// cleared is a field whose property is removed from the profile where the cell is
// empty.
type cleared struct {
	field int    // index into the fields of the encoder
	name  string // of the property, as a JSON string
}

// clearing lists the fields whose properties are cleared.
func clearing(m Mapping, fields []field) (out []cleared) {
	for i, f := range fields {
		if f.target.Group == GroupProperties && m.Properties[f.target.Name].Clear {
			out = append(out, cleared{i, string(appendString(nil, f.target.Name))})
		}
	}
	return out
}

// appendCleared removes the properties without a value from the profile: it adds
// meta to an encoded profile that has none, if there are any.
func (e *Encoder) appendCleared(buf []byte, row []string) []byte {
	between := metaOpening
	for _, c := range e.cleared {
		f := &e.fields[c.field]
		if value, structure := f.read(row[f.cell]); value != "" && (structure || !f.standsForNothing(value)) {
			continue
		}
		if between == metaOpening {
			buf = buf[:len(buf)-1] // the end of the profile
		}
		buf = append(append(buf, between...), c.name...)
		between = ","
	}
	if between != metaOpening {
		buf = append(buf, metaClosing...)
	}
	return buf
}

// standsForNothing reports whether a text is how programs write that there is no value,
// rather than a value that is wrong.
func (f *field) standsForNothing(value string) bool {
	switch f.kind {
	case Untyped:
		return isNoDate(value)
	case Datetime:
		return isNoDate(value) || isInfinite(value)
	case List:
		return !hasItems(value, f.separator)
	default:
		return false
	}
}
