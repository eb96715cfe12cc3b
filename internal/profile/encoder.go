package profile

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// MaxSize is the most bytes one profile may have in a bulk import: 100 KB
// (operation bulk_import_profiles of Klaviyo's OpenAPI document).
const MaxSize = 100_000

// maxExternalID is the most characters of an external_id that Klaviyo takes.
const maxExternalID = 255

// Encoder writes rows of one source as profiles. It is safe for concurrent
// use.
type Encoder struct {
	fields  []field
	columns []int
	region  string
}

// field is one mapped target, ready to be written.
type field struct {
	target Target
	kind   Type
	cell   int    // index into the projected row
	key    string // JSON key with colon: "first_name":
}

// Compile prepares a mapping for a source with the given columns. The error is
// a *[MissingColumnsError] when a mapped column is not among them.
func Compile(m Mapping, columns []string) (*Encoder, error) {
	position := make(map[string]int, len(columns))
	for i, c := range columns {
		position[c] = i
	}
	e := &Encoder{region: strings.ToUpper(m.PhoneRegion)}
	cells := map[int]int{} // source column -> index into the projected row
	var missing []MissingColumn
	for _, u := range m.uses() {
		at, ok := position[u.column]
		if !ok {
			missing = append(missing, MissingColumn{u.target, u.column})
			continue
		}
		cell, ok := cells[at]
		if !ok {
			cell = len(e.columns)
			cells[at] = cell
			e.columns = append(e.columns, at)
		}
		key := string(append(appendString(nil, u.target.Name), ':'))
		e.fields = append(e.fields, field{u.target, u.kind, cell, key})
	}
	if missing != nil {
		return nil, &MissingColumnsError{missing, columns}
	}
	return e, nil
}

// Columns returns the positions of the source columns that are mapped, each
// once. [Encoder.Append] takes rows of just these cells, in this order.
func (e *Encoder) Columns() []int { return e.columns }

// Info is what the encoder found out about a row it encoded.
type Info struct {
	Email   Hash // of the normalised address
	Profile Hash // of the encoded bytes
	Dropped Dropped
}

// Append appends the profile of row to dst as one JSON:API resource object and
// returns the extended buffer. White space around a value is not part of it,
// and an empty value is left out: a profile in Klaviyo keeps what it had. A
// row that cannot be exported leaves dst as it was and returns a rejection.
func (e *Encoder) Append(dst []byte, row []string) ([]byte, Info, *Rejection) {
	start := len(dst)
	var info Info
	w := writer{buf: append(dst, `{"type":"profile","attributes":{`...), region: e.region, info: &info}
	for i := range e.fields {
		f := &e.fields[i]
		if rejection := w.field(f, strings.TrimSpace(row[f.cell])); rejection != nil {
			return w.buf[:start], Info{}, rejection
		}
	}
	w.enter("")
	w.buf = append(w.buf, "}}"...)
	if len(w.buf)-start > MaxSize {
		return w.buf[:start], Info{}, &Rejection{Code: ProfileTooLarge}
	}
	info.Profile = HashOf(w.buf[start:])
	return w.buf, info, nil
}

// writer is the state of one profile being written.
type writer struct {
	buf    []byte
	group  string // the nested object that is open: location, properties, or none
	region string
	info   *Info
}

// field writes one value, or leaves it out.
func (w *writer) field(f *field, value string) *Rejection {
	if value == "" {
		if f.kind == typeEmail {
			return &Rejection{Code: MissingEmail, Target: f.target}
		}
		return nil
	}
	if !utf8.ValidString(value) {
		return &Rejection{Code: NotUTF8, Target: f.target}
	}
	group := ""
	if f.target.Group == GroupLocation || f.target.Group == GroupProperties {
		group = f.target.Group
	}
	mark, opened := len(w.buf), w.group
	w.enter(group)
	w.comma()
	w.buf = append(w.buf, f.key...)
	at := len(w.buf)
	rejection := w.value(f, value)
	if len(w.buf) == at { // nothing written: take the key back, too
		w.buf, w.group = w.buf[:mark], opened
	}
	return rejection
}

// value writes what follows the key. Writing nothing leaves the field out.
func (w *writer) value(f *field, value string) *Rejection {
	var ok bool
	switch f.kind {
	case typeEmail:
		at := len(w.buf) + 1
		if w.buf, ok = appendEmail(w.buf, value); !ok {
			return &Rejection{Code: InvalidEmail, Target: f.target}
		}
		w.info.Email = HashOf(w.buf[at : len(w.buf)-1])
		return nil
	case typeExternalID:
		if utf8.RuneCountInString(value) > maxExternalID {
			return &Rejection{Code: ExternalIDTooLong, Target: f.target}
		}
		w.buf = appendString(w.buf, value)
		return nil
	case typePhone:
		w.buf, ok = appendPhone(w.buf, value, w.region)
		w.drop(ok, DroppedPhoneNumber)
		return nil
	case typeLocale:
		w.buf, ok = appendLocale(w.buf, value)
		w.drop(ok, DroppedLocale)
		return nil
	case typeLatitude:
		w.buf, ok = appendCoordinate(w.buf, value, 90)
		w.drop(ok, DroppedLatitude)
		return nil
	case typeLongitude:
		w.buf, ok = appendCoordinate(w.buf, value, 180)
		w.drop(ok, DroppedLongitude)
		return nil
	}
	if w.buf, ok = appendValue(w.buf, f.kind, value); !ok {
		return &Rejection{Code: PropertyType, Target: f.target, Type: f.kind}
	}
	return nil
}

func (w *writer) drop(ok bool, bit Dropped) {
	if !ok {
		w.info.Dropped |= bit
	}
}

// enter opens the nested object of a group and closes the one before.
func (w *writer) enter(group string) {
	if w.group == group {
		return
	}
	if w.group != "" {
		w.buf = append(w.buf, '}')
	}
	w.group = group
	if group != "" {
		w.comma()
		w.buf = append(w.buf, '"')
		w.buf = append(w.buf, group...)
		w.buf = append(w.buf, `":{`...)
	}
}

// comma separates a member from the one before it, if there is one.
func (w *writer) comma() {
	if !bytes.HasSuffix(w.buf, []byte{'{'}) {
		w.buf = append(w.buf, ',')
	}
}
