package sql

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// clickhouseType is the type of a column, or of a part of one.
type clickhouseType struct {
	json      bool // the result is JSON, and text otherwise
	convert   func(dst, raw []byte) ([]byte, error)
	composite string           // "Array", "Tuple" or "Map", in place of convert
	elements  []clickhouseType // of an array; key and value of a map; of a tuple
}

// clickhouseScalars by the name of the type, without its parameters.
// https://clickhouse.com/docs/sql-reference/data-types
var clickhouseScalars = map[string]clickhouseType{
	"String": {convert: appendJSONString}, "UUID": {convert: appendJSONString},
	"FixedString": {convert: appendFixedString},
	"Enum8":       {convert: appendJSONString}, "Enum16": {convert: appendJSONString},
	"IPv4": {convert: appendJSONString}, "IPv6": {convert: appendJSONString},
	"Date": {convert: appendJSONString}, "Date32": {convert: appendJSONString},
	"Nothing": {convert: appendJSONString}, // of NULL
	"Bool":    {json: true, convert: appendRaw},
	"JSON":    {json: true, convert: appendRaw},
	"Int8":    {json: true, convert: appendUnquotedNumber}, "UInt8": {json: true, convert: appendUnquotedNumber},
	"Int16": {json: true, convert: appendUnquotedNumber}, "UInt16": {json: true, convert: appendUnquotedNumber},
	"Int32": {json: true, convert: appendUnquotedNumber}, "UInt32": {json: true, convert: appendUnquotedNumber},
	"Int64": {json: true, convert: appendUnquotedNumber}, "UInt64": {json: true, convert: appendUnquotedNumber},
	"Int128": {json: true, convert: appendUnquotedNumber}, "UInt128": {json: true, convert: appendUnquotedNumber},
	"Int256": {json: true, convert: appendUnquotedNumber}, "UInt256": {json: true, convert: appendUnquotedNumber},
	"Decimal": {json: true, convert: appendUnquotedNumber},
	"Float32": {json: true, convert: func(dst, raw []byte) ([]byte, error) { return appendFloat(dst, raw, 32) }},
	"Float64": {json: true, convert: func(dst, raw []byte) ([]byte, error) { return appendFloat(dst, raw, 64) }},
}

var errClickHouseType = errors.New("not a type that can be mapped")

// parseClickHouseType parses a type such as Array(Nullable(Decimal(9, 2))). zone is
// that of times whose type has none; nil if it is not known. It fails for types that
// are not known, or are states of an aggregate function.
func parseClickHouseType(text string, zone *time.Location) (clickhouseType, error) {
	name, arguments, err := cutClickHouseType(text)
	if err != nil {
		return clickhouseType{}, err
	}
	switch {
	case (name == "Nullable" || name == "LowCardinality") && len(arguments) == 1:
		return parseClickHouseType(arguments[0], zone)
	case name == "SimpleAggregateFunction" && len(arguments) == 2:
		return parseClickHouseType(arguments[1], zone)
	case name == "DateTime", name == "DateTime64":
		return clickhouseTime(arguments, zone)
	case name == "Array" && len(arguments) == 1, name == "Map" && len(arguments) == 2, name == "Tuple":
		of := clickhouseType{json: true, composite: name}
		for _, argument := range arguments {
			element, err := parseClickHouseElement(name, argument, zone)
			if err != nil {
				return clickhouseType{}, err
			}
			of.elements = append(of.elements, element)
		}
		return of, nil
	}
	if scalar, known := clickhouseScalars[name]; known {
		return scalar, nil
	}
	return clickhouseType{}, errClickHouseType
}

// parseClickHouseElement parses the type of an element, which has a name before it in
// a tuple with names.
func parseClickHouseElement(composite, argument string, zone *time.Location) (clickhouseType, error) {
	element, err := parseClickHouseType(argument, zone)
	if err == nil || composite != "Tuple" {
		return element, err
	}
	var rest string
	if quoted, found := strings.CutPrefix(argument, "`"); found {
		_, rest, _ = strings.Cut(quoted, "`")
	} else {
		_, rest, _ = strings.Cut(argument, " ")
	}
	return parseClickHouseType(strings.TrimSpace(rest), zone)
}

