package profile

import (
	"cmp"
	"strings"
)

// defaultSeparator is between the items of a list in a text.
const defaultSeparator = ";"

// appendList keeps a JSON array and splits any other text at a separator. An item
// may be in quotes, which then may have the separator in it.
func appendList(dst []byte, s, separator string) ([]byte, bool) {
	if s[0] == '[' {
		return appendJSON(dst, s)
	}
	separator = cmp.Or(separator, defaultSeparator)
	start := len(dst)
	dst = append(dst, '[')
	for more := true; more; {
		var item string
		item, s, more = cutItem(s, separator)
		if item == "" {
			continue
		}
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, item)
	}
	if len(dst) == start+1 {
		return dst[:start], true // counts as empty
	}
	return append(dst, ']'), true
}

// hasItems reports whether appendList finds anything in a text.
func hasItems(s, separator string) bool {
	if s[0] == '[' {
		return true
	}
	separator = cmp.Or(separator, defaultSeparator)
	for more := true; more; {
		var item string
		if item, s, more = cutItem(s, separator); item != "" {
			return true
		}
	}
	return false
}

// cutItem splits a text after its first item.
func cutItem(s, separator string) (item, rest string, more bool) {
	if quoted, rest, more, ok := cutQuoted(s, separator); ok {
		return quoted, rest, more
	}
	item, rest, more = strings.Cut(s, separator)
	return trim(item), rest, more
}

// cutQuoted splits a text after its first item if that is in quotes: from a quote
// to one that nothing but the separator or the end follows. A quote in it is
// doubled.
func cutQuoted(s, separator string) (item, rest string, more, ok bool) {
	inner, ok := strings.CutPrefix(strings.TrimLeft(s, " \t"), `"`)
	if !ok {
		return "", "", false, false
	}
	for at := 0; ; {
		quote := strings.IndexByte(inner[at:], '"')
		if quote < 0 {
			return "", "", false, false
		}
		at += quote + 1
		if strings.HasPrefix(inner[at:], `"`) {
			at++
			continue
		}
		item = trim(strings.ReplaceAll(inner[:at-1], `""`, `"`))
		after := inner[at:]
		if rest, ok = strings.CutPrefix(after, separator); ok {
			return item, rest, true, true
		}
		after = strings.TrimLeft(after, " \t")
		if rest, ok = strings.CutPrefix(after, separator); ok {
			return item, rest, true, true
		}
		return item, "", false, after == ""
	}
}

// isSingleWithCommas reports whether a list that is not told its separator has one
// item, with commas in it.
func isSingleWithCommas(s string) bool {
	return s[0] != '[' && s[0] != '"' && !strings.Contains(s, defaultSeparator) && strings.Contains(s, ",")
}
