package file

import (
	"context"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// parquetRows reads the columns of a Parquet file in lock step, a batch of rows
// at a time.
type parquetRows struct {
	ctx       context.Context
	file      *errorRecorder
	view      *pageView
	name      string
	opener    *parquetOpener
	available []string
	columns   []*parquetReader
	groups    []parquet.RowGroup // not begun yet
	read      int64              // rows

	remaining int64 // rows of the group that are not in a batch yet
	batch     int   // number of rows in the batch
	next      int   // index in the batch
	err       error // of Next, for good
}

// A batch has maxBatchRows rows: enough that the time of calls is negligible, few
// enough for the memory. Where values are long, it ends as soon as it has more
// than maxBatchBytes, which is checked every batchStep rows.
const (
	maxBatchRows  = 512
	batchStep     = 32
	maxBatchBytes = 1 << 20
)

// maxStepBytes bounds the memory of batchStep rows of a column.
const maxStepBytes = 4 * maxRecord

// maxNumber is how many bytes a decimal may have: to convert one takes time with the
// square of its length.
const maxNumber = 1 << 10

func (r *parquetRows) names() []string { return r.available }

// JSON implements [segment.Rows].
func (r *parquetRows) JSON() []bool {
	json := make([]bool, len(r.columns))
	for i, c := range r.columns {
		json[i] = c.json
	}
	return json
}

// Next implements [segment.Rows].
func (r *parquetRows) Next(dst []string) ([]string, error) {
	for r.next == r.batch {
		if r.err == nil {
			r.err = r.fill()
		}
		if r.err != nil {
			return dst, r.err
		}
	}
	nul := false
	first := len(dst)
	for _, c := range r.columns {
		dst = append(dst, c.cells[r.next])
		c.cells[r.next] = "" // only the row refers to it from now on
		nul = nul || c.nul
	}
	r.next++
	r.read++
	if nul {
		for i, c := range r.columns {
			if segment.HasNUL(dst[first+i], c.json) {
				return dst[:first], segment.NULError().With(dst[first:])
			}
		}
	}
	return dst, nil
}

// position implements [fileRows]. Parquet has no lines.
func (*parquetRows) position() int64 { return 0 }

// fill reads the next batch, which may be empty.
func (r *parquetRows) fill() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.batch, r.next = 0, 0
	err := r.recoverPanic(func() error {
		if r.remaining == 0 {
			return r.nextGroup()
		}
		return r.readBatch(int(min(r.remaining, maxBatchRows)))
	})
	if err == nil || err == io.EOF { //nolint:errorlint // only the end itself, not an end that is too early
		return err
	}
	return r.failure(err)
}

// readBatch makes the cells of the next rows, at most maxRows.
func (r *parquetRows) readBatch(maxRows int) error {
	for _, c := range r.columns {
		c.begin()
	}
	n := 0
	for n < maxRows && r.batchBytes() < maxBatchBytes {
		n = min(n+batchStep, maxRows)
		for i, c := range r.columns {
			if err := c.fill(n); errors.Is(err, errTooLong) {
				return r.tooLong(r.opener.columns[i])
			} else if err != nil {
				return err
			}
		}
	}
	for _, c := range r.columns {
		nulls := &r.opener.nulls
		if c.json {
			nulls = &r.opener.jsonNulls
		}
		c.end(nulls)
	}
	r.batch = n
	r.remaining -= int64(n)
	return nil
}

// tooLong explains that a column has values that are too long. Some rows before them
// may be in the batch, so which row it is about is not known.
func (r *parquetRows) tooLong(column string) error {
	return storage.PathErrorf("Values that long cannot be sent to Klaviyo: leave them out of the file, or map another column.", errTooLong,
		"In the Parquet file %q, after row %d, the column %q has a value of more than %d MiB, a decimal of more than %d bytes, or %d rows of more than %d MiB together.",
		r.name, r.read, column, maxRecord>>20, maxNumber, batchStep, maxStepBytes>>20)
}

// batchBytes is the size of all cells of the batch.
func (r *parquetRows) batchBytes() (bytes int) {
	for _, c := range r.columns {
		bytes += len(c.bytes)
	}
	return bytes
}

func (r *parquetRows) nextGroup() error {
	r.closeColumns()
	if len(r.groups) == 0 {
		return io.EOF
	}
	group := r.groups[0]
	r.groups = r.groups[1:]
	if r.remaining = group.NumRows(); r.remaining < 0 {
		return parquet.ErrCorrupted
	}
	chunks := group.ColumnChunks()
	for _, c := range r.columns {
		for _, leaf := range c.leaves {
			chunk := chunks[leaf.index]
			if !c.nested && chunk.NumValues() != r.remaining {
				return parquet.ErrCorrupted
			}
			leaf.begin(r.ctx, chunk.Pages())
		}
	}
	return nil
}

