package profile

import "strings"

// CellText returns the text of a cell for comparing it with other texts, without
// white space and invisible characters around it. json says whether the cell is a
// JSON text: of a string that is its content, of a number what [NumberText] returns,
// of null the empty text. It reports false for a list and an object, which have no
// such text.
func CellText(cell string, json bool) (text string, ok bool) {
	text = trim(cell)
	if !json || text == "" {
		return text, true
	}
	text, structure := readJSON(text)
	if !structure {
		return text, true
	}
	if text[0] == '[' || text[0] == '{' {
		return text, false
	}
	return shortNumber(text), true
}

// NumberText returns a number in its shortest form, since one source writes 12 where
// another writes 12.0 or 12.00. Any other text stays as it is.
func NumberText(s string) string {
	if _, ok := appendNumber(nil, s); !ok {
		return s
	}
	return shortNumber(s)
}

// shortNumber is NumberText of what is known to be a JSON number, true or false.
func shortNumber(s string) string {
	if short, exact := integer(s, true); exact {
		return short
	}
	if strings.ContainsAny(s, "eE") {
		return s
	}
	return strings.TrimRight(s, "0") // of its fraction: it is not an integer
}
