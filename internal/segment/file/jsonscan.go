package file

import (
	"bytes"
	"encoding/json"
)

// jsonScanner parses the text of an object once, validates it, and reports the
// positions of the mapped values.
type jsonScanner struct {
	text  []byte
	pos   int
	found func(column, depth, start, end int)
	keys  *jsonKeys // records all keys; nil: not needed

	nul       bool // a string has an escaped NUL
	notFinite bool // there is a number that JSON does not have
}

// maxJSONDepth is the maximum nesting of lists and objects.
const maxJSONDepth = 500

// line parses a line, and returns what is wrong with it.
func (s *jsonScanner) line(text []byte, mapped *jsonObject) (problem string) {
	s.text, s.pos, s.nul, s.notFinite = text, 0, false, false
	if text[0] != '{' {
		return "there is no object"
	}
	if problem := s.object(mapped, 1, ""); problem != "" {
		return problem
	}
	if s.space(); s.pos < len(text) {
		return "something follows the object"
	}
	return ""
}

// value parses any value. Only objects can contain mapped values.
func (s *jsonScanner) value(mapped *jsonObject, depth int, prefix string) string {
	if s.pos == len(s.text) {
		return "the line ends where a value should be"
	}
	switch c := s.text[s.pos]; {
	case c == '"':
		_, _, problem := s.str()
		return problem
	case c == 'N' || c == 'I' || c == '-' && s.pos+1 < len(s.text) && s.text[s.pos+1] == 'I':
		return s.notFiniteNumber()
	case c == '{':
		return s.object(mapped, depth+1, prefix)
	case c == '[':
		return s.list(depth + 1)
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	default:
		return "there is no value"
	}
}

func (s *jsonScanner) object(mapped *jsonObject, depth int, prefix string) string {
	if depth > maxJSONDepth {
		return "the nesting is too deep"
	}
	s.pos++
	if s.space(); s.is('}') {
		return ""
	}
	for {
		if s.pos == len(s.text) || s.text[s.pos] != '"' {
			return "there is no key in quotes"
		}
		key, escaped, problem := s.str()
		if problem != "" {
			return problem
		}
		if escaped {
			key = unescape(key)
		}
		if s.space(); !s.is(':') {
			return "there is no : after a key"
		}
		s.space()
		if problem := s.member(mapped, key, depth, prefix); problem != "" {
			return problem
		}
		if s.space(); s.is('}') {
			return ""
		}
		if !s.is(',') {
			return "there is neither a comma nor the } of an object"
		}
		s.space()
	}
}

// member parses the value of a key and reports it for the columns of the key.
func (s *jsonScanner) member(mapped *jsonObject, key []byte, depth int, prefix string) string {
	var field *jsonField
	var nested *jsonObject
	if mapped != nil {
		if field = mapped.fields[string(key)]; field != nil {
			nested = field.object
		}
	}
	if s.keys != nil {
		name := prefix + string(key)
		if s.pos < len(s.text) && s.text[s.pos] == '{' {
			prefix = name + "."
		} else if depth <= maxDots {
			s.keys.add(name)
		}
	}
	start := s.pos
	if problem := s.value(nested, depth, prefix); problem != "" {
		return problem
	}
	if field != nil {
		for _, column := range field.columns {
			s.found(column, depth, start, s.pos)
		}
	}
	return ""
}

func (s *jsonScanner) list(depth int) string {
	if depth > maxJSONDepth {
		return "the nesting is too deep"
	}
	s.pos++
	if s.space(); s.is(']') {
		return ""
	}
	keys := s.keys
	s.keys = nil // a path cannot lead into a list
	defer func() { s.keys = keys }()
	for {
		if problem := s.value(nil, depth, ""); problem != "" {
			return problem
		}
		if s.space(); s.is(']') {
			return ""
		}
		if !s.is(',') {
			return "there is neither a comma nor the ] of a list"
		}
		s.space()
	}
}

// nulEscape is a NUL byte in a string of JSON.
const nulEscape = `\u0000`

// str parses a string and returns the text between its quotes.
func (s *jsonScanner) str() (inner []byte, escaped bool, problem string) {
	begin := s.pos
	for i := begin + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return s.text[begin+1 : i], escaped, ""
		case c == '\\':
			escaped = true
			n := escapeLength(s.text[i:])
			if n == 0 {
				s.pos = i
				return nil, true, "a string has an invalid escape"
			}
			if n == len(nulEscape) && string(s.text[i:i+n]) == nulEscape {
				s.nul = true
			}
			i += n - 1
		case c < ' ':
			s.pos = i
			return nil, escaped, "a string has a control character that is not escaped"
		}
	}
	return nil, escaped, "a string does not end"
}

// escapeLength returns the length of the escape at the beginning of a text, 0 if
// it is not valid.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(text) < 6 {
			return 0
		}
		for _, c := range text[2:6] {
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 6
	default:
		return 0
	}
}

// unescape resolves the escapes of a key. A key that cannot be resolved is returned
// as it is.
func unescape(inner []byte) []byte {
	var key string
	quoted := append(append([]byte{'"'}, inner...), '"')
	if json.Unmarshal(quoted, &key) != nil {
		return inner
	}
	return []byte(key)
}

func (s *jsonScanner) number() string {
	s.is('-')
	switch {
	case s.is('0'): // nothing may follow it
	case !s.digits():
		return "a number lacks digits"
	}
	if s.is('.') && !s.digits() {
		return "a number lacks digits"
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		if !s.digits() {
			return "a number lacks digits"
		}
	}
	return ""
}

// notFinites are numbers that JSON does not have, as Python and others write them.
var notFinites = []string{"NaN", "Infinity", "-Infinity"}

func (s *jsonScanner) notFiniteNumber() string {
	n := notFiniteLength(s.text[s.pos:])
	if n == 0 {
		return "there is no value"
	}
	s.notFinite = true
	s.pos += n
	return ""
}

// notFiniteLength returns the length of such a number at the beginning of a text,
// 0 if there is none.
func notFiniteLength(text []byte) int {
	for _, literal := range notFinites {
		if bytes.HasPrefix(text, []byte(literal)) {
			return len(literal)
		}
	}
	return 0
}

func (s *jsonScanner) literal(want string) string {
	if len(s.text)-s.pos < len(want) || string(s.text[s.pos:s.pos+len(want)]) != want {
		return "there is no value"
	}
	s.pos += len(want)
	return ""
}

// is skips a character if it is the next one, and reports whether it was.
func (s *jsonScanner) is(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// digits skips digits, and reports whether there are any.
func (s *jsonScanner) digits() bool {
	begin := s.pos
	for s.pos < len(s.text) && isDigit(s.text[s.pos]) {
		s.pos++
	}
	return s.pos > begin
}

func (s *jsonScanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
