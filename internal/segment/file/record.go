package file

import (
	"bytes"
)

// record is one record of a text, split into cells.
type record struct {
	text  []byte // that the cells are parts of; valid until the next record
	cells []span
	next  int // position after the record
	lines int // how many it takes

	escaped bool // the cells have the escapes of TSV
}

type span struct{ start, end int }

func (r *record) cell(i int) []byte { return r.text[r.cells[i].start:r.cells[i].end] }

// splitter splits the current record of a text.
type splitter interface {
	// split leaves the record in r. width is the number of columns; 0 for the
	// header. After a *splitError, the record can be skipped; any other error is
	// that of reading.
	split(l *lines, r *record, width int) error
}

// splitError is a record that cannot be split.
type splitError struct{ problem string }

func (e *splitError) Error() string { return e.problem }

// begin makes the first line of a text the record, without cells.
func (r *record) begin(l *lines) error {
	end, next, err := l.line(0)
	if err != nil {
		return err
	}
	r.text, r.cells, r.next, r.lines, r.escaped = l.bytes(0, end), r.cells[:0], next, 1, false
	return nil
}

// splitPlain splits the text at each delimiter.
func (r *record) splitPlain(delimiter byte) {
	for start := 0; ; {
		at := bytes.IndexByte(r.text[start:], delimiter)
		if at < 0 {
			r.cells = append(r.cells, span{start, len(r.text)})
			return
		}
		r.cells = append(r.cells, span{start, start + at})
		start += at + 1
	}
}