// cutClickHouseType splits Enum8('a' = 1, 'b' = 2) into its name and its arguments.
func cutClickHouseType(text string) (name string, arguments []string, err error) {
	name, rest, found := strings.Cut(text, "(")
	if !found {
		return text, nil, nil
	}
	depth, start, quoted := 1, 0, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ',' && depth == 1:
			arguments = append(arguments, strings.TrimSpace(rest[start:i]))
			start = i + 1
		case c == ')':
			if depth--; depth == 0 {
				if i != len(rest)-1 {
					return "", nil, errClickHouseType
				}
				return name, append(arguments, strings.TrimSpace(rest[start:i])), nil
			}
		}
	}
	return "", nil, errClickHouseType
}

// clickhouseTime returns the type DateTime('zone') or DateTime64(3, 'zone').
func clickhouseTime(arguments []string, zone *time.Location) (clickhouseType, error) {
	if n := len(arguments); n > 0 && strings.HasPrefix(arguments[n-1], "'") {
		var err error
		if zone, err = time.LoadLocation(strings.Trim(arguments[n-1], "'")); err != nil {
			return clickhouseType{}, err
		}
	}
	if zone == nil {
		return clickhouseType{}, errClickHouseType
	}
	return clickhouseType{convert: func(dst, raw []byte) ([]byte, error) { return appendClickHouseTime(dst, raw, zone) }}, nil
}

// appendClickHouseTime appends a time, which is in ISO 8601 in UTC, or local in a zone.
// A local time that occurs twice, when clocks go back, is taken for the first one.
func appendClickHouseTime(dst, raw []byte, zone *time.Location) ([]byte, error) {
	text, err := unquoted(raw)
	if err != nil {
		return dst, err
	}
	if bytes.HasSuffix(text, []byte("Z")) {
		return appendISOTime(dst, text)
	}
	whole, fraction, _ := strings.Cut(string(text), ".")
	at, err := time.ParseInLocation(time.DateTime, whole, zone)
	if err != nil {
		return dst, errTime
	}
	dst = at.AppendFormat(dst, "2006-01-02T15:04:05")
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return at.AppendFormat(dst, "Z07:00"), nil
}

// appendFixedString appends a text without the NUL bytes that fill it up.
func appendFixedString(dst, raw []byte) ([]byte, error) {
	text, err := unquoted(raw)
	return append(dst, bytes.TrimRight(text, "\x00")...), err
}

// clickhouseColumn returns a column with its type.
func clickhouseColumn(name, of string, zone *time.Location) (clickhouseType, columnInfo) {
	t, err := parseClickHouseType(of, zone)
	column := columnInfo{name: name, json: t.json}
	if err != nil {
		column.binary = cmp.Or(of, "unknown")
	}
	return t, column
}

type clickhouseMetaColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func clickhouseMeta(raw []byte) (columns []clickhouseMetaColumn, err error) {
	err = json.Unmarshal(raw, &columns)
	return columns, err
}

var errClickHouseValue = errors.New("a value that does not fit its type")

// append appends the JSON of a value as text, or as JSON if that is the type's. NULL
// is empty. A value whose type cannot be mapped is appended as it came: a version is
// made of it.
func (t *clickhouseType) append(dst, raw []byte) ([]byte, error) {
	switch {
	case len(raw) == 0 || isNull(raw):
		return dst, nil
	case t.composite == "" && t.convert == nil:
		return append(dst, raw...), nil
	case t.composite == "":
		return t.convert(dst, raw)
	}
	isObject := raw[0] == '{' // a tuple with names is one for later versions
	if isObject && t.composite == "Array" || !isObject && t.composite == "Map" {
		return dst, errClickHouseValue
	}
	end := byte(']')
	if isObject {
		end = '}'
	}
	dst = append(dst, raw[0])
	n := 0
	err := walkJSON(raw, func(name, value []byte) (err error) {
		element := &t.elements[0]
		switch {
		case t.composite == "Map":
			element = &t.elements[1]
		case t.composite == "Tuple" && n == len(t.elements):
			return errClickHouseValue
		case t.composite == "Tuple":
			element = &t.elements[n]
		}
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		if name != nil {
			dst = append(append(dst, name...), ':')
		}
		dst, err = appendWithin(dst, value, element.json, element.append)
		return err
	})
	return append(dst, end), err
}
