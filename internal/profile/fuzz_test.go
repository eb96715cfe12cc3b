package profile_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// FuzzAppend holds the encoder to its contract for arbitrary cells, texts and
// JSON: it returns a rejection and the buffer unchanged, or JSON with the values
// of the cells.
func FuzzAppend(f *testing.F) {
	addSeeds(f)
	const before = "before"
	f.Fuzz(func(t *testing.T, address, phone, number, text, document string, typed, kind, thousands uint8) {
		s := newFuzzSource(typed, kind)
		document += strings.Repeat("x", 1000*int(thousands)) // inputs of that size would be minimized for minutes
		row := []string{address, phone, text, number, document}
		encoder := compile(t, s.mapping, s.json[:])
		if s.decimalComma {
			encoder.ReadDecimalCommas()
		}
		out, info, rejection := appendTo(t, []byte(before), encoder, row)
		if !strings.HasPrefix(string(out), before) || rejection != nil && string(out) != before {
			t.Fatalf("the buffer is now %q (%v)", out, rejection)
		}
		if rejection != nil {
			s.checkRejected(t, rejection, row)
			return
		}
		resource := out[len(before):]
		if len(resource) > profile.MaxSize || !utf8.Valid(resource) || halfCharacter(string(resource)) || info.Profile != profile.HashOf(resource) {
			t.Fatalf("%d bytes, %v: %q", len(resource), info, resource)
		}
		s.checkWritten(t, resource, info, row)
	})
}

func addSeeds(f *testing.F) {
	const none, all, document, text = 0, 1<<fuzzColumns - 1, 1 << documentColumn, 1 << textColumn
	add := func(typed uint8, kind profile.Type, cells ...string) {
		f.Add(cells[0], cells[1], cells[2], cells[3], cells[4], typed, uint8(kind), uint8(0))
	}
	for _, cell := range strange {
		quoted, err := json.Marshal(cell)
		if err != nil {
			f.Fatal(err)
		}
		add(none, profile.Untyped, email, "+34600111222", "1", cell, cell)
		add(all, profile.JSON, `"`+email+`"`, `"+34600111222"`, `"1"`, string(quoted), "["+string(quoted)+"]")
	}
	for options := range uint8(1 << 5) {
		for _, cell := range []string{"1.234,50", "1,5", "-0,5", "3/4/2026", "31/12/2026 5:04 PM", "31.12.2026", "a, b,c", `"a|b"|c`, "a;b", "x", "1767225600"} {
			for _, kind := range []profile.Type{profile.Number, profile.Datetime, profile.List} {
				add(none, kind+profile.Type(options)*(profile.JSON+1), email, "", "1", cell, cell)
			}
		}
	}
	for _, cell := range []string{
		"Ann <ann@example.com>", `"Lee, Ann" <Ann.Lee@example.com>`, "<ann@example.com>", "ann@example.com (Ann)", "Ann <ann@example.com>; Bob <bob@example.com>", "mailto:a@example.com?x", "a@b.co, c@d.co", "'a@example.com", "\u200ba@example.com\u00ad", "4711.0", "9.87E9", "4.9E+11", "49221123456", "'0123", `="0123"`, "NULL",
		"0000-00-00", "294247-01-10T04:00:54.775807", "2026-02-21 10:00:00 +0100", "Sat, 21 Feb 2026 10:00:00 GMT", "21 Feb 2026", "3:04 PM", "1935-06-01 01:19:32+01:19:32", `"a;b";c`, "1767225600000",
	} {
		for kind := range profile.JSON + 1 {
			add(none, kind, cell, cell, cell, cell, cell)
			add(all&^(1<<addressColumn), kind, email, cell, cell, cell, cell)
		}
	}
	row := fullRow()
	add(none, profile.JSON, row[0], row[1], "12.50", "2026-11-23", `{"k":[1,null]}`)
	add(none, profile.JSON, email, "600111222", "007", "yes", "null")
	add(none, profile.JSON, "Jos\xe9@example.com", "x", "1e400", "a;b", "[")
	add(all, profile.JSON, `" ADA@example.com"`, "null", "-0.5", `"\ud800 \ud83d\ude00"`, `{"\udc00": ["\ud83dx", 1E5]}`)
	add(all, profile.Untyped, `"ada@example.com"`, `"600111222"`, `".5"`, "true", "1e5")
	add(document, profile.Untyped, email, "", "1", "x", "[\"\xe9\"]")
	add(text, profile.JSON, email, "", "1", "\"\\n\xe9\"", "{}")
	for kind := range profile.JSON + 1 {
		for _, value := range []string{`[1, "a"]`, `"2026-11-23"`, "1"} {
			add(document, kind, email, "", "1", "x", value)
		}
	}
	for thousands := range uint8(3) {
		f.Add(email, "", "1", "x", "x", uint8(none), uint8(profile.String), profile.MaxSize/1000-1+thousands)
	}
}

