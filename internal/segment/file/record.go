package file

import (
	"encoding/binary"
	"math/bits"
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

// splitPlain splits the text at each delimiter. It looks at eight bytes at a time,
// since a call of bytes.IndexByte costs more than the few bytes of a cell
// (BenchmarkReadCSV: a sixth).
func (r *record) splitPlain(delimiter byte) {
	text, start, at := r.text, 0, 0
	for ; at+8 <= len(text); at += 8 {
		word := binary.LittleEndian.Uint64(text[at:]) ^ uint64(delimiter)*everyByte
		for found := zeroBytes(word); found != 0; found &= found - 1 {
			end := at + bits.TrailingZeros64(found)/8
			r.cells = append(r.cells, span{start, end})
			start = end + 1
		}
	}
	for ; at < len(text); at++ {
		if text[at] == delimiter {
			r.cells = append(r.cells, span{start, at})
			start = at + 1
		}
	}
	r.cells = append(r.cells, span{start, len(text)})
}

// everyByte repeats a byte that it is multiplied with.
const everyByte = 0x0101010101010101

// zeroBytes sets the highest bit of each byte that is 0, and no other bits.
func zeroBytes(word uint64) uint64 {
	const low = 0x7f * everyByte
	return ^((word&low + low) | word | low)
}
