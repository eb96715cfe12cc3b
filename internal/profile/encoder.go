package profile

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile/phone"
)

// MaxSize is the limit of a profile's bytes in a bulk import: 100 KB (operation
// bulk_import_profiles of Klaviyo's OpenAPI document).
const MaxSize = 100_000

// maxExternalID is Klaviyo's limit of the characters of an external_id.
const maxExternalID = 255

// Encoder writes rows of one source as profiles. It is safe for concurrent
// use.
type Encoder struct {
	fields  []field
	phones  phone.Parser
	derived Derived
	cleared []cleared
	omit    func(Identifier, Hash) bool // nil leaves nothing out
}

// field is one mapped target, ready to be written.
type field struct {
	target Target
	kind   Type
	group  group
	cell   int  // index into the row
	json   bool // the cell is a JSON text

	// keys precede the value, by the group that is open until then: ,"city":" or
	// },"location":{"city":"
	keys    [3]key
	maxFast int // bytes of the longest text that the fast path takes; 0: none
}

// key is the JSON between two values, up to the quote that begins a string.
type key string

// bare appends the key without its quote, for a value that is not a string.
func (k key) bare(dst []byte) []byte { return append(dst, k[:len(k)-1]...) }

// group is the object in a profile's attributes that a field belongs to.
type group uint8

const (
	groupNone group = iota
	groupLocation
	groupProperties
)

// openings begin the object of a group; closings end it and all objects around
// it.
var (
	openings = [...]string{groupNone: ``, groupLocation: `"location":{`, groupProperties: `"properties":{`}
	closings = [...]string{groupNone: `}}`, groupLocation: `}}}`, groupProperties: `}}}`}
)

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

// Compile prepares a mapping for a source. json says for each column of the
// mapping whether its values are JSON texts; nil means that none are.
func Compile(m Mapping, json []bool) (*Encoder, error) {
	if m.Email == "" {
		return nil, errors.New("the mapping has no column for the email address")
	}
	e := &Encoder{}
	if m.PhoneNumber != "" {
		e.phones = phone.NewParser(m.PhoneRegion)
	}
	columns := m.Columns()
	for _, u := range m.uses() {
		cell := slices.Index(columns, u.column)
		e.fields = append(e.fields, newField(u, cell, len(json) > 0 && json[cell]))
	}
	e.cleared = clearing(m, e.fields)
	return e, nil
}

// Info describes a row that was encoded.
type Info struct {
	Email   Hash // of the normalised address
	Profile Hash // of the encoded bytes
	Dropped Dropped
	Omitted [len(Identifiers)]bool // identifiers that [Encoder.OmitIdentifiers] left out
}

// head begins every profile; the address always comes first.
const head = `{"type":"profile","attributes":{"email":`

func newField(u use, cell int, json bool) field {
	f := field{target: u.target, kind: u.kind, group: groupOf(u.target), cell: cell, json: json}
	name := string(append(appendString(nil, u.target.Name), ':', '"'))
	for open := range f.keys {
		text := "," + name
		if group(open) != f.group {
			text = "," + openings[f.group] + name
			if group(open) != groupNone {
				text = "}" + text
			}
		}
		f.keys[open] = key(text)
	}
	switch {
	case json:
	case u.kind <= String:
		f.maxFast = MaxSize
	case u.kind == typeExternalID:
		f.maxFast = maxExternalID
	}
	return f
}