// The columns of a fuzzSource, in the order of its mapping.
const (
	addressColumn = iota
	phoneColumn
	textColumn
	numberColumn
	documentColumn
	fuzzColumns
)

// fuzzSource is a mapping, some of whose columns hold JSON.
type fuzzSource struct {
	mapping      profile.Mapping
	json         [fuzzColumns]bool
	decimalComma bool
	separator    string
	leavesOut    bool // values that cannot be read
}

// newFuzzSource takes a bit for each column that holds JSON, and the type of the
// property that the last column fills, plus the arguments of properties as a
// multiple of the number of types.
func newFuzzSource(typed, kind uint8) fuzzSource {
	options := kind / uint8(profile.JSON+1)
	s := fuzzSource{decimalComma: options&1 == 1, separator: []string{"", ",", "|", "\t"}[options>>2&3]}
	dayFirst, onInvalid := options>>1&1 == 1, []profile.OnInvalid{profile.Stop, profile.LeaveOut, profile.RejectRow}[options>>4]
	s.leavesOut = onInvalid == profile.LeaveOut
	s.mapping = profile.Mapping{
		Email: "address", PhoneNumber: "phone", PhoneRegion: "ES", ExternalID: "text",
		Attributes: map[string]string{"title": "text", "locale": "text"},
		Location:   map[string]string{"city": "text", "latitude": "number"},
		Properties: map[string]profile.Property{
			"text": {Column: "text"}, "number": {Column: "number", Type: profile.Number, OnInvalid: onInvalid},
			"document": {Column: "document", Type: profile.Type(kind % uint8(profile.JSON+1)), OnInvalid: onInvalid, DayFirst: dayFirst},
		},
	}
	if document := s.mapping.Properties["document"]; document.Type == profile.List {
		document.Separator = s.separator
		s.mapping.Properties["document"] = document
	}
	for i := range s.json {
		s.json[i] = typed>>i&1 == 1
	}
	return s
}

// read returns the value of a cell: a text without white space around it, or a
// JSON value. It reports false for a cell that should be JSON and is not, which
// no source yields.
func (s fuzzSource) read(row []string, column int) (value any, ok bool) {
	text := trimmed(row[column])
	if !s.json[column] || text == "" {
		return text, true
	}
	value, ok = parse(text)
	switch inner := value.(type) {
	case nil:
		return "", ok
	case string:
		return trimmed(inner), ok
	default:
		return value, ok
	}
}

// trimmed is a text without what nobody sees around it.
func trimmed(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("\u00ad\u061c\u180e\ufeff", r) || r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x206F
	})
}

// isOrdinary reports whether a text is taken as it is in every field: it may not be
// a word for no value, nor protected as spreadsheets do, nor have the form of a date
// that is none.
func isOrdinary(value any) bool {
	text, isText := value.(string)
	return !isText || text != "" && !slices.Contains(wordsForNothing, text) && !strings.ContainsAny(text[:1], "'=") && !noDates.MatchString(text)
}

var noDates = regexp.MustCompile(`^([-+]?\d{5,9}|[-+]\d{4}|0000|18..|19..|20..|21..|1677|2262)-\d\d-\d\d`)

// wordsForNothing are what programs write for no value.
var wordsForNothing = []string{
	"NULL", "null", "Null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", `\N`, "None", "none", "NONE", "nil", "undefined", "nan", "NaN", "NAN", "Nan", "-nan", "NaT", "nat",
	"<NA>", "NA", "N/A", "n/a", "#N/A", "#NA", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#ERROR!",
}

// parse reads JSON with all digits of its numbers.
func parse(text string) (value any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	ok = json.Valid([]byte(text)) && d.Decode(&value) == nil
	return value, ok
}

