package profile

import (
	"strings"
	"unicode"
)

// trim removes white space and invisible characters around a text.
func trim(s string) string {
	if s == "" || isVisible(s[0]) && isVisible(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
}

// isVisible reports whether a byte is a printable character of ASCII.
func isVisible(c byte) bool { return c > ' ' && c < 0x7f }

// isInvisible reports whether a character has no width and no meaning at either
// end of a value: zero-width and joining characters, direction marks, the soft
// hyphen and the byte order mark.
func isInvisible(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0xAD, r == 0x61C, r == 0x180E, r == 0xFEFF:
		return true
	default:
		return r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x206F
	}
}

// unprotect takes off what spreadsheets and shops put around a value so that it
// stays text: '0123 and ="0123". Before letters an apostrophe may be part of a
// text ('Tis), so it goes only where identifier is set.
func unprotect(s string, identifier bool) string {
	if inner, ok := strings.CutPrefix(s, `="`); ok && strings.HasSuffix(inner, `"`) {
		return trim(strings.ReplaceAll(inner[:len(inner)-1], `""`, `"`))
	}
	inner, ok := strings.CutPrefix(s, "'")
	if !ok {
		return s
	}
	inner = trim(strings.TrimSuffix(inner, "'"))
	if identifier || isProtected(inner) {
		return inner
	}
	return s
}

// isProtected reports whether a text behind an apostrophe is one that a
// spreadsheet would take for a number or a formula.
func isProtected(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case '=', '+', '-', '@':
		return len(s) > 1
	}
	return isDigit(s[0]) && strings.Trim(s, "0123456789 .,:/()+-") == ""
}

// meansNothing reports whether a text is what programs write for no value.
func meansNothing(s string) bool {
	switch s {
	case "NULL", "null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", `\N`,
		"None", "nil", "undefined", "nan", "NaN", "NAN", "-nan", "NaT", "<NA>", "N/A", "n/a",
		"#N/A", "#NA", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#ERROR!":
		return true
	}
	return false
}

// isMissing is meansNothing for a value that is not free text, which may be
// spelled in more ways: Null and NA are also names of people and places.
func isMissing(s string) bool {
	switch s {
	case "Null", "NA", "none", "NONE", "Nan", "nat":
		return true
	}
	return meansNothing(s)
}

// leader is what a text may be by its first byte.
type leader uint8

const (
	leadsNothing   leader = iota
	leadsWord             // of meansNothing or isMissing
	leadsDigits           // a number or a date
	leadsProtected        // white space, or for unprotect
)

var leaders = func() (of [256]leader) {
	for _, c := range []byte("Nn#(<[\\u") {
		of[c] = leadsWord
	}
	for _, c := range []byte("0123456789+-") {
		of[c] = leadsDigits
	}
	for _, c := range []byte(" '=") {
		of[c] = leadsProtected
	}
	return of
}()

// clean reads a text cell: it takes spreadsheets' protection off, and what means
// no value becomes empty unless it is free text.
func (f *field) clean(s string) string {
	if s == "" || leaders[s[0]] == leadsNothing {
		return s
	}
	identifier := f.kind == typeEmail || f.kind == typePhone || f.kind == typeExternalID
	s = unprotect(s, identifier)
	if !f.isFreeText() && isMissing(s) {
		return ""
	}
	return s
}

// isFreeText reports whether any text is a value of the field.
func (f *field) isFreeText() bool { return f.kind <= String }

// declines reports whether the fast path must leave a text to the slow path,
// which may change it, remark on it or leave it out.
func (f *field) declines(s string, of leader) bool {
	switch of {
	case leadsWord:
		return isMissing(s)
	case leadsDigits:
		switch {
		case s[0] == '-' && isMissing(s):
			return true
		case f.kind == typeExternalID:
			return strings.ContainsAny(s, ".,eE")
		case f.code:
			return s[len(s)-1] == '0' && strings.ContainsAny(s, ".,")
		default:
			return f.kind == Untyped && (isNoDate(s) || isImpossibleDate(s))
		}
	default:
		return true
	}
}

// invisibleIn returns the first invisible or control character of a text.
func invisibleIn(s string) (rune, bool) {
	for _, r := range s {
		if isInvisible(r) || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return r, true
		}
	}
	return 0, false
}

// invisibleName describes an invisible character.
func invisibleName(r rune) string {
	switch {
	case r == 0xAD:
		return "soft hyphen"
	case r == 0xFEFF:
		return "byte order mark"
	case r == 0x200B:
		return "zero-width space"
	case r == 0x200C, r == 0x200D:
		return "zero-width joiner"
	case r == 0x2060:
		return "word joiner"
	case r == 0x200E, r == 0x200F, r == 0x61C, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return "direction mark"
	case unicode.IsControl(r):
		return "control character"
	default:
		return "invisible character"
	}
}
