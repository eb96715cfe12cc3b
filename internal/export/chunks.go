package export

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// chunkRows is how many rows change hands at once: enough that channels do
// not show in a profile, few enough that a chunk stays in a processor's cache.
const chunkRows = 512

// chunkBytes is after how many bytes of cells a chunk is full, however few its
// rows are: a profile may have a hundred thousand. They are weighed so many rows
// at a time.
const (
	chunkBytes = 512 << 10
	weighEvery = 8
)

// chunk is a run of rows of one segment on its way through the engine.
type chunk struct {
	segment string
	index   int // of the segment
	encoder *profile.Encoder
	first   int64    // number of the first row
	rows    int      // how many, the unreadable ones included
	cells   []string // row after row, without the unreadable ones
	bad     []badRow // rows that could not be read, in order

	fraction float64 // of the segment, up to the last row; 0 if unknown

	turn int // how many chunks are consumed before this one

	// What a worker makes of the rows, in their order.
	block    *block    // that the profiles are in; only the last one in a survey
	profiles []encoded // where each is
	rejects  []rejected
}

type badRow struct {
	index int
	err   *segment.RowError
}

// encoded is a profile in a chunk's block.
type encoded struct {
	row        int64
	start, end int32
	info       profile.Info
}

// rejected is a row that cannot be exported.
type rejected struct {
	row    int64
	code   string
	target profile.Target // the part of the profile that is wrong; may be zero
	reason string
}

func (c *chunk) reset(first int64) {
	c.first, c.rows = first, 0
	c.cells, c.bad = c.cells[:0], c.bad[:0]
	c.profiles, c.rejects = c.profiles[:0], c.rejects[:0]
}

// encode turns the chunk's rows into profiles. Unless they are kept, each
// overwrites the one before: a survey only wants to know of them.
func (c *chunk) encode(keep bool) {
	cells, bad, json := c.cells, c.bad, c.block.json[:0]
	width := len(cells) / max(c.rows-len(bad), 1)
	c.profiles = slices.Grow(c.profiles, c.rows)
	for i := range c.rows {
		row := c.first + int64(i)
		if len(bad) > 0 && bad[0].index == i {
			c.rejects = append(c.rejects, rejected{row: row, code: bad[0].err.Code, reason: bad[0].err.Error()})
			bad = bad[1:]
			continue
		}
		if !keep {
			json = json[:0]
		}
		start := len(json)
		at := len(c.profiles)
		c.profiles = c.profiles[:at+1]
		p := &c.profiles[at]
		var rejection *profile.Rejection
		json, rejection = c.encoder.Append(json, cells[:width], &p.info)
		cells = cells[width:]
		if rejection != nil {
			c.profiles = c.profiles[:at]
			c.rejects = append(c.rejects, rejected{
				row: row, code: string(rejection.Code), target: rejection.Target, reason: rejection.Reason(),
			})
			continue
		}
		p.row, p.start, p.end = row, int32(start), int32(len(json))
		json = append(json, ',')
	}
	c.block.json = json
	clear(c.cells) // let go of the rows, which the collector would look at
}

// stream carries chunks between the stages. Its channels hold every chunk
// there is, so that nobody waits for room in them.
type stream struct {
	free  chan *chunk // to be filled
	work  chan *chunk // to be encoded, by whoever comes first
	turns int         // how many were given to be encoded
}

// give passes on a chunk that the reader has filled.
func (s *stream) give(c *chunk) {
	if c.rows == 0 { // the segment ended with the chunk before
		s.free <- c
		return
	}
	c.turn = s.turns
	s.turns++
	s.work <- c
}

// reading is what a pass over the segments is for.
type reading struct {
	keep   bool    // the profiles are wanted, not only what is to be known of them
	roster *roster // nil unless who is in which segments is to be told
}

