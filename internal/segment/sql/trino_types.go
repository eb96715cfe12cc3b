package sql

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// trinoType is the type of a column, or of a part of one.
type trinoType struct {
	trinoScalar
	composite string      // "array", "map" or "row", in place of a scalar
	elements  []trinoType // of an array; key and value of a map; the fields of a row
	names     [][]byte    // of the fields of a row, in JSON; nil unless all of them have one
}

// trinoScalar is how the JSON of a value that is not null is converted.
type trinoScalar struct {
	json    bool // the result is JSON, and text otherwise
	convert func(dst, raw []byte) ([]byte, error)
}

// trinoScalars by the name of the type, without its parameters.
// https://trino.io/docs/current/language/types.html
var trinoScalars = map[string]trinoScalar{
	"boolean": {true, appendRaw},
	"tinyint": {true, appendRaw}, "smallint": {true, appendRaw}, "integer": {true, appendRaw}, "bigint": {true, appendRaw},
	"real":    {true, func(dst, raw []byte) ([]byte, error) { return appendFloat(dst, raw, 32) }},
	"double":  {true, func(dst, raw []byte) ([]byte, error) { return appendFloat(dst, raw, 64) }},
	"decimal": {true, appendUnquotedNumber}, "number": {true, appendUnquotedNumber},
	"varchar": {false, appendJSONString}, "char": {false, appendJSONString}, "uuid": {false, appendJSONString}, "ipaddress": {false, appendJSONString},
	"json": {true, appendEmbeddedJSON},
	"date": {false, appendJSONString}, "time": {false, appendJSONString}, "time with time zone": {false, appendJSONString},
	"timestamp":                {false, appendTrinoTimestamp},
	"timestamp with time zone": {false, appendTrinoTimestamp},
	"interval year to month":   {false, appendJSONString}, "interval day to second": {false, appendJSONString},
	"unknown": {false, appendJSONString}, // of NULL
}

var errTrinoType = errors.New("not a type that can be mapped")

// parseTrinoType parses a type as DESCRIBE OUTPUT writes it. It fails for types that
// are binary, such as varbinary and HyperLogLog, or not known.
func parseTrinoType(text string) (trinoType, error) {
	name, arguments, err := cutTypeArguments(text)
	if err != nil {
		return trinoType{}, err
	}
	if scalar, known := trinoScalars[name]; known {
		return trinoType{trinoScalar: scalar}, nil
	}
	of := trinoType{composite: name, trinoScalar: trinoScalar{json: true}}
	for i, argument := range arguments {
		field := ""
		if name == "row" {
			field, argument = cutFieldName(argument)
		}
		element, err := parseTrinoType(argument)
		if err != nil {
			return trinoType{}, err
		}
		of.elements = append(of.elements, element)
		if field != "" && len(of.names) == i {
			name, err := json.Marshal(field)
			if err != nil {
				return trinoType{}, err
			}
			of.names = append(of.names, name)
		}
	}
	switch {
	case name == "array" && len(arguments) == 1, name == "map" && len(arguments) == 2:
		return of, nil
	case name == "row" && len(arguments) > 0:
		if len(of.names) != len(of.elements) {
			of.names = nil
		}
		return of, nil
	}
	return trinoType{}, errTrinoType
}

// cutTypeArguments splits timestamp(3) with time zone into its name in lower case and
// its arguments.
func cutTypeArguments(text string) (name string, arguments []string, err error) {
	before, rest, found := strings.Cut(text, "(")
	if !found {
		return strings.ToLower(strings.TrimSpace(text)), nil, nil
	}
	depth, start := 1, 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			end := strings.IndexByte(rest[i+1:], '"') // a doubled quote begins the next quotation
			if end < 0 {
				return "", nil, errTrinoType
			}
			i += 1 + end
		case '(':
			depth++
		case ',':
			if depth == 1 {
				arguments = append(arguments, strings.TrimSpace(rest[start:i]))
				start = i + 1
			}
		case ')':
			if depth--; depth == 0 {
				return strings.ToLower(strings.TrimSpace(before) + strings.TrimRight(rest[i+1:], " ")), append(arguments, strings.TrimSpace(rest[start:i])), nil
			}
		}
	}
	return "", nil, errTrinoType
}

