package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// A chunk is full after so many rows: enough that handing it on costs nothing per
// row, few enough that it stays in a processor's cache. It is also full after so
// many bytes of cells, since a single row may have a hundred thousand; they are
// added up every few rows.
const (
	chunkRows  = 512
	chunkBytes = 512 << 10
	weighEvery = 8
)

// chunks is how many chunks there are: one that is filled, one that is encoded,
// and some between them, so that either side may be slow for a moment.
const chunks = 8

// chunk is consecutive rows of one segment.
type chunk struct {
	segment string
	index   int // of the segment
	encoder *profile.Encoder
	first   int64        // number of the first row
	rows    int          // how many, the skipped ones included
	cells   []string     // row after row, without the skipped ones
	skipped []skippedRow // in order

	filtered int // rows that the filter leaves out
}

// skippedRow is a row without cells, by its position in the chunk.
type skippedRow struct {
	index  int
	err    *segment.RowError // why it cannot be read; nil if the filter leaves it out
	emails []profile.Hash    // of its address, or of all those in it that may be its address

	refuses bool // the row does not say yes to marketing
}

// stream carries chunks from the goroutine that fills them to the one that
// encodes them. Its channels hold all chunks, so sending never blocks.
type stream struct {
	free chan *chunk // to be filled
	full chan *chunk // to be encoded
}

func newStream() *stream {
	s := &stream{free: make(chan *chunk, chunks), full: make(chan *chunk, chunks)}
	for range chunks {
		s.free <- &chunk{}
	}
	return s
}

// readAll cuts all segments into chunks.
func (r *Reader) readAll(ctx context.Context, s *stream) error {
	defer close(s.full)
	for i := range r.pipeline.Segments {
		if err := r.readSegment(ctx, i, s); err != nil {
			return err
		}
	}
	return nil
}

// readSegment cuts one segment into chunks.
func (r *Reader) readSegment(ctx context.Context, i int, s *stream) error {
	p := r.pipeline
	from := &p.Segments[i]
	columns := p.columns(from)
	rows, err := from.Source.Open(ctx, columns)
	if err != nil {
		return p.sourceError(ctx, from, err)
	}
	defer rows.Close()
	json := rows.JSON()
	encoder, err := profile.Compile(p.Mapping, json)
	if err != nil {
		return p.sourceError(ctx, from, err)
	}
	where := newFilter(from, columns, json)
	encoder.ReadConsentsAt(p.Now)
	if from.DecimalComma {
		encoder.ReadDecimalCommas()
	}
	if lists, ok := rows.(segment.Lister); ok {
		encoder.ReadLists(lists.Lists())
	}
	r.segments.derive(encoder, i)
	r.shared.omit(encoder)
	noter := r.places.noter(from.Name, rows)
	for next, filtered := int64(1), int64(0); ; {
		var c *chunk
		select {
		case c = <-s.free:
		case <-ctx.Done():
			return p.sourceError(ctx, from, ctx.Err())
		}
		*c = chunk{segment: from.Name, index: i, encoder: encoder, first: next, cells: c.cells[:0], skipped: c.skipped[:0]}
		err := c.fill(rows, noter, where)
		next += int64(c.rows)
		filtered += int64(c.filtered)
		if c.rows > 0 {
			s.full <- c
		} else { // the segment ended with the chunk before
			s.free <- c
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return p.sourceError(ctx, from, err)
		case next-1 == filtered && !p.AllowEmpty:
			return p.emptySegment(ctx, from, rows, filtered)
		default:
			r.noteNotices(from.Name, rows)
			return nil
		}
	}
}

// noteNotices keeps what a source says after its last row.
func (r *Reader) noteNotices(name string, rows segment.Rows) {
	if noticer, ok := rows.(segment.Noticer); ok {
		for _, notice := range noticer.Notices() {
			r.notices = append(r.notices, fmt.Sprintf("Segment %q: %s", name, notice))
		}
	}
}

// fill reads rows until the chunk is full, by number or by weight. At the end of
// the segment the error is io.EOF.
func (c *chunk) fill(rows segment.Rows, places *placeNoter, where filter) error {
	cells := c.cells
	defer func() { c.cells = cells }()
	weight, weighed := 0, 0
	for ; c.rows < chunkRows; c.rows++ {
		if c.rows%weighEvery == 0 {
			for _, cell := range cells[weighed:] {
				weight += len(cell)
			}
			weighed = len(cells)
		}
		if weight > chunkBytes {
			break
		}
		start := len(cells)
		var err error
		if cells, err = rows.Next(cells); err == nil {
			places.note(c.first + int64(c.rows))
			if where != nil {
				cells = c.applyFilter(where, cells, start)
			}
			continue
		}
		var bad *segment.RowError
		if !errors.As(err, &bad) {
			return err
		}
		places.note(c.first + int64(c.rows))
		weight += len(bad.Text)
		c.skip(bad, where, bad.Cells)
	}
	return nil
}

// skip takes in a row that cannot be read. Whose it is may be known nevertheless, unless
// the filter leaves the row out for certain. A row that cannot be split into cells is that of
// anybody whose address is in it, and tells nothing else.
func (c *chunk) skip(bad *segment.RowError, where filter, cells []string) {
	s := skippedRow{index: c.rows, err: bad}
	switch {
	case cells == nil:
		s.emails, bad.Text = profile.HashesOfAddressesIn(bad.Text), ""
	case !where.excludes(cells):
		var email profile.Hash
		if email, s.refuses = c.encoder.Whose(cells); email != (profile.Hash{}) {
			s.emails = []profile.Hash{email}
		}
	}
	c.skipped = append(c.skipped, s)
}

// applyFilter removes the last row from cells, which begins at start, unless the filter
// takes it.
func (c *chunk) applyFilter(f filter, cells []string, start int) []string {
	matches, bad := f.match(cells[start:])
	if matches {
		return cells
	}
	if bad == nil {
		c.skipped = append(c.skipped, skippedRow{index: c.rows})
		c.filtered++
	} else {
		c.skip(bad, f, cells[start:])
	}
	clear(cells[start:]) // they are not to keep the buffers of the source alive
	return cells[:start]
}