// encodeSegments reads all segments and passes their chunks to consume, in
// order and one at a time. A chunk is consume's only until it returns. A worker
// also has its chunk consumed if it is due and nobody else is at it, while it is
// in that processor's cache. Where consume waits there is a worker less.
func (e *Export) encodeSegments(ctx context.Context, r reading, consume func(context.Context, *chunk) error) error {
	workers := max(runtime.GOMAXPROCS(0)-1, 1) // beside the reader
	size := 2*workers + 6                      // enough that who is late for once makes nobody wait
	s := stream{free: make(chan *chunk, size), work: make(chan *chunk, size)}
	var blocks blockPool
	for range size {
		s.free <- &chunk{block: blocks.get()}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(s.work)
		for i := range e.Segments {
			if err := e.read(ctx, i, r.roster, &s); err != nil {
				return err
			}
		}
		return nil
	})
	order := newInTurn(size, func(c *chunk) error {
		if err := consume(ctx, c); err != nil {
			return err
		}
		c.block.release()
		c.block = blocks.get()
		s.free <- c
		return nil
	})
	for range workers {
		g.Go(func() error {
			for c := range s.work {
				c.encode(r.keep)
				if err := order.take(c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// read cuts one segment into chunks.
func (e *Export) read(ctx context.Context, index int, r *roster, s *stream) error {
	from := &e.Segments[index]
	rows, err := from.Source.Open(ctx, e.Mapping.Columns())
	if err != nil {
		return e.sourceError(ctx, from.Name, err)
	}
	defer rows.Close()
	encoder, err := profile.Compile(e.Mapping, rows.JSON())
	if err != nil {
		return e.sourceError(ctx, from.Name, err)
	}
	r.derive(encoder, index)
	for next := int64(1); ; {
		var c *chunk
		select {
		case c = <-s.free:
		case <-ctx.Done():
			return e.sourceError(ctx, from.Name, ctx.Err())
		}
		c.segment, c.index, c.encoder = from.Name, index, encoder
		c.reset(next)
		err := c.fill(rows)
		c.fraction = rows.Fraction()
		next += int64(c.rows)
		s.give(c)
		if errors.Is(err, io.EOF) {
			if next == 1 && !e.Safeguards.AllowEmptySegment {
				return e.emptySegment(ctx, from.Name, rows)
			}
			return nil
		}
		if err != nil {
			return e.sourceError(ctx, from.Name, err)
		}
	}
}

// fill reads rows until the chunk is full, by number or by weight. At the end of
// the segment the error is io.EOF.
func (c *chunk) fill(rows segment.Rows) error {
	cells := c.cells
	weight, weighed := 0, 0
	for ; c.rows < chunkRows; c.rows++ {
		if c.rows%weighEvery == 0 {
			for _, cell := range cells[weighed:] {
				weight += len(cell)
			}
			if weight > chunkBytes {
				break
			}
			weighed = len(cells)
		}
		var err error
		if cells, err = rows.Next(cells); err != nil && !c.takeBad(err) {
			c.cells = cells
			return err
		}
	}
	c.cells = cells
	return nil
}

// takeBad takes down that the next row cannot be read, if that is what the
// error says.
func (c *chunk) takeBad(err error) bool {
	var bad *segment.RowError
	if !errors.As(err, &bad) {
		return false
	}
	c.bad = append(c.bad, badRow{c.rows, bad})
	return true
}

func (e *Export) emptySegment(ctx context.Context, name string, rows segment.Rows) error {
	if source, ok := rows.(segment.Explainer); ok {
		if err := source.WhyEmpty(); err != nil {
			return e.sourceError(ctx, name, err)
		}
	}
	return &diagnostic.Error{
		Attribute: []string{"segment", name},
		Summary:   "Segment Is Empty",
		Detail: "Segment \"" + name + "\" has no rows. An empty segment usually means that what produces it failed. " +
			"If nobody is in the segment for now, set safeguards.allow_empty_segment = true.",
	}
}
