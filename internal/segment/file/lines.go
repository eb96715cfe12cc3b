package file

import (
	"bytes"
	"errors"
	"io"
)

// maxRecord is the maximum size of a record in bytes; it bounds memory.
const maxRecord = 16 << 20

var errLongRecord = errors.New("the record is too long")

// lines gives access to the lines of a text from the current record on. Positions
// are relative to its beginning. A record may be read again, by other rules, until
// it is skipped.
type lines struct {
	in         io.Reader // lines end in LF
	buf        []byte
	start, end int   // of what is buffered, from the current record on
	err        error // of in, for good

	number int64 // of the line that the record begins in, from 1
}

func newLines(in io.Reader) *lines {
	// Twice the buffer of the reader below, which then reads into this one.
	return &lines{in: in, buf: make([]byte, 2*readBufferSize), number: 1}
}

// line returns the end of the line that begins at a position, without its line
// end, and the position of the next one. io.EOF means that there is no such line.
// What [lines.bytes] returned before is not valid any more.
func (l *lines) line(from int) (end, next int, err error) {
	for searched := from; ; {
		if at := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); at >= 0 {
			end = searched + at
			next = end + 1
			break
		}
		searched = l.end - l.start
		if searched > maxRecord {
			return 0, 0, errLongRecord
		}
		if err := l.fill(); err == nil {
			continue
		} else if !errors.Is(err, io.EOF) || searched == from {
			return 0, 0, err
		}
		end, next = searched, searched
		break
	}
	if next > maxRecord {
		return 0, 0, errLongRecord
	}
	return end, next, nil
}

// fill reads more, at least one byte unless there is an error.
func (l *lines) fill() error {
	if l.end == len(l.buf) {
		if l.start > 0 {
			l.end = copy(l.buf, l.buf[l.start:l.end])
			l.start = 0
		} else {
			l.buf = append(l.buf, make([]byte, len(l.buf))...)
		}
	}
	const maxEmptyReads = 100
	for range maxEmptyReads {
		if l.err != nil {
			return l.err
		}
		var n int
		n, l.err = l.in.Read(l.buf[l.end:])
		if l.end += n; n > 0 {
			return nil
		}
	}
	l.err = io.ErrNoProgress
	return l.err
}

// bytes returns a part of the text, which is valid until more is read.
func (l *lines) bytes(from, to int) []byte { return l.buf[l.start+from : l.start+to] }

// skip ends the record, which takes so many lines.
func (l *lines) skip(next int, lines int) {
	l.start += next
	l.number += int64(lines)
}

// buffered is what has been read from the current record on.
func (l *lines) buffered() []byte { return l.buf[l.start:l.end] }
