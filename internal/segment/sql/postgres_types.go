package sql

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"time"
)

// textType is how the text of a value is converted.
type textType struct {
	json    bool
	binary  string                                 // as in columnInfo
	convert func(dst, text []byte) ([]byte, error) // nil: as it is
}

var (
	postgresText    = textType{}
	postgresNumber  = textType{json: true, convert: appendNumber}
	postgresBool    = textType{json: true, convert: appendBool}
	postgresJSON    = textType{json: true, convert: appendTrimmed}
	postgresTime    = textType{convert: appendTimestamp}
	postgresDate    = textType{convert: appendDate}
	postgresBytes   = textType{binary: "bytea"}
	postgresElement = map[uint32]uint32{ // array type -> element type
		1000: 16, 1005: 21, 1007: 23, 1016: 20, 1028: 26, 1021: 700, 1022: 701, 1231: 1700, 199: 114, 3807: 3802,
		1115: 1114, 1185: 1184, 1182: 1082, 1001: 17, 1009: 25, 1015: 1043, 1014: 1042, 1002: 18, 1003: 19, 2951: 2950,
		1041: 869, 651: 650, 1040: 829, 1183: 1083, 1270: 1266, 1187: 1186, 143: 142, 1561: 1560, 1563: 1562, 791: 790,
	}
)

// postgresTypes are the built-in types by OID. Types of users arrive as their
// base types, as arrays or as text.
var postgresTypes = withArrays(postgresScalars)

var postgresScalars = map[uint32]textType{
	16: postgresBool,
	21: postgresNumber, 23: postgresNumber, 20: postgresNumber, 26: postgresNumber,
	700: postgresNumber, 701: postgresNumber, 1700: postgresNumber,
	114: postgresJSON, 3802: postgresJSON,
	1114: postgresTime, 1184: postgresTime, 1082: postgresDate,
	17: postgresBytes,
	25: postgresText, 1043: postgresText, 1042: postgresText, 18: postgresText, 19: postgresText, 2950: postgresText,
	869: postgresText, 650: postgresText, 829: postgresText, 1083: postgresText, 1266: postgresText, 1186: postgresText,
	142: postgresText, 1560: postgresText, 1562: postgresText, 790: postgresText, 705: postgresText,
}

func withArrays(scalars map[uint32]textType) map[uint32]textType {
	types := maps.Clone(scalars)
	for array, element := range postgresElement {
		types[array] = postgresArray("bytea[]", element, ",")
	}
	return types
}

// postgresArray returns the type of an array with the given name.
func postgresArray(name string, element uint32, delimiter string) textType {
	of := postgresScalars[element] // the zero value is text
	if of.binary != "" || delimiter != "," {
		return textType{binary: name}
	}
	return textType{json: true, convert: func(dst, text []byte) ([]byte, error) {
		return appendArray(dst, text, of)
	}}
}

// appendNumber appends a number as JSON. NaN and infinity, which JSON does not
// have, become empty.
func appendNumber(dst, text []byte) ([]byte, error) {
	if len(text) == 0 || text[len(text)-1] < '0' || text[len(text)-1] > '9' {
		return dst, nil
	}
	sign := 0
	if text[0] == '-' {
		sign = 1
	}
	digits := text[sign:]
	for len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' { // ZEROFILL
		digits = digits[1:]
	}
	return append(append(dst, text[:sign]...), digits...), nil
}

func appendBool(dst, text []byte) ([]byte, error) {
	if len(text) > 0 && text[0] == 't' {
		return append(dst, "true"...), nil
	}
	return append(dst, "false"...), nil
}

func appendTrimmed(dst, text []byte) ([]byte, error) {
	return append(dst, bytes.TrimSpace(text)...), nil
}

// appendDate appends a date. Infinity has a sign in any case, so that it cannot be
// taken for a text.
func appendDate(dst, text []byte) ([]byte, error) {
	if string(text) == "infinity" {
		dst = append(dst, '+')
	}
	return append(dst, text...), nil
}

