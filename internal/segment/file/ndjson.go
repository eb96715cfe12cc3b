package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

const jsonRemedy = "NDJSON has one JSON object in each line."

// jsonOpener opens files of newline-delimited JSON.
type jsonOpener struct {
	Source

	columns []string
	nulls   nullValues
	mapped  *jsonObject
	found   []bool // columns that some row has
	missing int    // number of those that no row has
	rows    int
	keys    jsonKeys
	guess   string // the encoding of text that is not UTF-8
}

func newJSONOpener(source Source, columns []string) *jsonOpener {
	o := &jsonOpener{Source: source, nulls: jsonNullValues(source.NullValues), columns: columns, mapped: &jsonObject{}, found: make([]bool, len(columns)), missing: len(columns)}
	for i, name := range columns {
		o.mapped.add(name, i, 0)
	}
	return o
}

func (o *jsonOpener) open(ctx context.Context, file storage.Content, at place) (fileRows, error) {
	in, err := openText(ctx, file, at, NDJSON, o.Encoding)
	if err != nil {
		return nil, err
	}
	head, err := in.Peek(readBufferSize / 2)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = in.closeDecompressor()
		return nil, readFailure(at.name, err)
	}
	// In JSON a CR may also be white space within an object.
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		in.readFrom(&lineEnds{in: in.Reader})
	}
	rows := &jsonRows{ctx: ctx, in: in, opener: o, values: make([]jsonValue, len(o.columns))}
	rows.setConstants(at)
	rows.scan.found = rows.setValue
	return rows, nil
}

func (*jsonOpener) notices() []string { return nil }

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

	constants []string // JSON of the columns in the folders of the path; nil: there are none
	err       error    // of Next, for good
}

// jsonValue is the position of the value of a column in the line.
type jsonValue struct {
	start, end int
	depth      int // of the object that contains it; 0: no value
}

// setConstants finds columns in the folders of the path, which are for rows that
// do not have them.
func (r *jsonRows) setConstants(at place) {
	for i, name := range r.opener.columns {
		value, ok := at.folders[name]
		if !ok {
			continue
		}
		if r.constants == nil {
			r.constants = make([]string, len(r.opener.columns))
		}
		if value != "" {
			r.constants[i] = jsonText(value)
		}
		r.opener.find(i)
	}
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
		if err := r.parse(line); err != nil {
			var bad *segment.RowError
			if errors.As(err, &bad) {
				return dst, bad
			}
			r.err = err
			break
		}
		return r.appendRow(dst, line)
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
	if at := r.scan.pos; at < len(line) && line[at] == 0 {
		return &segment.RowError{Code: segment.CodeUnreadableValue, Problem: "has a NUL byte"}
	}
	remedy := jsonRemedy
	switch {
	case r.line == 1 && line[0] == '[':
		remedy += " A file that is one list is converted with jq -c '.[]'."
	case r.line == 1 && string(line) == "{":
		remedy += " A file with an object over several lines is converted with jq -c '.'."
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
	r.opener.find(column)
}

// find notes that there is a column.
func (o *jsonOpener) find(column int) {
	if !o.found[column] {
		o.found[column] = true
		o.missing--
	}
}

// appendRow appends the values, which share one string.
func (r *jsonRows) appendRow(dst []string, line []byte) ([]string, error) {
	r.cells = r.cells[:0]
	for i := range r.values {
		value := &r.values[i]
		cell := line[value.start:value.end]
		start := len(r.cells)
		switch {
		case value.depth == 0 && r.constants != nil: // first, since the empty text may stand for no value
			r.cells = append(r.cells, r.constants[i]...)
		case string(cell) == "null" || r.opener.nulls.has(cell):
		case r.scan.notFinite:
			r.cells = appendFinite(r.cells, cell)
		default:
			r.cells = append(r.cells, cell...)
		}
		value.start, value.end = start, len(r.cells)
	}
	cells := string(r.cells)
	before := dst
	for _, value := range r.values {
		dst = append(dst, cells[value.start:value.end])
	}
	if bad := r.checkText(cells); bad != nil {
		return before, bad.With(dst[len(before):])
	}
	return dst, nil
}

// checkText refuses cells that cannot be sent as they are.
func (r *jsonRows) checkText(cells string) *segment.RowError {
	switch {
	case r.scan.nul && segment.HasNUL(cells, true):
		return segment.NULError()
	case !utf8.ValidString(cells):
		return notUTF8Error(r.likelyEncoding(cells))
	case !isDecoded(cells, r.opener.Encoding):
		return notDecodedError(r.opener.Encoding)
	default:
		return nil
	}
}

// likelyEncoding guesses the encoding of the file at the first text that is not
// UTF-8.
func (r *jsonRows) likelyEncoding(text string) string {
	if r.opener.guess == "" {
		more, _ := r.in.Peek(r.in.Buffered()) // as much as there is
		r.opener.guess = guessEncoding([]byte(text), more)
	}
	return r.opener.guess
}

// appendFinite appends a value in which numbers that JSON does not have are null; if it
// is one of them itself, it appends nothing.
func appendFinite(dst, value []byte) []byte {
	if n := notFiniteLength(value); n > 0 && n == len(value) {
		return dst
	}
	for i := 0; i < len(value); {
		switch n := notFiniteLength(value[i:]); {
		case value[i] == '"':
			s := jsonScanner{text: value, pos: i}
			_, _, _ = s.str() // was scanned before
			dst = append(dst, value[i:s.pos]...)
			i = s.pos
		case n > 0:
			dst = append(dst, "null"...)
			i += n
		default:
			dst = append(dst, value[i])
			i++
		}
	}
	return dst
}

// position implements [fileRows].
func (r *jsonRows) position() int64 { return int64(r.line) }

// Close implements [segment.Rows].
func (r *jsonRows) Close() error { return r.in.Close() }
