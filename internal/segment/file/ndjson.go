package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

const jsonRemedy = "NDJSON has one JSON object in each line."

// jsonOpener opens files of newline-delimited JSON.
type jsonOpener struct {
	columns []string
	mapped  *jsonObject
	found   []bool // columns that some row has
	missing int    // number of those that no row has
	rows    int
	keys    jsonKeys
}

func newJSONOpener(columns []string) *jsonOpener {
	o := &jsonOpener{columns: columns, mapped: &jsonObject{}, found: make([]bool, len(columns)), missing: len(columns)}
	for i, name := range columns {
		o.mapped.add(name, i, 0)
	}
	return o
}

func (o *jsonOpener) open(ctx context.Context, file storage.Content, name string) (fileRows, error) {
	in, err := openText(ctx, file, name, NDJSON)
	if err != nil {
		return nil, err
	}
	rows := &jsonRows{ctx: ctx, in: in, opener: o, values: make([]jsonValue, len(o.columns))}
	rows.scan.found = rows.setValue
	return rows, nil
}

// end returns an error if no row has some of the columns.
func (o *jsonOpener) end() error {
	if o.missing == 0 || o.rows == 0 {
		return io.EOF
	}
	var missing []string
	for i, name := range o.columns {
		if !o.found[i] {
			missing = append(missing, name)
		}
	}
	return &segment.MissingColumnsError{Missing: missing, Available: o.keys.names}
}

// jsonRows reads the lines of one file. Blank lines are skipped.
type jsonRows struct {
	ctx    context.Context
	in     *textReader
	opener *jsonOpener
	scan   jsonScanner
	line   int
	long   []byte // buffer for lines that are longer than that of in
	values []jsonValue
	cells  []byte
	err    error // of Next, for good
}

// jsonValue is the position of the value of a column in the line.
type jsonValue struct {
	start, end int
	depth      int // of the object that contains it; 0: no value
}

func (*jsonRows) names() []string { return nil }

// JSON implements [segment.Rows].
func (r *jsonRows) JSON() []bool {
	json := make([]bool, len(r.values))
	for i := range json {
		json[i] = true
	}
	return json
}

// Next implements [segment.Rows].
func (r *jsonRows) Next(dst []string) ([]string, error) {
	for r.err == nil {
		if r.line++; r.line%checkEvery == 0 {
			if err := r.ctx.Err(); err != nil {
				return dst, err
			}
		}
		line, err := r.readLine()
		if err != nil && len(line) == 0 {
			r.err = err
			break
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if r.err = r.parse(line); r.err != nil {
			break
		}
		return r.appendRow(dst, line), nil
	}
	return dst, r.err
}

// readLine returns the next line, which is valid until the next call.
func (r *jsonRows) readLine() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = append(r.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(r.long) <= maxRecord {
			line, err = r.in.ReadSlice('\n')
			r.long = append(r.long, line...)
		}
		line = r.long
	}
	if len(line) > maxRecord {
		return nil, storage.PathErrorf(jsonRemedy, nil, "Line %d of %q is longer than %d MiB.", r.line, r.in.name, maxRecord>>20)
	}
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, io.EOF):
		return line, io.EOF
	default:
		return nil, readFailure(r.in.name, err) // the line is incomplete
	}
}

// parse finds the values of a line.
func (r *jsonRows) parse(line []byte) error {
	clear(r.values)
	r.opener.rows++
	r.scan.keys = nil
	if r.opener.missing > 0 {
		r.scan.keys = &r.opener.keys
	}
	problem := r.scan.line(line, r.opener.mapped)
	if problem == "" {
		return nil
	}
	remedy := jsonRemedy
	if r.line == 1 && line[0] == '[' {
		remedy += " A file that is one list is converted with jq -c '.[]'."
	}
	return storage.PathErrorf(remedy, nil, "JSON line %d of %q is invalid: at byte %d %s.", r.line, r.in.name, r.scan.pos+1, problem)
}

// setValue sets the value of a column. A key with the column's name takes
// precedence over a path of keys; of equal keys in an object, the last one wins.
func (r *jsonRows) setValue(column, depth, start, end int) {
	value := &r.values[column]
	if value.depth != 0 && value.depth < depth {
		return
	}
	*value = jsonValue{start, end, depth}
	if !r.opener.found[column] {
		r.opener.found[column] = true
		r.opener.missing--
	}
}

// appendRow appends the values, which share one string.
func (r *jsonRows) appendRow(dst []string, line []byte) []string {
	r.cells = r.cells[:0]
	for i := range r.values {
		value := &r.values[i]
		cell := line[value.start:value.end]
		if string(cell) == "null" {
			cell = nil
		}
		value.start = len(r.cells)
		r.cells = append(r.cells, cell...)
		value.end = len(r.cells)
	}
	cells := string(r.cells)
	for _, value := range r.values {
		dst = append(dst, cells[value.start:value.end])
	}
	return dst
}

// Close implements [segment.Rows].
func (r *jsonRows) Close() error { return r.in.Close() }