// isInfinity reports whether [appendDate] wrote a date that is before or after all
// others.
func isInfinity(value []byte) bool {
	return string(value) == "+infinity" || string(value) == "-infinity"
}

// appendTimestamp appends 2026-11-24 15:30:00.5+00 as ISO 8601, with a T and
// minutes in the zone. A zone with seconds, as places had before there were time
// zones, becomes UTC, since ISO 8601 has none.
func appendTimestamp(dst, text []byte) ([]byte, error) {
	if len(text) < len("2026-11-24 15:30:00") {
		return appendDate(dst, text)
	}
	if n := len(text); text[n-3] == ':' && text[n-6] == ':' && (text[n-9] == '+' || text[n-9] == '-') {
		if t, err := time.Parse("2006-01-02 15:04:05Z07:00:00", string(text)); err == nil {
			return t.UTC().AppendFormat(dst, time.RFC3339Nano), nil
		}
	}
	start := len(dst)
	dst = append(dst, text...)
	if space := bytes.IndexByte(dst[start:], ' '); space >= 0 {
		dst[start+space] = 'T'
	}
	if zone := text[len(text)-3]; zone == '+' || zone == '-' {
		dst = append(dst, ":00"...)
	}
	return dst, nil
}

var errArray = errors.New("an array that cannot be read")

// appendArray appends {1,NULL,"a b"} as the JSON [1,null,"a b"].
func appendArray(dst, text []byte, of textType) ([]byte, error) {
	if len(text) > 0 && text[0] == '[' { // bounds: [0:1]={1,2}
		_, text, _ = bytes.Cut(text, []byte{'='})
	}
	reader := arrayReader{rest: text, of: of}
	dst, err := reader.list(dst)
	if err == nil && len(reader.rest) > 0 {
		err = errArray
	}
	return dst, err
}

type arrayReader struct {
	rest []byte
	of   textType
	text []byte // of an element, without quotes
}

func (r *arrayReader) list(dst []byte) ([]byte, error) {
	if !r.take('{') {
		return dst, errArray
	}
	dst = append(dst, '[')
	for first := true; !r.take('}'); first = false {
		if !first {
			if !r.take(',') {
				return dst, errArray
			}
			dst = append(dst, ',')
		}
		var err error
		if len(r.rest) > 0 && r.rest[0] == '{' {
			dst, err = r.list(dst)
		} else {
			dst, err = r.element(dst)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (r *arrayReader) take(b byte) bool {
	if len(r.rest) == 0 || r.rest[0] != b {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *arrayReader) element(dst []byte) ([]byte, error) {
	quoted, ok := r.read()
	if !ok {
		return dst, errArray
	}
	if !quoted && bytes.EqualFold(r.text, []byte("NULL")) {
		return append(dst, "null"...), nil
	}
	if len(r.text) == 0 {
		return append(dst, `""`...), nil
	}
	value := r.text
	if r.of.convert != nil {
		var err error
		if value, err = r.of.convert(nil, value); err != nil {
			return dst, err
		}
		if len(value) == 0 || isInfinity(value) {
			return append(dst, "null"...), nil
		}
	}
	if r.of.json {
		return append(dst, value...), nil
	}
	text, err := json.Marshal(string(value))
	return append(dst, text...), err
}

// read reads the text of an element, which ends before a comma or brace unless it
// is quoted.
func (r *arrayReader) read() (quoted, ok bool) {
	r.text = r.text[:0]
	quoted = r.take('"')
	for len(r.rest) > 0 {
		b := r.rest[0]
		switch {
		case quoted && b == '"':
			r.rest = r.rest[1:]
			return quoted, true
		case !quoted && (b == ',' || b == '}'):
			return quoted, true
		case b == '\\' && len(r.rest) > 1:
			r.rest = r.rest[1:]
			b = r.rest[0]
		}
		r.text, r.rest = append(r.text, b), r.rest[1:]
	}
	return quoted, false
}
