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

// jsonLines opens files of newline-delimited JSON.
type jsonLines struct {
	columns []string
	wanted  *jsonObject
	found   []bool // which columns occurred in some row
	missing int    // how many did not
	rows    int
	keys    jsonKeys
}

func newJSONLines(columns []string) *jsonLines {
	l := &jsonLines{columns: columns, wanted: &jsonObject{}, found: make([]bool, len(columns)), missing: len(columns)}
	for i, name := range columns {
		l.wanted.add(name, i, 0)
	}
	return l
}

func (l *jsonLines) open(ctx context.Context, file storage.Content, name string) (part, error) {
	in, err := unpack(ctx, file, name, NDJSON)
	if err != nil {
		return nil, err
	}
	rows := &jsonRows{ctx: ctx, in: in, lines: l, at: make([]jsonValue, len(l.columns))}
	rows.scan.found = rows.take
	return rows, nil
}

// end tells of columns that no row has, which is known only now.
func (l *jsonLines) end() error {
	if l.missing == 0 || l.rows == 0 {
		return io.EOF
	}
	var missing []string
	for i, name := range l.columns {
		if !l.found[i] {
			missing = append(missing, name)
		}
	}
	return &segment.MissingColumnsError{Missing: missing, Available: l.keys.names}
}

// jsonRows reads the lines of one file. Blank lines are no rows.
type jsonRows struct {
	ctx   context.Context
	in    *text
	lines *jsonLines
	scan  jsonScanner
	line  int
	long  []byte // a line that is longer than the buffer
	at    []jsonValue
	cells []byte
	done  error // io.EOF, or what ended the stream
}

// jsonValue is where in the line the value of a column is.
type jsonValue struct {
	start, end int
	depth      int // of the object it is in; 0 is no value
}

func (*jsonRows) names() []string { return nil }

// JSON implements [segment.Rows].
func (r *jsonRows) JSON() []bool {
	json := make([]bool, len(r.at))
	for i := range json {
		json[i] = true
	}
	return json
}

// Next implements [segment.Rows].
func (r *jsonRows) Next(dst []string) ([]string, error) {
	for r.done == nil {
		if r.line++; r.line%checkEvery == 0 {
			if err := r.ctx.Err(); err != nil {
				return dst, err
			}
		}
		line, err := r.readLine()
		if err != nil && len(line) == 0 {
			r.done = err
			break
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if r.done = r.parse(line); r.done != nil {
			break
		}
		return r.appendRow(dst, line), nil
	}
	return dst, r.done
}

// readLine returns the next line, which is good until the one after it is read.
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
		return nil, readFailure(r.in.name, err) // half a line is no row
	}
}

// parse finds the values of a line.
func (r *jsonRows) parse(line []byte) error {
	clear(r.at)
	r.lines.rows++
	r.scan.keys = nil
	if r.lines.missing > 0 {
		r.scan.keys = &r.lines.keys
	}
	problem := r.scan.line(line, r.lines.wanted)
	if problem == "" {
		return nil
	}
	remedy := jsonRemedy
	if r.line == 1 && line[0] == '[' {
		remedy += " A file that is one list becomes that with jq -c '.[]'."
	}
	return storage.PathErrorf(remedy, nil, "JSON line %d of %q is invalid: at byte %d %s.", r.line, r.in.name, r.scan.pos+1, problem)
}

// take notes the value of a column. The column's name as a key of its own wins
// over a path of keys; of keys that are twice in an object, the last wins.
func (r *jsonRows) take(column, depth, start, end int) {
	at := &r.at[column]
	if at.depth != 0 && at.depth < depth {
		return
	}
	*at = jsonValue{start, end, depth}
	if !r.lines.found[column] {
		r.lines.found[column] = true
		r.lines.missing--
	}
}

// appendRow makes one string of all values, of which each is a part.
func (r *jsonRows) appendRow(dst []string, line []byte) []string {
	r.cells = r.cells[:0]
	for i := range r.at {
		at := &r.at[i]
		value := line[at.start:at.end]
		if string(value) == "null" {
			value = nil
		}
		at.start = len(r.cells)
		r.cells = append(r.cells, value...)
		at.end = len(r.cells)
	}
	cells := string(r.cells)
	for i := range r.at {
		dst = append(dst, cells[r.at[i].start:r.at[i].end])
	}
	return dst
}

// Close implements [segment.Rows].
func (r *jsonRows) Close() error { return r.in.Close() }
