package file

import (
	"bytes"
	"errors"
	"io"
)

var (
	errOpenQuote  = &splitError{"has a field that begins with a quote and is not closed"}
	errQuotes     = &splitError{"has a misplaced quote: in a field in quotes, a quote is written twice"}
	errRowsQuoted = &splitError{"has a field in quotes with lines that look like further rows; a quote in it is probably not closed"}
)

// plainSplitter splits each line at a delimiter. Quotes are text.
type plainSplitter string

func (s plainSplitter) split(l *lines, r *record, _ int) error {
	if err := r.begin(l); err != nil {
		return err
	}
	if len(s) == 1 {
		r.splitPlain(s[0])
		return nil
	}
	for start := 0; ; {
		at := bytes.Index(r.text[start:], []byte(s))
		if at < 0 {
			r.cells = append(r.cells, span{start, len(r.text)})
			return nil
		}
		r.cells = append(r.cells, span{start, start + at})
		start += at + len(s)
	}
}

// csvSplitter splits records as of RFC 4180: cells in quotes may contain
// delimiters, line ends, and quotes, which are written twice. A quote elsewhere is
// text, as it is for spreadsheets.
//
// [encoding/csv] cannot go on after a quote that is not closed: it refuses the
// file, or takes all up to the next quote for one cell.
type csvSplitter struct {
	delimiter []byte
	scratch   []byte // text of a record with quotes
	misplaced bool   // the record has a quote that neither begins nor ends a cell in quotes
}

func (s *csvSplitter) split(l *lines, r *record, width int) error {
	if err := r.begin(l); err != nil {
		return err
	}
	if len(s.delimiter) == 1 && r.splitInPlace(s.delimiter[0]) {
		return nil
	}
	r.cells = r.cells[:0]
	err := s.splitQuoted(l, r, width, false)
	if err == nil && s.misplaced && width > 0 && len(r.cells) != width {
		err = s.splitBare(l, r, width)
	}
	if err == nil || errors.Is(err, errRowsQuoted) {
		return err
	}
	// What is after the first line may be further rows.
	if begin := r.begin(l); begin != nil {
		return begin
	}
	return err
}

// splitInPlace splits a line whose cells are parts of it, since there are no quotes to
// care about but those around cells. It returns false if there are others.
func (r *record) splitInPlace(delimiter byte) bool {
	text := r.text
	if bytes.IndexByte(text, '"') < 0 {
		r.splitPlain(delimiter)
		return true
	}
	for start := 0; ; {
		var quoted, end int
		if start < len(text) && text[start] == '"' {
			closing := bytes.IndexByte(text[start+1:], '"')
			if closing < 0 {
				return false
			}
			quoted, end = 1, start+closing+2
			if end < len(text) && text[end] != delimiter {
				return false
			}
		} else {
			if end = bytes.IndexByte(text[start:], delimiter); end < 0 {
				end = len(text)
			} else {
				end += start
			}
			if start < end && text[start] == ' ' && bytes.IndexByte(text[start:end], '"') >= 0 {
				return false
			}
		}
		r.cells = append(r.cells, span{start + quoted, end - quoted})
		if end == len(text) {
			return true
		}
		start = end + 1
	}
}

// splitBare splits a record where a misplaced quote makes a cell one without
// quotes, unless the number of cells is not right either way.
func (s *csvSplitter) splitBare(l *lines, r *record, width int) error {
	before := len(r.cells)
	if err := r.begin(l); err != nil {
		return err
	}
	if err := s.splitQuoted(l, r, width, true); err != nil {
		return err
	}
	if n := len(r.cells); n != width && n != before {
		return errQuotes
	}
	return nil
}

// splitQuoted splits a record with quotes. Its cells are made in the scratch
// buffer.
func (s *csvSplitter) splitQuoted(l *lines, r *record, width int, bare bool) error {
	s.scratch, s.misplaced = s.scratch[:0], false
	end := len(r.text) // of the line at hand
	for pos := 0; ; pos += len(s.delimiter) {
		start := len(s.scratch)
		c := quotedCell{splitter: s, lines: l, record: r, width: width, bare: bare, end: end}
		quoted, err := c.read(pos)
		if err != nil {
			return err
		}
		if quoted {
			pos, end = c.pos, c.end
		} else {
			s.scratch = s.scratch[:start]
			at := bytes.Index(l.bytes(pos, end), s.delimiter)
			if at < 0 {
				at = end - pos
			}
			s.scratch = append(s.scratch, l.bytes(pos, pos+at)...)
			pos += at
		}
		r.cells = append(r.cells, span{start, len(s.scratch)})
		if pos == end {
			r.text = s.scratch
			return nil
		}
	}
}

// quotedCell reads a cell in quotes. Spaces around the quotes are no part of it.
type quotedCell struct {
	splitter *csvSplitter
	lines    *lines
	record   *record
	width    int
	bare     bool // a misplaced quote makes it a cell without quotes

	pos int // after what was read
	end int // of the line at hand
}

// read returns false if the cell at a position has no quotes around it.
func (c *quotedCell) read(pos int) (bool, error) {
	quote := c.skipSpaces(pos)
	if quote == c.end || c.lines.bytes(quote, c.end)[0] != '"' {
		return false, nil
	}
	s, before := c.splitter, c.record.lines
	misplaced := false
	for c.pos = quote + 1; ; {
		line := c.lines.bytes(c.pos, c.end)
		at := bytes.IndexByte(line, '"')
		if at < 0 && misplaced {
			return false, nil
		}
		if at < 0 {
			s.scratch = append(append(s.scratch, line...), '\n')
			if err := c.nextLine(); err != nil {
				return false, err
			}
			continue
		}
		s.scratch = append(s.scratch, line[:at]...)
		c.pos += at + 1 // after the quote
		if at+1 < len(line) && line[at+1] == '"' {
			s.scratch = append(s.scratch, '"')
			c.pos++
			continue
		}
		severalLines := c.record.lines > before
		after := c.skipSpaces(c.pos)
		switch {
		case after == c.end || bytes.HasPrefix(c.lines.bytes(after, c.end), s.delimiter):
			if severalLines && s.looksLikeRows(c.lines.bytes(quote, c.pos), c.width) {
				return false, errRowsQuoted
			}
			c.pos = after
			return true, nil
		case severalLines:
			return false, errOpenQuote
		}
		s.misplaced, misplaced = true, true
		if c.bare {
			return false, nil
		}
		s.scratch = append(s.scratch, '"')
	}
}

func (c *quotedCell) skipSpaces(pos int) int {
	line := c.lines.bytes(pos, c.end)
	for i, b := range line {
		if b != ' ' {
			return pos + i
		}
	}
	return c.end
}

// nextLine goes on to the next line of the cell.
func (c *quotedCell) nextLine() (err error) {
	c.pos = c.record.next
	c.end, c.record.next, err = c.lines.line(c.pos)
	if errors.Is(err, io.EOF) || errors.Is(err, errLongRecord) {
		return errOpenQuote
	}
	c.record.lines++
	return err
}

// looksLikeRows reports whether a line after the first one has as many delimiters
// as a row, and unless these are tabs, which are rare in text, an address.
func (s *csvSplitter) looksLikeRows(cell []byte, width int) bool {
	if width < 2 {
		return false
	}
	first := true
	for line := range bytes.Lines(cell) {
		if !first && bytes.Count(line, s.delimiter) == width-1 && (s.delimiter[0] == '\t' || bytes.IndexByte(line, '@') > 0) {
			return true
		}
		first = false
	}
	return false
}
