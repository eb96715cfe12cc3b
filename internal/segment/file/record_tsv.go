package file

import (
	"bytes"
	"errors"
	"io"
)

// tsvSplitter splits records as databases write them (COPY of PostgreSQL, SELECT
// INTO OUTFILE and --batch of MySQL, Hive with an escape): a quote is text, and a
// backslash escapes what cannot be in a cell. MySQL puts it before the very tab
// or line end, the others write \t and \n.
//
// Some programs escape nothing. They are recognized where an escape makes the
// number of cells wrong.
type tsvSplitter struct{}

func (tsvSplitter) split(l *lines, r *record, width int) error {
	if err := r.begin(l); err != nil {
		return err
	}
	if bytes.IndexByte(r.text, '\\') < 0 {
		r.splitPlain('\t')
		return nil
	}
	if width == 0 || bytes.Count(r.text, []byte{'\t'}) == width-1 && !escapesLineEnd(r.text) {
		r.splitEscaped(0)
		if width > 0 && len(r.cells) < width { // the tabs after a backslash are not escaped
			r.cells, r.escaped = r.cells[:0], false
			r.splitPlain('\t')
		}
		return nil
	}
	return joinEscapedLines(l, r, width)
}

// joinEscapedLines splits a record that goes on after an escaped line end, unless
// there would be more cells than a row has.
func joinEscapedLines(l *lines, r *record, width int) error {
	r.splitEscaped(0)
	for escapesLineEnd(r.text) {
		end, next, err := l.line(r.next)
		isLast := errors.Is(err, io.EOF) || errors.Is(err, errLongRecord)
		if err != nil && !isLast {
			return err
		}
		before := len(r.text)
		if !isLast {
			r.text = l.bytes(0, end)
			r.splitEscaped(before + 1)
		}
		if isLast || len(r.cells) > width || width == 1 {
			// The backslash is text, and so is any other one.
			r.text, r.cells, r.escaped = l.bytes(0, before), r.cells[:0], false
			r.splitPlain('\t')
			return nil
		}
		r.next = next
		r.lines++
	}
	return nil
}

// escapesLineEnd reports whether a line ends with a backslash that is not escaped
// itself.
func escapesLineEnd(line []byte) bool {
	n := len(line) - len(bytes.TrimRight(line, `\`))
	return n%2 == 1
}

// splitEscaped splits the text at each tab that has no backslash before it. From a
// position on, it was not split before.
func (r *record) splitEscaped(from int) {
	r.escaped = true
	start := 0
	if n := len(r.cells); n > 0 { // the last cell goes on
		start, r.cells = r.cells[n-1].start, r.cells[:n-1]
	}
	for i := from; i < len(r.text); i++ {
		switch r.text[i] {
		case '\\':
			i++
		case '\t':
			r.cells = append(r.cells, span{start, i})
			start = i + 1
		}
	}
	r.cells = append(r.cells, span{start, len(r.text)})
}

// tsvEscapes are the escapes that databases write. Any other backslash is text.
var tsvEscapes = [256]byte{
	'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '\t': '\t', '\n': '\n',
}

// appendUnescaped appends a cell, its escapes resolved.
func appendUnescaped(dst, cell []byte) []byte {
	for {
		at := bytes.IndexByte(cell, '\\')
		if at < 0 || at == len(cell)-1 {
			return append(dst, cell...)
		}
		dst = append(dst, cell[:at]...)
		next := cell[at+1]
		switch c := tsvEscapes[next]; {
		case c != 0 || next == '0': // \0 is a NUL byte
			dst = append(dst, c)
		default:
			dst = append(dst, '\\', next)
		}
		cell = cell[at+2:]
	}
}
