package profile

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile/phone"
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
	phones  phone.Parser
	derived Derived
}

// field is one mapped target, ready to be written.
type field struct {
	target Target
	kind   Type
	group  group
	cell   int  // index into the row
	json   bool // the cell is a JSON text

	// keys are what comes before the value, by the group that is open until
	// then: ,"city":" or },"location":{"city":"
	keys  [3]key
	plain int // bytes up to which a text may be written in a hurry; may be 0
}

// group is the object in a profile's attributes that a field belongs to.
type group uint8

const (
	groupNone group = iota
	groupLocation
	groupProperties
)

// openings begin the object of a group, and closings end it with all around it.
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

// Compile prepares a mapping for a source. json tells of each of the columns
// of the mapping whether its values are JSON texts rather than plain texts;
// nil: none is.
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
	return e, nil
}

// Info is what the encoder found out about a row it encoded.
type Info struct {
	Email   Hash // of the normalised address
	Profile Hash // of the encoded bytes
	Dropped Dropped
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
		f.keys[open] = newKey(text)
	}
	switch {
	case json:
	case u.kind == typeEmail:
		f.plain = maxQuickEmail
	case u.kind <= String:
		f.plain = MaxSize
	case u.kind == typeExternalID:
		f.plain = maxExternalID
	}
	return f
}

// Append appends the profile of row, a value for each of the mapping's columns,
// to dst as one JSON:API resource object and returns the extended buffer. White
// space around a value is not part of it, and an empty value is left out: a
// profile in Klaviyo keeps what it had. A row that cannot be exported leaves dst
// as it was and returns a rejection; info then is of no meaning.
func (e *Encoder) Append(dst []byte, row []string, info *Info) ([]byte, *Rejection) {
	*info = Info{}
	var rejection *Rejection
	buf, done := e.appendHead(dst, row[e.fields[0].cell], info)
	if !done {
		if buf, rejection = e.appendEmail(append(dst, head...), row, info); rejection != nil {
			return dst, rejection
		}
	}
	open := groupNone // the object that is being written
	for i := 1; i < len(e.fields); i++ {
		if e.fields[i].plain > 0 {
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
	if len(buf)-len(dst)+e.derived.most > MaxSize {
		return dst, &Rejection{Code: ProfileTooLarge}
	}
	info.Profile = HashOf(buf[len(dst):])
	return e.derived.append(buf, open, info.Email), nil
}

// appendKeyed appends the key and the value of a field, or nothing to leave it
// out.
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
	if len(buf) == at { // nothing written: take the key back, too
		buf = buf[:before]
	}
	return buf, rejection
}

// appendEmail appends the address, which no profile is without.
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

// appendField appends a value that is not empty, or nothing to leave it out.
func (e *Encoder) appendField(buf []byte, f *field, value string, info *Info) ([]byte, *Rejection) {
	if !isUTF8(value) {
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

// appendPhone appends a phone number as a JSON string, or nothing if it does not
// exist.
func (e *Encoder) appendPhone(buf []byte, value string) ([]byte, bool) {
	out, ok := e.phones.Append(append(buf, '"'), value)
	if !ok {
		return buf, false
	}
	return append(out, '"'), true
}

// read returns the value of the field in a cell without white space around it.
// structure reports whether it is JSON other than a string: the value is then
// its JSON text.
func (f *field) read(cell string) (value string, structure bool) {
	value = trimSpace(cell)
	if !f.json || value == "" {
		return value, false
	}
	return readJSON(value)
}

// trimSpace is strings.TrimSpace, quicker where there is nothing to trim.
func trimSpace(s string) string {
	if s == "" || isInner(s[0]) && isInner(s[len(s)-1]) {
		return s
	}
	return strings.TrimSpace(s)
}

// isInner reports whether a byte neither is white space nor belongs to a white
// space beyond ASCII.
func isInner(c byte) bool { return c > ' ' && c < utf8.RuneSelf }
