package file

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// address matches text with an email address in it. @OData and @Microsoft begin
// the annotations of Dynamics.
var (
	address    = regexp.MustCompile(`[^\s(]@[^\s@]+\.[^\s.]`)
	annotation = regexp.MustCompile(`(?i)@(odata|microsoft)\.`)
)

// errNoHeader means that the first line holds no names.
var errNoHeader = errors.New("there is no header")

func hasAddress(name string) bool {
	return strings.Contains(name, "@") && address.MatchString(annotation.ReplaceAllString(name, ""))
}

// trimName takes off a column name the white space around it, and characters without
// a width, such as a second byte order mark.
func trimName(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
}

// columnNames returns the names of a header without surrounding white space. Of
// the mapped columns, each must be there just once. A name that is not mapped and
// has an address in it is returned as blank, so that no message shows it.
func columnNames(header, mapped []string, path string, line int64, text []byte) ([]string, error) {
	names := make([]string, len(header))
	known, anyNames := 0, false
	for i, name := range header {
		name = trimName(name)
		if !utf8.ValidString(name) {
			guess := guessEncoding([]byte(name), text)
			return nil, argumentError("encoding", fmt.Sprintf("The name of column %d of %q is not UTF-8 but probably %s.", i+1, path, guess), fmt.Sprintf("Set encoding = %q.", guess))
		}
		if strings.ContainsRune(name, 0) {
			return nil, storage.PathErrorf("Take it out.", nil, "The name of column %d of %q has a NUL byte.", i+1, path)
		}
		anyNames = anyNames || name != ""
		if slices.Contains(mapped, name) {
			if before := slices.Index(names[:i], name); before >= 0 {
				return nil, storage.PathErrorf("Rename one of them, or map another column.", nil, "The header of %q has the column %q twice, at %d and %d.", path, name, before+1, i+1)
			}
			known++
		}
		names[i] = name
	}
	if !anyNames {
		return nil, storage.PathErrorf("The first line must hold the column names.", nil, "The header of %q names no column.", path)
	}
	for i, name := range names {
		if !hasAddress(name) || slices.Contains(mapped, name) {
			continue
		}
		if known == 0 {
			return nil, noHeaderError(line, path, "an email address", i+1)
		}
		names[i] = ""
	}
	return names, nil
}

// explainMissing returns an error with the likely cause if mapped columns are not in
// the header: another delimiter, quotes in TSV, or lines before the header.
func (r *csvRows) explainMissing() error {
	if r.opener.Columns != nil {
		return nil
	}
	text := strings.Join(r.header, "\x00")
	if r.opener.format == TSV {
		if r.finds(strings.Split(strings.ReplaceAll(text, `"`, ""), "\x00")) {
			return storage.PathErrorf("If a spreadsheet wrote the file, set format = \"csv\" and delimiter = \"\\t\", which reads quotes.", nil,
				"The column names of %q are in quotes, which are text in TSV.", r.in.name)
		}
	}
	own := "\t"
	if s, ok := r.splitter.(*csvSplitter); ok {
		own = string(s.delimiter)
	}
	line := strings.ReplaceAll(strings.ReplaceAll(text, "\x00", own), `"`, "")
	for _, other := range []string{",", ";", "\t", "|"} {
		if other == own || !strings.Contains(line, other) || !r.finds(strings.Split(line, other)) {
			continue
		}
		remedy := fmt.Sprintf("Set delimiter = %q.", other)
		if r.opener.format == TSV {
			remedy = fmt.Sprintf("Set format = \"csv\" and delimiter = %q.", other)
		}
		return argumentError("delimiter", fmt.Sprintf("The columns of %q are separated by %q, not by %q.", r.in.name, other, own), remedy)
	}
	if err := r.explainTitle(own); err != nil {
		return err
	}
	return r.explainNoHeader()
}

// explainNoHeader returns an error if the first line, which names no mapped column,
// holds a number: it is a row then, and no message may show its cells.
func (r *csvRows) explainNoHeader() error {
	if r.first < len(r.header) {
		return nil
	}
	for i, name := range r.header {
		if slices.ContainsFunc(strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(",;\t|\"", c) }), isNumeral) {
			return noHeaderError(r.line, r.in.name, "a number", i+1)
		}
	}
	return nil
}

// isNumeral reports whether a text is a number of something, a phone number or a date:
// it has digits and no letters. A year may well be a column.
func isNumeral(s string) bool {
	s = trimName(s)
	year := len(s) == len("2026") && (strings.HasPrefix(s, "19") || strings.HasPrefix(s, "20"))
	return !year && strings.ContainsFunc(s, unicode.IsDigit) && !strings.ContainsFunc(s, unicode.IsLetter)
}

func noHeaderError(line int64, path, found string, column int) error {
	return storage.PathErrorf("Put the column names into the first line, or give them with the argument columns.", errNoHeader,
		"Line %d of %q is not a header but a row of data: there is %s in column %d.", line, path, found, column)
}

// maxTitleLines is in how many lines below the first one a header is looked for.
const maxTitleLines = 50

// explainTitle returns an error if the header is below other lines. own is the
// delimiter.
func (r *csvRows) explainTitle(own string) error {
	number := r.lines.number
	comments := strings.HasPrefix(r.header[0], "#")
	for line := range bytes.Lines(r.lines.buffered()) {
		text := strings.TrimRight(strings.ReplaceAll(string(line), `"`, ""), "\n")
		for _, delimiter := range []string{own, ",", ";", "\t", "|"} {
			if !r.finds(strings.Split(text, delimiter)) {
				continue
			}
			argument, remedy := "skip_lines", fmt.Sprintf("Set skip_lines = %d", number-1)
			if comments {
				argument, remedy = "comment", `Set comment = "#"`
			}
			if delimiter != own {
				remedy += fmt.Sprintf(" and delimiter = %q", delimiter)
			}
			return argumentError(argument, fmt.Sprintf("The column names of %q are in line %d, below other lines.", r.in.name, number), remedy+".")
		}
		comments = comments && strings.HasPrefix(text, "#")
		if number++; number > r.line+maxTitleLines {
			break
		}
	}
	return nil
}

// finds reports whether all mapped columns are among names.
func (r *csvRows) finds(names []string) bool {
	for i := range names {
		names[i] = trimName(names[i])
	}
	for i, name := range r.opener.columns {
		if r.columns[i] < 0 && r.values[i] == "" && !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

func withoutBlank(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// argumentError blames an argument of the file block.
func argumentError(argument, problem, remedy string) *segment.Error {
	return &segment.Error{Argument: []string{"file", argument}, Problem: problem, Remedy: remedy}
}
