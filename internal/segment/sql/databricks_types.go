package sql

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// databricksType is the type of a column, or of a part of one.
type databricksType struct {
	scalar   textType
	nested   string           // "array", "map" or "struct", in place of a scalar
	elements []databricksType // of an array; the values of a map; the fields of a struct
	names    []string         // of the fields of a struct
}

// databricksScalars by the name of the type in lower case, without its parameters.
// https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-datatypes
var databricksScalars = map[string]textType{
	"string": {}, "char": {}, "varchar": {}, "interval": {}, "void": {}, "null": {},
	"tinyint": {json: true, convert: appendNumber}, "byte": {json: true, convert: appendNumber},
	"smallint": {json: true, convert: appendNumber}, "short": {json: true, convert: appendNumber},
	"int": {json: true, convert: appendNumber}, "integer": {json: true, convert: appendNumber},
	"bigint": {json: true, convert: appendNumber}, "long": {json: true, convert: appendNumber},
	"decimal": {json: true, convert: appendNumber}, "dec": {json: true, convert: appendNumber}, "numeric": {json: true, convert: appendNumber},
	"float": {json: true, convert: appendReal}, "real": {json: true, convert: appendReal}, "double": {json: true, convert: appendReal},
	"boolean": {json: true, convert: appendBool},
	"date":    {}, "timestamp": {convert: appendISOTime}, "timestamp_ltz": {convert: appendISOTime}, "timestamp_ntz": {convert: appendISOTime},
	"variant": {json: true, convert: appendCheckedJSON},
}

func (t *databricksType) isJSON() bool { return t.nested != "" || t.scalar.json }

// databricksColumn returns a column with its type, as DESCRIBE QUERY and the manifest
// of a result write it.
func databricksColumn(name, of string) (databricksType, columnInfo) {
	parser := databricksTypeParser{rest: of}
	t, known := parser.parse()
	column := columnInfo{name: name, json: t.isJSON()}
	if !known || parser.rest != "" {
		column.binary = cmp.Or(of, "unknown")
	}
	return t, column
}

// databricksTypeParser parses a type such as
// struct<a: int, `b c`: array<decimal(10,2)>>.
type databricksTypeParser struct{ rest string }

// parse takes a type. It is not known if it is binary, is not in the table, or has a
// part that is not known.
func (p *databricksTypeParser) parse() (t databricksType, known bool) {
	name := strings.ToLower(p.word())
	switch name {
	case "array":
		return p.parseElements(name, func() (string, bool) { return "", true })
	case "map":
		return p.parseElements(name, func() (string, bool) { return p.key() })
	case "struct":
		return p.parseElements(name, p.fieldName)
	}
	t.scalar, known = databricksScalars[name]
	p.skipDetails()
	return t, known
}

// parseElements takes the types between < and >. before takes what precedes a type.
func (p *databricksTypeParser) parseElements(nested string, before func() (name string, ok bool)) (t databricksType, known bool) {
	t.nested = nested
	if !p.take('<') {
		return t, false
	}
	for known = true; !p.take('>'); {
		name, ok := before()
		element, elementKnown := p.parse()
		known = known && ok && elementKnown
		if t.elements, t.names = append(t.elements, element), append(t.names, name); p.take(',') && nested == "struct" {
			continue
		}
		if p.take('>') {
			break
		}
		return t, false
	}
	p.skipDetails()
	return t, known && (nested == "struct" || len(t.elements) == 1)
}

// key takes the type of a map's keys, which become the names of an object.
func (p *databricksTypeParser) key() (name string, ok bool) {
	key, known := p.parse()
	return "", known && key.nested == "" && p.take(',')
}

// fieldName takes the name of a field and the colon after it.
func (p *databricksTypeParser) fieldName() (name string, ok bool) {
	p.rest = strings.TrimLeft(p.rest, " ")
	if quoted, isQuoted := strings.CutPrefix(p.rest, "`"); isQuoted {
		for i := 0; i < len(quoted); i++ {
			if quoted[i] != '`' {
				continue
			}
			if strings.HasPrefix(quoted[i+1:], "`") {
				i++
				continue
			}
			name, p.rest = strings.ReplaceAll(quoted[:i], "``", "`"), quoted[i+1:]
			return name, p.take(':')
		}
		return "", false
	}
	name, p.rest, ok = strings.Cut(p.rest, ":")
	return strings.TrimSpace(name), ok
}

func (p *databricksTypeParser) word() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	end := strings.IndexAny(p.rest, " <>(),:")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *databricksTypeParser) take(c byte) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// skipDetails skips what follows the name of a type: (10,2), day to second, NOT NULL,
// COLLATE name, COMMENT 'text'.
func (p *databricksTypeParser) skipDetails() {
	depth, quoted := 0, false
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && (c == ',' || c == '>' || c == '<'):
			p.rest = p.rest[i:]
			return
		}
	}
	p.rest = ""
}

var errDatabricksValue = errors.New("a value that does not fit its type")

// append appends a value of a row. Arrays, maps and structs arrive as a text that is
// JSON, and what is in them as a text or as JSON. NULL is empty.
func (t *databricksType) append(dst, raw []byte) ([]byte, error) {
	if t.nested == "" || isNull(raw) {
		return t.scalar.appendScalar(dst, raw)
	}
	raw, err := unquoted(raw)
	if err != nil || len(raw) == 0 || (raw[0] == '[') != (t.nested == "array") {
		return dst, errDatabricksValue
	}
	open, end, separator := byte('{'), byte('}'), ""
	if t.nested == "array" {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	err = walkJSON(raw, func(name, value []byte) error {
		dst = append(dst, separator...)
		separator = ","
		element := &t.elements[0]
		if name != nil {
			dst = append(append(dst, name...), ':')
		}
		if t.nested == "struct" {
			if element = t.field(name); element == nil {
				return errDatabricksValue
			}
		}
		dst, err = appendWithin(dst, value, element.isJSON(), element.append)
		return err
	})
	return append(dst, end), err
}

// field returns the type of the field whose name is given as JSON, nil if there is
// none.
func (t *databricksType) field(quoted []byte) *databricksType {
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return nil
	}
	for i := range t.names {
		if t.names[i] == name {
			return &t.elements[i]
		}
	}
	return nil
}
