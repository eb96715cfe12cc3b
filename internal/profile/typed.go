package profile

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// readJSON returns the value of a JSON string without white space around it, and
// any other JSON text unchanged. null counts as empty.
func readJSON(text string) (value string, structure bool) {
	switch {
	case text == "null":
		return "", false
	case text[0] != '"':
		return text, true
	case len(text) > 1 && text[len(text)-1] == '"' && strings.IndexByte(text, '\\') < 0:
		return strings.TrimSpace(text[1 : len(text)-1]), false
	case !utf8.ValidString(text):
		return text, false // Unmarshal would replace the bytes for which the row is rejected
	}
	if json.Unmarshal([]byte(text), &value) != nil {
		return text, true // not JSON: appendStructure rejects it
	}
	return strings.TrimSpace(value), false
}

// appendStructure appends a JSON value other than a string: unchanged where the
// field takes any JSON, otherwise like the text of a number or a boolean, which
// a list or an object cannot be.
func (e *Encoder) appendStructure(buf []byte, f *field, value string, info *Info) ([]byte, *Rejection) {
	if !utf8.ValidString(value) { // json.Compact does not check this
		return buf, &Rejection{Code: NotUTF8, Target: f.target}
	}
	kind := f.kind
	if kind == Untyped {
		kind = JSON
	}
	list, object := value[0] == '[', value[0] == '{'
	var ok bool
	switch {
	case kind == JSON && !list && !object:
		buf, ok = appendScalar(buf, value)
	case kind == JSON, kind == List && list:
		buf, ok = appendJSON(buf, value)
	case list, object:
	default:
		return e.appendField(buf, f, value, info)
	}
	if !ok {
		return buf, &Rejection{Code: PropertyType, Target: f.target, Type: kind}
	}
	return buf, nil
}

// appendScalar appends a JSON number or a literal.
func appendScalar(dst []byte, s string) ([]byte, bool) {
	if s == "true" || s == "false" {
		return append(dst, s...), true
	}
	return appendNumber(dst, s)
}