// checkRejected checks that the cells justify a rejection.
func (s fuzzSource) checkRejected(t *testing.T, rejection *profile.Rejection, row []string) {
	t.Helper()
	if rejection.Reason() == "" || rejection.Code == "" {
		t.Fatalf("a rejection without a reason: %+v", rejection)
	}
	column := slices.IndexFunc(s.mapping.Columns(), func(name string) bool { return slices.Contains(s.mapping.Targets(name), rejection.Target) })
	switch rejection.Code {
	case profile.NotUTF8:
		if utf8.ValidString(row[column]) {
			t.Fatalf("%+v of %q", rejection, row)
		}
	case profile.PropertyType:
		value, ok := s.read(row, column)
		_, isList := value.([]any)
		_, isObject := value.(map[string]any)
		if ok && (value == "" || column == textColumn && !isList && !isObject) {
			t.Fatalf("%+v of %q", rejection, row)
		}
	}
}

var phonePattern = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)

// checkWritten compares a profile with the cells that it was made from.
func (s fuzzSource) checkWritten(t *testing.T, resource []byte, info profile.Info, row []string) {
	t.Helper()
	decode(t, string(resource))
	whole, _ := parse(string(resource))
	got := attributes(whole.(map[string]any)).group("attributes")
	if slices.ContainsFunc(row, func(cell string) bool { return !utf8.ValidString(cell) }) {
		t.Fatalf("%q became %q", row, resource)
	}
	address, ok := s.read(row, addressColumn)
	want := strings.ToLower(fmt.Sprint(address))
	written, _ := got["email"].(string)
	if ok && isPlainAddress(want) && written != want || strings.Count(written, "@") != 1 || !isASCII(written) || info.Email != profile.HashOf([]byte(written)) {
		t.Fatalf("email %q of %q", written, row[addressColumn])
	}
	if phone, there := got["phone_number"]; there && !phonePattern.MatchString(fmt.Sprint(phone)) {
		t.Fatalf("phone number %v of %q", phone, row[phoneColumn])
	}
	for _, group := range []string{"location", "properties"} {
		if inner, there := got[group]; there && len(got.group(group)) == 0 {
			t.Fatalf("%s is left behind as %v in %s", group, inner, resource)
		}
	}
	s.checkText(t, got, row)
	s.checkNumber(t, got, row)
	s.checkDocument(t, got.group("properties")["document"], row)
}

// isPlainAddress reports whether a text has nothing in it that is written around an
// address.
func isPlainAddress(text string) bool {
	return isASCII(text) && !strings.ContainsAny(text, "<>\"(),;:|/ \t%") && !strings.HasPrefix(text, "'") && !strings.HasPrefix(text, "=")
}

func (s fuzzSource) checkText(t *testing.T, got attributes, row []string) {
	t.Helper()
	value, ok := s.read(row, textColumn)
	if !ok || !isOrdinary(value) {
		return
	}
	if number, ok := value.(json.Number); ok { // an integer may be written as a float
		checkInteger(t, number.String(), got["title"])
		return
	}
	if text, ok := value.(string); ok && strings.ContainsAny(text, ".,eE") && strings.ContainsAny(text[:1], "0123456789+-") {
		checkInteger(t, text, got["external_id"])
		return
	}
	wants := map[string]any{"external_id": fmt.Sprint(value), "title": fmt.Sprint(value), "city": fmt.Sprint(value), "text": value}
	for at, found := range map[string]any{
		"external_id": got["external_id"], "title": got["title"], "city": got.group("location")["city"], "text": got.group("properties")["text"],
	} {
		if want := wants[at]; want == "" && found != nil || want != "" && found != want {
			t.Fatalf("%s of %q reads %q", at, row[textColumn], found)
		}
	}
}

// checkInteger checks that what became of a number in a field of text is it, or the
// same integer.
func checkInteger(t *testing.T, number string, found any) {
	t.Helper()
	if text, there := found.(string); there && text != number && !isSameInteger(text, number) {
		t.Fatalf("%q became %q", number, text)
	}
}

// isSameInteger reports whether a text is the integer that a number stands for.
func isSameInteger(text, number string) bool {
	is, ok1 := new(big.Float).SetPrec(2000).SetString(text)
	want, ok2 := new(big.Float).SetPrec(2000).SetString(strings.ReplaceAll(number, ",", "."))
	return ok1 && ok2 && is.Cmp(want) == 0 && !strings.ContainsAny(text, ".,eE")
}

var escapes = regexp.MustCompile(`(\\u[0-9a-fA-F]{4})+|\\.`)

