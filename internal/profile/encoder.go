package profile

import (
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
	group  group
	cell   int    // index into the projected row
	key    string // JSON key between comma and colon: ,"first_name":
}

// group is the object in a profile's attributes that a field belongs to.
type group uint8

const (
	groupNone group = iota
	groupLocation
	groupProperties
)

// groupOpenings begin the object of a group.
var groupOpenings = [...]string{groupLocation: `,"location":{`, groupProperties: `,"properties":{`}

func groupOf(t Target) group {
	switch t.Group {
	case GroupLocation:
		return groupLocation
	case GroupProperties:
		return groupProperties
	default:
		return groupNone
	}
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
		key := string(append(appendString([]byte{','}, u.target.Name), ':'))
		e.fields = append(e.fields, field{u.target, u.kind, groupOf(u.target), cell, key})
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
	w := writer{buf: append(dst, `{"type":"profile","attributes":{`...), region: e.region}
	for i := range e.fields {
		f := &e.fields[i]
		if rejection := w.field(f, strings.TrimSpace(row[f.cell])); rejection != nil {
			return w.buf[:start], Info{}, rejection
		}
	}
	w.enter(groupNone)
	w.buf = append(w.buf, "}}"...)
	if len(w.buf)-start > MaxSize {
		return w.buf[:start], Info{}, &Rejection{Code: ProfileTooLarge}
	}
	w.info.Profile = HashOf(w.buf[start:])
	return w.buf, w.info, nil
}

// writer is the state of one profile being written.
type writer struct {
	buf    []byte
	group  group // the nested object that is open
	region string
	info   Info
}

// field writes one value, or leaves it out.
func (w *writer) field(f *field, value string) *Rejection {
	if value == "" {
		if f.kind == typeEmail {
			return &Rejection{Code: MissingEmail, Target: f.target}
		}
		return nil
	}
	if !isPlain(value) && !utf8.ValidString(value) {
		return &Rejection{Code: NotUTF8, Target: f.target}
	}
	mark, opened := len(w.buf), w.group
	w.enter(f.group)
	w.member(f.key)
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
func (w *writer) enter(g group) {
	if w.group == g {
		return
	}
	if w.group != groupNone {
		w.buf = append(w.buf, '}')
	}
	w.group = g
	if g != groupNone {
		w.member(groupOpenings[g])
	}
}

// member appends a key, or an opening, that begins with a comma; without it if
// it is the first of its object.
func (w *writer) member(key string) {
	if w.buf[len(w.buf)-1] == '{' {
		key = key[1:]
	}
	w.buf = append(w.buf, key...)
}
