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
		return trim(text[1 : len(text)-1]), false
	case !utf8.ValidString(text):
		return text, false // Unmarshal would replace the bytes for which the row is rejected
	}
	var decoded string // not value, which would then be on the heap for every cell
	if json.Unmarshal([]byte(text), &decoded) != nil {
		return text, true // not JSON: appendStructure rejects it
	}
	return trim(decoded), false
}

// appendStructure appends a JSON value other than a string unchanged, where the
// type takes it.
func appendStructure(buf []byte, kind Type, value string) ([]byte, bool) {
	list, object := value[0] == '[', value[0] == '{'
	switch {
	case kind != Untyped && kind != JSON && !(kind == List && list):
		return buf, false
	case list, object:
		return appendJSON(buf, value)
	default:
		return appendScalar(buf, value)
	}
}

// appendScalar appends a JSON number or a literal.
func appendScalar(dst []byte, s string) ([]byte, bool) {
	if s == "true" || s == "false" {
		return append(dst, s...), true
	}
	return appendNumber(dst, s)
}