// halfCharacter reports whether JSON escapes half of a surrogate pair, which
// many decoders refuse.
func halfCharacter(resource string) bool {
	for _, run := range escapes.FindAllString(resource, -1) {
		var units []uint16
		for _, unit := range strings.Split(run, `\u`)[1:] {
			n, _ := strconv.ParseUint(unit, 16, 16)
			if n == utf8.RuneError {
				n = 'x' // a character, unlike what Decode makes of a half
			}
			units = append(units, uint16(n))
		}
		if slices.Contains(utf16.Decode(units), utf8.RuneError) {
			return true
		}
	}
	return false
}

func (s fuzzSource) checkNumber(t *testing.T, got attributes, row []string) {
	t.Helper()
	value, ok := s.read(row, numberColumn)
	if !ok || !isOrdinary(value) {
		return
	}
	text, isText := value.(string)
	if isText && s.decimalComma && strings.ContainsFunc(text, groups) { // has tests of its own
		return
	}
	number, latitude := got.group("properties")["number"], got.group("location")["latitude"]
	if value == "" && number != nil || value != "" && !s.left(number) && !isNumber(number, value) {
		t.Fatalf("%q became %v", row[numberColumn], number)
	}
	if degrees, err := strconv.ParseFloat(fmt.Sprint(value), 64); err != nil || degrees < -90 || degrees > 90 {
		value = ""
	}
	if value == "" && latitude != nil || value != "" && !isNumber(latitude, value) {
		t.Fatalf("%q became latitude %v", row[numberColumn], latitude)
	}
}

func (s fuzzSource) checkDocument(t *testing.T, found any, row []string) {
	t.Helper()
	value, ok := s.read(row, documentColumn)
	kind := s.mapping.Properties["document"].Type
	if date, isDate := found.(string); kind == profile.Datetime && isDate {
		checkDate(t, date, row[documentColumn])
		return
	}
	text, isText := value.(string)
	quoted := kind == profile.List && isText && strings.Contains(text, `"`) // items in quotes have tests of their own
	comma := kind == profile.Number && isText && s.decimalComma && strings.ContainsFunc(text, groups)
	if !isOrdinary(value) || quoted || comma {
		return
	}
	if ok && (value == "" && found != nil || value != "" && !s.left(found) && !s.readsAs(kind, found, value)) {
		t.Fatalf("%q as %d became %v", row[documentColumn], kind, found)
	}
}

// checkDate checks that a date is written as RFC 3339 has it.
func checkDate(t *testing.T, date, cell string) {
	t.Helper()
	layout := time.RFC3339Nano
	if len(date) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	if at, err := time.Parse(layout, date); err != nil || at.Year() < 1 {
		t.Fatalf("%q became %s: %v", cell, date, err)
	}
}

// groups reports whether a character separates groups of digits, or decimals, where
// numbers have a decimal comma.
func groups(r rune) bool { return r == '.' || r == ',' || r == '\'' || unicode.IsSpace(r) }

// left reports whether a value may have been left out.
func (s fuzzSource) left(found any) bool { return s.leavesOut && found == nil }

// readsAs reports whether a property of a type has the value of a cell.
func (s fuzzSource) readsAs(kind profile.Type, found, value any) bool {
	text, _ := value.(string)
	switch kind {
	case profile.Number:
		return isNumber(found, value)
	case profile.Boolean:
		is, ok := found.(bool)
		return ok && is == strings.ContainsAny(strings.ToLower(fmt.Sprint(value))[:1], "ty1")
	case profile.Datetime:
		_, ok := found.(string)
		return ok
	case profile.String:
		text, _ := found.(string)
		_, number := value.(json.Number)
		return found == fmt.Sprint(value) || number && isSameInteger(text, fmt.Sprint(value))
	case profile.JSON:
		if inner, ok := parse(text); ok {
			value = inner
		}
	case profile.List:
		if _, ok := value.([]any); !ok {
			value = listIn(fmt.Sprint(value), cmp.Or(s.separator, ";"))
		}
	}
	return reflect.DeepEqual(found, value)
}

// isNumber reports whether a JSON number equals that of a cell.
func isNumber(found, value any) bool {
	number, ok := found.(json.Number)
	is, err := number.Float64()
	want, wantErr := strconv.ParseFloat(fmt.Sprint(value), 64)
	return ok && err == nil && wantErr == nil && is == want
}

// listIn returns the list in a text, nil if it is empty.
func listIn(text, separator string) any {
	if text[0] == '[' {
		list, _ := parse(text)
		return list
	}
	var list []any
	for item := range strings.SplitSeq(text, separator) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	if list == nil {
		return nil
	}
	return list
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
