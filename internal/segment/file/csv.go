package file

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// csvRows reads comma-separated values as of RFC 4180: quoted fields may contain
// delimiters, quotes and line ends; lines end in LF or CRLF; empty lines are
// skipped.
type csvRows struct {
	ctx     context.Context
	in      *textReader
	reader  *csv.Reader
	header  []string
	columns []int // indexes of the mapped fields
	read    int   // records
	blank   int   // empty lines, which the reader does not count

	lastLine  int    // where the last field of the previous record begins
	lastField string // of the previous record
}

// checkEvery is how many rows are read between two checks of the context.
const checkEvery = 1024

// largeRecord is the size in bytes from which on a record is checked for cells
// that nobody mapped; see [detach].
const largeRecord = 4 << 10

// csvOpener opens files of CSV and TSV.
type csvOpener struct {
	format    Format
	delimiter rune // 0 is a comma
	columns   []string
}

func (*csvOpener) end() error { return io.EOF }

func (f *csvOpener) open(ctx context.Context, file storage.Content, name string) (fileRows, error) {
	in, err := openText(ctx, file, name, f.format)
	if err != nil {
		return nil, err
	}
	reader := csv.NewReader(in.Reader) // uses the buffer of in.Reader
	reader.ReuseRecord = true
	if f.delimiter != 0 {
		reader.Comma = f.delimiter
	}
	in.limiter.maxRecord = maxRecord
	rows := &csvRows{ctx: ctx, in: in, reader: reader}
	if err := rows.readHeader(f.columns); err != nil {
		_ = in.closeDecompressor()
		return nil, err
	}
	return rows, nil
}

func (r *csvRows) readHeader(columns []string) error {
	header, _, err := r.record()
	if errors.Is(err, io.EOF) {
		return storage.PathErrorf("The first line must hold the column names.", nil, "The file %q is empty.", r.in.name)
	}
	if err != nil {
		return r.failure(err)
	}
	if r.header, err = columnNames(header, r.in.name); err != nil {
		return err
	}
	r.columns, err = segment.FindColumns(columns, r.header)
	return err
}

func (r *csvRows) names() []string { return r.header }

// JSON implements [segment.Rows].
func (*csvRows) JSON() []bool { return nil }

// Next implements [segment.Rows].
func (r *csvRows) Next(dst []string) ([]string, error) {
	if r.read++; r.read%checkEvery == 0 {
		if err := r.ctx.Err(); err != nil {
			return dst, err
		}
	}
	record, size, err := r.record()
	switch {
	case err == nil:
		first := len(dst)
		for _, at := range r.columns {
			dst = append(dst, record[at])
		}
		if size > largeRecord {
			detach(dst[first:], size)
		}
		return dst, nil
	case errors.Is(err, csv.ErrFieldCount):
		return dst, &segment.RowError{Code: segment.CodeMalformedRow, Problem: fmt.Sprintf("does not have the %d fields that the header has", len(r.header))}
	case errors.Is(err, io.EOF):
		return dst, io.EOF
	default:
		return dst, r.failure(err)
	}
}

// record reads the next record. Its size is that in the file, in bytes.
func (r *csvRows) record() (fields []string, size int64, err error) {
	start := r.skipBlankLines()
	fields, err = r.reader.Read()
	size = r.in.offset() - start
	if size > maxRecord || err != nil && errors.Is(err, errLongRecord) {
		return nil, size, r.tooLong()
	}
	if n := len(fields) - 1; n >= 0 {
		r.lastLine, _ = r.reader.FieldPos(n)
		r.lastField = fields[n]
	}
	return fields, size, err
}

// skipBlankLines skips empty lines, so that they do not count as part of the next
// record, and returns where that begins.
func (r *csvRows) skipBlankLines() int64 {
	for {
		start := r.in.offset()
		r.in.limiter.recordStart = start
		head, _ := r.in.Peek(2) // the next read returns the error again
		var n int
		switch {
		case len(head) > 0 && head[0] == '\n':
			n = 1
		case len(head) > 1 && head[0] == '\r' && head[1] == '\n':
			n = 2
		default:
			return start
		}
		_, _ = r.in.Discard(n) // cannot fail, since the bytes are buffered
		r.blank++
	}
}

// tooLong refuses a record. The reader does not say where it begins, so that is
// computed from the end of the previous one.
func (r *csvRows) tooLong() error {
	line := r.lastLine + strings.Count(r.lastField, "\n") + 1 + r.blank
	return storage.PathErrorf("Look in it for a quote that begins a field and is never closed, and for lines that end in neither LF nor CRLF.", errLongRecord,
		"In %q the row that begins in line %d is longer than %d MiB.", r.in.name, line, maxRecord>>20)
}

// detach copies the cells of a record of that size if they are less than half of
// it. All fields of a record share one string, which a single cell would keep in
// memory.
func detach(cells []string, size int64) {
	used := 0
	for _, cell := range cells {
		used += len(cell)
	}
	if int64(used) > size/2 {
		return
	}
	for i, cell := range cells {
		cells[i] = strings.Clone(cell)
	}
}

// Close implements [segment.Rows].
func (r *csvRows) Close() error { return r.in.Close() }

// failure explains an error that ends the segment.
func (r *csvRows) failure(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return readFailure(r.in.name, err)
	}
	first, last := parse.StartLine+r.blank, parse.Line+r.blank
	switch {
	case errors.Is(err, csv.ErrQuote) && first != last:
		return storage.PathErrorf("A quote in a quoted field is written twice; look for the one that is not.", err,
			"In %q the row that begins in line %d has a quoted field that ends wrongly in line %d, column %d.",
			r.in.name, first, last, parse.Column)
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		return storage.PathErrorf("A field with a quote in it must be quoted, and the quote written twice.", err,
			"In %q, line %d, column %d, there is a misplaced quote.", r.in.name, last, parse.Column)
	default:
		return storage.PathErrorf("", err, "In %q, line %d: %s.", r.in.name, last, parse.Err)
	}
}

// columnNames checks a header and returns the names without surrounding white
// space.
func columnNames(header []string, path string) ([]string, error) {
	names := make([]string, len(header))
	first := make(map[string]int, len(header))
	for i, name := range header {
		name = strings.TrimSpace(name)
		names[i] = name
		if !utf8.ValidString(name) {
			return nil, storage.PathErrorf(encodingRemedy, nil, "The name of column %d of %q is not UTF-8.", i+1, path)
		}
		if name == "" {
			continue // cannot be mapped
		}
		if strings.Contains(name, "@") { // messages that list the columns would show it
			return nil, storage.PathErrorf("Put the column names into the first line.", nil,
				"The first line of %q is not a header but a row of data: there is an email address in column %d.", path, i+1)
		}
		if before, twice := first[name]; twice {
			return nil, storage.PathErrorf("Rename one of them.", nil, "The header of %q has the column %q twice, at %d and %d.", path, name, before, i+1)
		}
		first[name] = i + 1
	}
	if len(first) == 0 {
		return nil, storage.PathErrorf("The first line must hold the column names.", nil, "The header of %q names no column.", path)
	}
	return names, nil
}
