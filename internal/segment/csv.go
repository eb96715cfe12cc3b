package segment

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// csvRows reads comma-separated values as RFC 4180 has them: quoted fields may
// hold delimiters, quotes and line ends; lines end in LF or CRLF; empty lines
// are no rows.
type csvRows struct {
	ctx     context.Context
	file    File
	closer  io.Closer
	reader  *csv.Reader
	fields  int   // of a row
	columns []int // the fields that are wanted
	size    int64 // of the file in bytes
	read    int
}

// checkEvery is how many rows pass between two looks at the context.
const checkEvery = 1024

func newCSV(ctx context.Context, in *bufio.Reader, size int64, closer io.Closer, file File, columns []string) (*csvRows, error) {
	if err := checkText(in, file.Path); err != nil {
		return nil, err
	}
	reader := csv.NewReader(in)
	reader.ReuseRecord = true
	if file.Delimiter != 0 {
		reader.Comma = file.Delimiter
	}
	rows := &csvRows{ctx: ctx, file: file, size: size, closer: closer, reader: reader}
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, fileError("The first line must hold the column names.", nil, "The file %q is empty.", file.Path)
	}
	if err != nil {
		return nil, rows.failure(err)
	}
	names, err := columnNames(header, file.Path)
	if err != nil {
		return nil, err
	}
	rows.fields = len(names)
	rows.columns, err = positions(columns, names)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// JSON implements [Rows].
func (*csvRows) JSON() []bool { return nil }

// Next implements [Rows].
func (r *csvRows) Next(dst []string) ([]string, error) {
	if r.read++; r.read%checkEvery == 0 {
		if err := r.ctx.Err(); err != nil {
			return dst, err
		}
	}
	record, err := r.reader.Read()
	switch {
	case err == nil:
		for _, at := range r.columns {
			dst = append(dst, record[at])
		}
		return dst, nil
	case errors.Is(err, csv.ErrFieldCount):
		return dst, &RowError{fmt.Sprintf("does not have the %d fields that the header has", r.fields)}
	case errors.Is(err, io.EOF):
		return dst, io.EOF
	default:
		return dst, r.failure(err)
	}
}

// Fraction implements [Rows].
func (r *csvRows) Fraction() float64 {
	if r.size <= 0 { // not a regular file
		return 0
	}
	return min(float64(r.reader.InputOffset())/float64(r.size), 1)
}

// Close implements [Rows].
func (r *csvRows) Close() error { return r.closer.Close() }

// failure explains an error after which no further row can be trusted.
func (r *csvRows) failure(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return fileError("", err, "The file %q cannot be read on: %s.", r.file.Path, Cause(err))
	}
	switch {
	case errors.Is(err, csv.ErrQuote) && parse.StartLine != parse.Line:
		return fileError("A quote in a quoted field is written twice; look for the one that is not.", err,
			"In %q the row that begins in line %d has a quoted field that ends wrongly in line %d, column %d.",
			r.file.Path, parse.StartLine, parse.Line, parse.Column)
	case errors.Is(err, csv.ErrQuote), errors.Is(err, csv.ErrBareQuote):
		return fileError("A field with a quote in it must be quoted, and the quote written twice.", err,
			"In %q, line %d, column %d, there is a quote where none may be.", r.file.Path, parse.Line, parse.Column)
	default:
		return fileError("", err, "In %q, line %d: %s.", r.file.Path, parse.Line, parse.Err)
	}
}

// columnNames checks a header and returns the names without outer white space.
func columnNames(header []string, path string) ([]string, error) {
	names := make([]string, len(header))
	first := make(map[string]int, len(header))
	for i, name := range header {
		name = strings.TrimSpace(name)
		names[i] = name
		if !utf8.ValidString(name) {
			return nil, fileError(encodingRemedy, nil, "The name of column %d of %q is not UTF-8.", i+1, path)
		}
		if name == "" {
			continue // cannot be mapped, so it harms nobody
		}
		if strings.Contains(name, "@") { // and must not get into a message that lists the columns
			return nil, fileError("Put the column names into the first line.", nil,
				"The first line of %q is no header but a row of data: there is an email address in column %d.", path, i+1)
		}
		if before, twice := first[name]; twice {
			return nil, fileError("Rename one of them.", nil, "The header of %q has the column %q twice, at %d and %d.", path, name, before, i+1)
		}
		first[name] = i + 1
	}
	if len(first) == 0 {
		return nil, fileError("The first line must hold the column names.", nil, "The header of %q names no column.", path)
	}
	return names, nil
}

const encodingRemedy = "Save the file as UTF-8."

// magics are the first bytes of files that people export by mistake.
var magics = []struct {
	magic string
	is    string
}{
	{"\x1f\x8b", "gzip"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"PK\x03\x04", "a zip archive or an Excel workbook"},
	{"PAR1", "Parquet"},
	{"%PDF", "PDF"},
}

// checkText looks at the beginning of a file, skips a UTF-8 byte order mark
// and refuses what is no text.
func checkText(in *bufio.Reader, path string) error {
	head, err := in.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return fileError("", err, "The file %q cannot be read: %s.", path, Cause(err))
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, err := in.Discard(3)
		return err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return fileError(encodingRemedy, nil, "The file %q is UTF-16.", path)
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return fileError("Export it as CSV.", nil, "The file %q is not CSV but %s.", path, m.is)
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return fileError("Export it as CSV.", nil, "The file %q is not text but binary data.", path)
	}
	return nil
}
