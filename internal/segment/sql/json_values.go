package sql

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
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

func appendRaw(dst, raw []byte) ([]byte, error) { return append(dst, raw...), nil }

// appendJSONString appends the text of a JSON string.
func appendJSONString(dst, raw []byte) ([]byte, error) {
	if n := len(raw); n >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return append(dst, raw[1:n-1]...), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return dst, errors.New("a value that is not text")
	}
	return append(dst, text...), nil
}

// appendUnquotedNumber appends a decimal, which arrives as a string to stay exact.
func appendUnquotedNumber(dst, raw []byte) ([]byte, error) {
	return appendNumber(dst, bytes.Trim(raw, `"`))
}

// appendFloat appends a floating-point number. NaN and infinity arrive as strings
// and become empty, since JSON does not have them.
func appendFloat(dst, raw []byte, bits int) ([]byte, error) {
	f, err := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, errors.New("a number that cannot be read")
	}
	return segment.AppendFloat(dst, f, bits), nil
}