func (r *parquetRows) closeColumns() {
	for _, c := range r.columns {
		for _, leaf := range c.leaves {
			leaf.close()
		}
	}
}

// Close implements [segment.Rows].
func (r *parquetRows) Close() error {
	_ = r.recoverPanic(func() error { r.closeColumns(); return nil })
	r.batch, r.next = 0, 0
	if r.err == nil {
		r.err = io.EOF
	}
	return r.file.Close()
}

// parquetLeaf reads the values of one leaf of a row group.
type parquetLeaf struct {
	index int
	ctx   context.Context // checked here, since a single row may have any number of values

	append   appendValue
	unsigned bool
	decimal  bool
	maxBytes int // of all cells of the column, see maxStepBytes
	pages    parquet.Pages
	page     parquet.Page
	values   parquet.ValueReader
	buffer   []parquet.Value
	ready    []parquet.Value // the unread rest of the buffer
}

// readMore reads up to maxValues values into the buffer, which must be used up.
// io.EOF is the end of the row group.
func (l *parquetLeaf) readMore(maxValues int) error {
	if l.buffer == nil {
		l.buffer = make([]parquet.Value, maxBatchRows)
	}
	for l.pages != nil {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if l.values == nil {
			page, err := l.pages.ReadPage()
			if err != nil {
				return err
			}
			l.page, l.values = page, page.Values()
		}
		n, err := l.values.ReadValues(l.buffer[:min(maxValues, maxBatchRows)])
		if n > 0 {
			l.ready = l.buffer[:n]
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			l.closePage()
		case err == nil:
			return io.ErrNoProgress
		default:
			return err
		}
	}
	return io.EOF
}

// errTooLong means that the cells of a column are longer than what can be read.
var errTooLong = errors.New("a value is too long")

// checkLength refuses a value that is too long for a cell, or for those that are
// read already, which have so many bytes.
func (l *parquetLeaf) checkLength(bytes int, v parquet.Value) error {
	length := 0
	if kind := v.Kind(); kind == parquet.ByteArray || kind == parquet.FixedLenByteArray {
		length = len(v.ByteArray())
	}
	if length > maxRecord || l.decimal && length > maxNumber || bytes+length > l.maxBytes {
		return errTooLong
	}
	return nil
}

// begin begins the values of a row group.
func (l *parquetLeaf) begin(ctx context.Context, pages parquet.Pages) { l.ctx, l.pages = ctx, pages }

func (l *parquetLeaf) closePage() {
	if l.page != nil {
		parquet.Release(l.page)
	}
	l.page, l.values, l.ready = nil, nil, nil
}

func (l *parquetLeaf) close() {
	l.closePage()
	if l.pages != nil {
		_ = l.pages.Close() // only read from
	}
	l.pages = nil
}

// parquetReader makes the cells of one column.
type parquetReader struct {
	leaves []*parquetLeaf
	json   bool

	constant bool   // all cells have the value, from a folder of the path
	value    string // likewise
	nested   bool   // rows have several values or leaves
	root     *parquetNode

	cells []string // of the batch
	bytes []byte   // of all cells
	ends  []int    // of the cells in bytes
	nul   bool     // a cell may have a NUL byte
}

// begin begins a batch.
func (c *parquetReader) begin() { c.bytes, c.ends = c.bytes[:0], c.ends[:0] }

// fill makes the cells of the batch up to its n-th row.
func (c *parquetReader) fill(n int) error {
	if c.constant {
		for len(c.ends) < n {
			c.bytes = append(c.bytes, c.value...)
			c.ends = append(c.ends, len(c.bytes))
		}
		return nil
	}
	for _, leaf := range c.leaves {
		leaf.maxBytes = len(c.bytes) + maxStepBytes
	}
	var err error
	if c.nested {
		err = c.fillNested(n)
	} else {
		err = c.fillFlat(n)
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// end makes the cells of the batch, which share one string.
func (c *parquetReader) end(nulls *nullValues) {
	all, start := string(c.bytes), 0
	c.nul = segment.MayHaveNUL(all, c.json)
	c.cells = c.cells[:0]
	for _, end := range c.ends {
		if cell := all[start:end]; nulls.has(c.bytes[start:end]) {
			c.cells = append(c.cells, "")
		} else {
			c.cells = append(c.cells, cell)
		}
		start = end
	}
}

func (c *parquetReader) fillFlat(n int) error {
	leaf := c.leaves[0]
	for len(c.ends) < n {
		if err := leaf.readMore(n - len(c.ends)); err != nil {
			return err
		}
		for _, v := range leaf.ready {
			if err := leaf.checkLength(len(c.bytes), v); err != nil {
				return err
			}
			if !v.IsNull() {
				c.bytes = leaf.append(c.bytes, v)
			}
			c.ends = append(c.ends, len(c.bytes))
		}
		leaf.ready = nil
	}
	return nil
}
