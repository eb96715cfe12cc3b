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
	fields      []field
	identifiers int // how many of them are identifiers, right behind the address
	phones      phone.Parser
	derived     Derived
	cleared     []cleared
	consent     *consentReader              // nil if the rows do not tell who consents
	omit        func(Identifier, Hash) bool // nil leaves nothing out
}

// field is one mapped target, ready to be written.
type field struct {
	target Target
	kind   Type
	group  group
	cell   int  // index into the row
	json   bool // the cell is a JSON text

	separator string // between the items of a list; empty is a semicolon
	dayFirst  bool
	onInvalid OnInvalid
	comma     bool // numbers in texts have a decimal comma
	code      bool // it is a postal code, for withoutFraction

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
		if u.kind == typePhone || u.kind == typeExternalID {
			e.identifiers++
		}
	}
	e.cleared = clearing(m, e.fields)
	e.consent = newConsentReader(m.Consent, columns, json)
	return e, nil
}

// ReadLists says for each column of the mapping whether its values are lists
// whose items are separated by commas, and without commas in them. It must be
// called before the first use of the encoder.
func (e *Encoder) ReadLists(lists []bool) {
	for i := range e.fields {
		f := &e.fields[i]
		if f.cell < len(lists) && lists[f.cell] && (f.kind == Untyped || f.kind == List) {
			f.kind, f.separator, f.maxFast = List, ",", 0
		}
	}
}

// ReadDecimalCommas says that numbers in texts have a decimal comma. It must be
// called before the first use of the encoder.
func (e *Encoder) ReadDecimalCommas() {
	for i := range e.fields {
		e.fields[i].comma = true
	}
}

// Info describes a row that was encoded.
type Info struct {
	Email   Hash // of the normalised address
	Profile Hash // of the encoded bytes, and of the consent if it is given
	Notes   []Note
	Consent *Consent               // nil if the mapping has none; valid until info is used again
	Omitted [len(Identifiers)]bool // identifiers that [Encoder.OmitIdentifiers] left out

	identifiers [len(Identifiers)]span // in the profile, as JSON without quotes
}

// span is a part of an encoded profile; end is 0 for none.
type span struct{ start, end int }

// head begins every profile; the address always comes first.
const head = `{"type":"profile","attributes":{"email":`

