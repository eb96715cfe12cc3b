package sql

import (
	"bytes"
	"encoding/json"
	"errors"
)

var errJSONValue = errors.New("a value that is not JSON")

// walkJSON calls each with every element of a JSON array, or with every name, which
// is JSON as well, and value of an object.
func walkJSON(raw []byte, each func(name, value []byte) error) error {
	rest := bytes.TrimSpace(raw)
	if len(rest) < 2 || rest[0] != '[' && rest[0] != '{' {
		return errJSONValue
	}
	isObject, end := rest[0] == '{', rest[0]+2 // ] and } are two after [ and {
	rest = skipSpace(rest[1:])
	if len(rest) == 1 && rest[0] == end {
		return nil
	}
	for {
		var name, value []byte
		if isObject {
			name, rest = cutJSON(rest)
			if len(name) == 0 || name[0] != '"' || len(rest) == 0 || rest[0] != ':' {
				return errJSONValue
			}
			rest = skipSpace(rest[1:])
		}
		if value, rest = cutJSON(rest); len(value) == 0 || len(rest) == 0 {
			return errJSONValue
		}
		if err := each(name, value); err != nil {
			return err
		}
		switch {
		case rest[0] == ',':
			rest = skipSpace(rest[1:])
		case rest[0] == end && len(rest) == 1:
			return nil
		default:
			return errJSONValue
		}
	}
}

func skipSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// cutJSON splits text after its first value, and skips the white space between. The
// value is empty if there is none; it is not checked further than its end needs.
func cutJSON(text []byte) (value, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
			continue
		case c == '[', c == '{':
			depth++
			continue
		case depth == 0 && (c == ',' || c == ']' || c == '}' || c == ':' || c <= ' '):
			return text[:i], skipSpace(text[i:])
		case c == ']', c == '}':
			depth--
		default:
			continue
		}
		if depth == 0 && !quoted {
			return text[:i+1], skipSpace(text[i+1:])
		}
	}
	return nil, nil
}

// unquoted returns the text of a JSON string, and other values as they are.
func unquoted(raw []byte) ([]byte, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return raw, nil
	}
	return appendJSONString(nil, raw)
}

// isNull reports whether a JSON value is null.
func isNull(raw []byte) bool { return string(raw) == "null" }

// appendScalar appends a JSON value that is not nested. NULL is empty.
func (t *textType) appendScalar(dst, raw []byte) ([]byte, error) {
	if isNull(raw) {
		return dst, nil
	}
	text, err := unquoted(raw)
	if err != nil || t.convert == nil {
		return append(dst, text...), err
	}
	return t.convert(dst, text)
}

// appendWithin appends a value to JSON. appendValue appends it as it is outside of
// JSON, where isJSON says what that is.
func appendWithin(dst, raw []byte, isJSON bool, appendValue func(dst, raw []byte) ([]byte, error)) ([]byte, error) {
	start := len(dst)
	dst, err := appendValue(dst, raw)
	switch {
	case err != nil:
		return dst, err
	case len(dst) == start && (isJSON || isNull(raw)): // NULL, NaN and infinity
		return append(dst, "null"...), nil
	case isJSON:
		return dst, nil
	}
	quoted, err := json.Marshal(string(dst[start:]))
	return append(dst[:start], quoted...), err
}

var errTime = errors.New("a time that cannot be read")

// appendISOTime appends a date and time with a T between them, and without zeros at
// the end of its fraction.
func appendISOTime(dst, text []byte) ([]byte, error) {
	const layout = "2006-01-02T15:04:05"
	if len(text) < len(layout) || text[4] != '-' || text[10] != 'T' && text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return dst, errTime
	}
	date, clock, rest := text[:10], text[11:len(layout)], text[len(layout):]
	dst = append(append(append(dst, date...), 'T'), clock...)
	if len(rest) > 0 && rest[0] == '.' {
		end := 1
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		if fraction := bytes.TrimRight(rest[:end], "0"); len(fraction) > 1 {
			dst = append(dst, fraction...)
		}
		rest = rest[end:]
	}
	return append(dst, rest...), nil
}

// appendCheckedJSON appends a text that is JSON.
func appendCheckedJSON(dst, text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return dst, errJSONValue
	}
	return append(dst, bytes.TrimSpace(text)...), nil
}
