package profile

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// readJSON returns what a JSON text that is a string says, without white space
// around it, and any other JSON text as it is. null is as good as empty.
func readJSON(text string) (value string, structure bool) {
	switch {
	case text == "null":
		return "", false
	case text[0] != '"':
		return text, true
	case len(text) > 1 && text[len(text)-1] == '"' && strings.IndexByte(text, '\\') < 0:
		return trimSpace(text[1 : len(text)-1]), false
	case !utf8.ValidString(text):
		return text, false // with the bytes that are refused, which Unmarshal would replace
	}
	if json.Unmarshal([]byte(text), &value) != nil {
		return text, true // no JSON, which whoever writes it will find
	}
	return trimSpace(value), false
}

// appendStructure appends a JSON value that is no string: as it is where the
// field takes any, else like the text of a number or a boolean. A list or an
// object is neither.
func (e *Encoder) appendStructure(buf []byte, f *field, value string, info *Info) ([]byte, *Rejection) {
	if !isUTF8(value) { // which json.Compact does not look at
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