func newField(u use, cell int, json bool) field {
	f := field{
		target: u.target, kind: u.kind, group: groupOf(u.target), cell: cell, json: json,
		separator: u.property.Separator, dayFirst: u.property.DayFirst, onInvalid: u.property.OnInvalid,
		code: u.target == Target{GroupLocation, "zip"},
	}
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
// undefined, except for its address, which is zero if the row has none that is valid. Its
// notes and its consent reuse the memory of those that it had.
func (e *Encoder) Append(dst []byte, row []string, info *Info) ([]byte, *Rejection) {
	*info = Info{Notes: info.Notes[:0], Consent: e.consent.memory(info)}
	buf, rejection := e.appendEmail(append(dst, head...), row, info)
	if rejection != nil {
		return dst, rejection
	}
	if e.consent != nil {
		if rejection := e.consent.begin(row, info); rejection != nil {
			return dst, rejection
		}
	}
	buf, rejection = e.appendIdentifiers(buf, len(dst), row, info)
	if rejection != nil {
		return dst, rejection
	}
	buf, open, rejection := e.appendFields(buf, groupNone, row, 1+e.identifiers, len(e.fields), info)
	if rejection != nil {
		return dst, rejection
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
	if e.consent != nil {
		e.consent.finish(row, buf[len(dst):], info)
	}
	return e.derived.append(buf, end, open, info.Email), nil
}

// appendFields appends the fields from one number to before another. It returns the
// group that is open then.
func (e *Encoder) appendFields(buf []byte, open group, row []string, from, to int, info *Info) ([]byte, group, *Rejection) {
	for i := from; i < to; i++ {
		if e.fields[i].maxFast > 0 {
			if buf, open, i = e.appendTexts(buf, open, row, i, to); i == to {
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
			var rejection *Rejection
			if buf, rejection = e.appendKeyed(buf, f, open, cell, info); rejection != nil {
				return buf, open, rejection
			}
		}
		if len(buf) > before {
			open = f.group
		}
	}
	return buf, open, nil
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
	buf, code := e.appendField(buf, f, value, structure, info)
	if code != "" || len(buf) == at { // there is no value, so the key goes, too
		buf = buf[:before]
	}
	if code == "" {
		return buf, nil
	}
	return buf, f.refuse(code, structure, info)
}

// refuse decides what becomes of a value that cannot be exported: it is noted and
// left out, or the row is rejected.
func (f *field) refuse(code Code, structure bool, info *Info) *Rejection {
	kind := f.kind
	if structure && kind == Untyped {
		kind = JSON
	}
	switch {
	case code == NotUTF8, code == ExternalIDTooLong:
		return &Rejection{Code: code, Target: f.target}
	case f.onInvalid == LeaveOut, code == NoDate:
		info.note(f, code)
		info.Notes[len(info.Notes)-1].Type = kind
		return nil
	case f.onInvalid == RejectRow:
		return &Rejection{Code: InvalidProperty, Target: f.target, Type: kind}
	default:
		return &Rejection{Code: PropertyType, Target: f.target, Type: kind}
	}
}

// note adds a note on a field.
func (info *Info) note(f *field, code Code) {
	info.Notes = append(info.Notes, Note{Code: code, Target: f.target, Type: f.kind})
}

// appendEmail appends the address, which every profile must have.
func (e *Encoder) appendEmail(buf []byte, row []string, info *Info) ([]byte, *Rejection) {
	f := &e.fields[0]
	address, structure := f.read(row[f.cell])
	if address == "" {
		return buf, &Rejection{Code: MissingEmail, Target: f.target}
	}
	if structure {
		code := emailCode(address)
		if found, _ := addressesIn(address); len(found) > 1 {
			code = SeveralEmails
		}
		return buf, &Rejection{Code: code, Target: f.target}
	}
	at := len(buf) + 1
	buf, code := appendEmail(buf, address)
	if code != "" {
		inner, rejection := addressIn(address)
		if rejection != nil {
			rejection.Target = f.target
			return buf, rejection
		}
		buf, _ = appendEmail(buf, inner)
		info.note(f, AddressInText)
	}
	info.Email = HashOf(buf[at : len(buf)-1])
	return buf, nil
}

// Whose returns the hash of the address of a row, zero if it has none that is valid, and
// whether a mapping with consent finds that the row does not say yes.
func (e *Encoder) Whose(row []string) (email Hash, refuses bool) {
	var info Info
	_, _ = e.appendEmail([]byte(head), row, &info) // a rejection leaves the hash zero
	return info.Email, e.consent != nil && !GivesConsent(row[e.consent.yes.cell], e.consent.yes.json)
}

// appendField appends a value, which is not empty, or nothing if the field is
// left out. structure says that the value is JSON other than a string.
func (e *Encoder) appendField(buf []byte, f *field, value string, structure bool, info *Info) ([]byte, Code) {
	if !utf8.ValidString(value) { // json.Compact does not check this
		return buf, NotUTF8
	}
	var ok bool
	switch {
	case structure && !f.takesScalar(value):
		buf, ok = appendStructure(buf, f.kind, value)
	case f.kind == typePhone:
		return e.appendPhone(buf, value, structure)
	case f.kind == typeExternalID:
		return appendExternalID(buf, value, structure)
	case f.isFreeText():
		return f.appendText(buf, value, structure, info)
	default:
		buf, ok = f.appendTyped(buf, value, structure, info)
	}
	switch {
	case !ok && f.kind == Datetime && (isNoDate(value) || isInfinite(value)):
		return buf, NoDate
	case !ok:
		return buf, InvalidValue
	}
	return buf, ""
}

// takesScalar reports whether a JSON value other than a string is read like the
// text of a number or a boolean, which a list or an object cannot be.
func (f *field) takesScalar(value string) bool {
	return f.kind != Untyped && f.kind != JSON && value[0] != '[' && value[0] != '{'
}

// appendText appends free text. A JSON number without a fraction is written as an
// integer.
func (f *field) appendText(buf []byte, value string, structure bool, info *Info) ([]byte, Code) {
	switch {
	case structure:
		if short, exact := integer(value, true); exact {
			value = short
		}
	case f.kind == Untyped && (isNoDate(value) || isImpossibleDate(value)):
		return buf, NoDate
	case meansNothing(value):
		info.note(f, MeansNothing)
	case f.code:
		value = withoutFraction(value)
	}
	return appendString(buf, value), ""
}

func (f *field) appendTyped(buf []byte, value string, number bool, info *Info) ([]byte, bool) {
	switch f.kind {
	case typeLocale:
		return appendLocale(buf, value)
	case typeLatitude:
		return appendCoordinate(buf, f.decimal(value, number), 90)
	case typeLongitude:
		return appendCoordinate(buf, f.decimal(value, number), 180)
	case Number:
		return appendNumber(buf, f.decimal(value, number))
	case Boolean:
		return appendBoolean(buf, value)
	case Datetime:
		if number {
			if out, ok := appendEpoch(buf, value); ok {
				return out, true
			}
		}
		return appendDatetime(buf, value, f.dayFirst)
	case List:
		if f.separator == "" && !number && isSingleWithCommas(value) {
			info.note(f, SingleItem)
		}
		return appendList(buf, value, f.separator)
	default:
		return appendJSON(buf, value)
	}
}

// appendExternalID appends an external id. An integer that was written as a float
// is that integer.
func appendExternalID(buf []byte, value string, number bool) ([]byte, Code) {
	value, exact := integer(value, number)
	switch {
	case !exact:
		return buf, InexactInteger
	case len(value) > maxExternalID && utf8.RuneCountInString(value) > maxExternalID:
		return buf, ExternalIDTooLong
	}
	return appendString(buf, value), ""
}

// appendPhone appends a phone number as a JSON string, or nothing if there is no
// such number.
func (e *Encoder) appendPhone(buf []byte, value string, number bool) ([]byte, Code) {
	digits, exact := integer(value, number)
	if !exact {
		if number || !isGrouped(value) {
			return buf, InexactInteger
		}
		digits = value
	}
	out, verdict := e.phones.Append(append(buf, '"'), digits)
	switch verdict {
	case phone.Valid:
		return append(out, '"'), ""
	case phone.Ambiguous:
		return buf, AmbiguousPhone
	default:
		return buf, InvalidValue
	}
}

// isGrouped reports whether the point in a number separates groups of digits, as in
// 030.123456, rather than decimals.
func isGrouped(s string) bool {
	_, group, _ := strings.Cut(s, ".")
	digits, rest := cutDigits(group)
	return len(digits) > 2 && rest == ""
}

// read returns the value of a cell without white space around it. structure
// reports that it is JSON other than a string; value is then the JSON text.
func (f *field) read(cell string) (value string, structure bool) {
	value = trim(cell)
	if f.json && value != "" {
		if value, structure = readJSON(value); structure {
			return value, true
		}
	}
	return f.clean(value), false
}