// Append appends the profile of a row to dst, as one JSON:API resource object,
// and returns the extended buffer. row has a value for each of the mapping's
// columns. White space around a value is removed, and an empty value is left
// out, so that the profile in Klaviyo keeps the value that it has, unless the
// mapping clears the property. For a row that
// cannot be exported Append returns dst unchanged and a rejection; info is then
// undefined.
func (e *Encoder) Append(dst []byte, row []string, info *Info) ([]byte, *Rejection) {
	*info = Info{}
	buf, rejection := e.appendEmail(append(dst, head...), row, info)
	if rejection != nil {
		return dst, rejection
	}
	open := groupNone
	for i := 1; i < len(e.fields); i++ {
		if e.fields[i].maxFast > 0 {
			if buf, open, i = e.appendTexts(buf, open, row, i); i == len(e.fields) {
				break
			}
		}
		f := &e.fields[i]
		cell := row[f.cell]
		if cell == "" {
			continue
		}
		before := len(buf)
		var done bool
		if buf, done = e.appendTyped(buf, f, open, cell, info); !done {
			if buf, rejection = e.appendKeyed(buf, f, open, cell, info); rejection != nil {
				return dst, rejection
			}
		}
		if len(buf) > before {
			open = f.group
		}
	}
	buf = append(buf, closings[open]...)
	if e.omit != nil {
		buf = buf[:len(dst)+len(e.omitIdentifiers(buf[len(dst):], info))]
	}
	end := len(buf)
	if len(e.cleared) > 0 {
		buf = e.appendCleared(buf, row)
	}
	if len(buf)-len(dst)+e.derived.maxBytes > MaxSize {
		return dst, &Rejection{Code: ProfileTooLarge}
	}
	info.Profile = HashOf(buf[len(dst):])
	return e.derived.append(buf, end, open, info.Email), nil
}

// appendKeyed appends the key and the value of a field, or nothing if the field
// is left out.
func (e *Encoder) appendKeyed(buf []byte, f *field, open group, cell string, info *Info) ([]byte, *Rejection) {
	value, structure := f.read(cell)
	if value == "" {
		return buf, nil
	}
	before := len(buf)
	buf = f.keys[open].bare(buf)
	at := len(buf)
	var rejection *Rejection
	if structure {
		buf, rejection = e.appendStructure(buf, f, value, info)
	} else {
		buf, rejection = e.appendField(buf, f, value, info)
	}
	if len(buf) == at { // there is no value, so the key goes, too
		buf = buf[:before]
	}
	return buf, rejection
}

// appendEmail appends the address, which every profile must have.
func (e *Encoder) appendEmail(buf []byte, row []string, info *Info) ([]byte, *Rejection) {
	f := &e.fields[0]
	address, structure := f.read(row[f.cell])
	if address == "" {
		return buf, &Rejection{Code: MissingEmail, Target: f.target}
	}
	if structure {
		return buf, &Rejection{Code: emailCode(address), Target: f.target}
	}
	at := len(buf) + 1
	buf, code := appendEmail(buf, address)
	if code != "" {
		return buf, &Rejection{Code: code, Target: f.target}
	}
	info.Email = HashOf(buf[at : len(buf)-1])
	return buf, nil
}

// appendField appends a value, which is not empty, or nothing if the field is
// left out.
func (e *Encoder) appendField(buf []byte, f *field, value string, info *Info) ([]byte, *Rejection) {
	if !utf8.ValidString(value) {
		return buf, &Rejection{Code: NotUTF8, Target: f.target}
	}
	ok, dropped := true, Dropped(0)
	switch f.kind {
	case typeExternalID:
		if len(value) > maxExternalID && utf8.RuneCountInString(value) > maxExternalID {
			return buf, &Rejection{Code: ExternalIDTooLong, Target: f.target}
		}
		buf = appendString(buf, value)
	case typePhone:
		buf, ok = e.appendPhone(buf, value)
		dropped = DroppedPhoneNumber
	case typeLocale:
		buf, ok = appendLocale(buf, value)
		dropped = DroppedLocale
	case typeLatitude:
		buf, ok = appendCoordinate(buf, value, 90)
		dropped = DroppedLatitude
	case typeLongitude:
		buf, ok = appendCoordinate(buf, value, 180)
		dropped = DroppedLongitude
	default:
		if buf, ok = appendValue(buf, f.kind, value); !ok {
			return buf, &Rejection{Code: PropertyType, Target: f.target, Type: f.kind}
		}
	}
	if !ok {
		info.Dropped |= dropped
	}
	return buf, nil
}

// appendPhone appends a phone number as a JSON string, or nothing if there is no
// such number.
func (e *Encoder) appendPhone(buf []byte, value string) ([]byte, bool) {
	out, ok := e.phones.Append(append(buf, '"'), value)
	if !ok {
		return buf, false
	}
	return append(out, '"'), true
}

// read returns the value of a cell without white space around it. structure
// reports that it is JSON other than a string; value is then the JSON text.
func (f *field) read(cell string) (value string, structure bool) {
	value = strings.TrimSpace(cell)
	if !f.json || value == "" {
		return value, false
	}
	return readJSON(value)
}