// cutFieldName splits a field of a row into its name, which is empty if it has none,
// and its type.
func cutFieldName(field string) (name, of string) {
	if rest, quoted := strings.CutPrefix(field, `"`); quoted {
		for i := 0; i < len(rest); i++ {
			if rest[i] == '"' && !strings.HasPrefix(rest[i+1:], `"`) {
				return strings.ReplaceAll(rest[:i], `""`, `"`), strings.TrimSpace(rest[i+1:])
			} else if rest[i] == '"' {
				i++
			}
		}
		return "", field
	}
	if _, err := parseTrinoType(field); err == nil {
		return "", field
	}
	if name, of, found := strings.Cut(field, " "); found && !strings.Contains(name, "(") {
		return name, strings.TrimSpace(of)
	}
	return "", field
}

// trinoColumn returns a column with its type.
func trinoColumn(name, of string) (trinoType, columnInfo) {
	t, err := parseTrinoType(of)
	column := columnInfo{name: name, json: t.json}
	if err != nil {
		column.binary = cmp.Or(of, "unknown")
	}
	return t, column
}

// append appends the JSON of a value as text, or as JSON if that is the type's. NULL
// is empty. A value whose type cannot be mapped is appended as it came: a version is
// made of it.
func (t *trinoType) append(dst, raw []byte) ([]byte, error) {
	switch {
	case len(raw) == 0 || isNull(raw):
		return dst, nil
	case t.composite != "":
		return t.appendComposite(dst, raw)
	case t.convert == nil:
		return append(dst, raw...), nil
	default:
		return t.convert(dst, raw)
	}
}

// appendComposite appends an array, a map, or a row, which arrives as an array of its
// fields. A row whose fields have names becomes an object.
func (t *trinoType) appendComposite(dst, raw []byte) ([]byte, error) {
	if opening := raw[0]; t.composite == "map" && opening != '{' || t.composite != "map" && opening != '[' {
		return dst, fmt.Errorf("a value that is no %s", t.composite)
	}
	open, end := byte('['), byte(']')
	if t.composite == "map" || t.names != nil {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	n := 0
	err := walkJSON(raw, func(key, value []byte) error {
		if t.composite == "row" && n == len(t.elements) {
			return errRowFields
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		element := &t.elements[0]
		switch {
		case t.composite == "map":
			element = &t.elements[1]
			dst = append(append(dst, key...), ':')
		case t.composite == "row":
			if element = &t.elements[n]; t.names != nil {
				dst = append(append(dst, t.names[n]...), ':')
			}
		}
		n++
		var err error
		dst, err = appendWithin(dst, value, element.json, element.append)
		return err
	})
	if err == nil && t.composite == "row" && n != len(t.elements) {
		err = errRowFields
	}
	return append(dst, end), err
}

var errRowFields = errors.New("a row with other fields than its type")

// appendEmbeddedJSON appends a value of the type JSON, which arrives as a string.
func appendEmbeddedJSON(dst, raw []byte) ([]byte, error) {
	text, err := appendJSONString(nil, raw)
	if err != nil {
		return dst, err
	}
	return appendCheckedJSON(dst, text)
}

// appendTrinoTimestamp appends 2026-11-24 15:30:00.250 Europe/Madrid as ISO 8601, with
// the offset from UTC in place of the zone. Such a time that occurs twice, when clocks
// go back, is written by Trino without saying which one it is.
func appendTrinoTimestamp(dst, raw []byte) ([]byte, error) {
	text, err := appendJSONString(nil, raw)
	if err != nil {
		return dst, err
	}
	date, rest, _ := bytes.Cut(text, []byte{' '})
	clock, zone, zoned := bytes.Cut(rest, []byte{' '})
	whole, fraction, _ := bytes.Cut(clock, []byte{'.'})
	location := time.UTC
	if zoned {
		if location, err = trinoZone(string(zone)); err != nil {
			return dst, err
		}
	}
	at, err := time.ParseInLocation(time.DateTime, string(date)+" "+string(whole), location)
	if err != nil {
		return dst, errTime
	}
	dst = at.AppendFormat(dst, "2006-01-02T15:04:05")
	if fraction = bytes.TrimRight(fraction, "0"); len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	if zoned {
		dst = at.AppendFormat(dst, "Z07:00")
	}
	return dst, nil
}

// trinoZones caches zones by name, since each is a file.
var trinoZones sync.Map

// trinoZone returns a zone by its name or its offset, +02:00.
func trinoZone(name string) (*time.Location, error) {
	if cached, ok := trinoZones.Load(name); ok {
		return cached.(*time.Location), nil
	}
	location, err := time.LoadLocation(name)
	if at, notOffset := time.ParseInLocation("-07:00", name, time.UTC); notOffset == nil {
		location, err = at.Location(), nil
	}
	if err != nil || location == time.Local {
		return nil, errors.New("a time in a zone that is not known here")
	}
	trinoZones.Store(name, location)
	return location, nil
}
