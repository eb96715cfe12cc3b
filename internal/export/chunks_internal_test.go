package export

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// alike is a segment of rows that differ in their addresses only, and so takes
// no memory.
type alike struct {
	rows int
	text string // of the property

	next int
}

func (a alike) Open(context.Context, []string) (segment.Rows, error) { return &a, nil }

func (alike) Version(context.Context) (string, error) { return "", nil }

func (*alike) JSON() []bool { return nil }

func (*alike) Fraction() float64 { return 0 }

func (*alike) Close() error { return nil }

func (a *alike) Next(dst []string) ([]string, error) {
	if a.next == a.rows {
		return dst, io.EOF
	}
	a.next++
	return append(dst, fmt.Sprintf("p%d@example.com", a.next), a.text), nil
}

// exportOf is an export of an address and a property.
func exportOf(s segment.Source) *Export {
	return &Export{
		Segments: []Segment{{Name: "s", Source: s}},
		Mapping:  profile.Mapping{Email: "email", Properties: map[string]profile.Property{"x": {Column: "text"}}},
	}
}

// Rows of any length make chunks that are bounded in bytes and in rows.
func TestChunksAreBounded(t *testing.T) {
	t.Parallel()
	const rows = 2000
	for _, length := range []int{0, 100, 5_000, 90_000} {
		for _, keep := range []bool{false, true} {
			e := exportOf(alike{rows: rows, text: strings.Repeat("x", length)})
			seen, next := 0, int64(1)
			err := e.encodeSegments(t.Context(), reading{keep: keep}, func(_ context.Context, c *chunk) error {
				if c.first != next || c.rows > chunkRows || len(c.profiles) != c.rows {
					t.Errorf("a chunk of rows %d to %d, with %d profiles; want it from row %d on", c.first, c.first+int64(c.rows)-1, len(c.profiles), next)
				}
				if most := chunkBytes + (weighEvery+1)*(length+100) + chunkRows*100; len(c.block.json) > most {
					t.Errorf("%d rows of %d bytes are %d bytes, more than %d", c.rows, length, len(c.block.json), most)
				}
				if length < 500 && c.rows < chunkRows && c.first+int64(c.rows) <= rows {
					t.Errorf("a chunk of %d short rows", c.rows)
				}
				next += int64(c.rows)
				seen += len(c.profiles)
				return nil
			})
			if err != nil || seen != rows {
				t.Errorf("%d profiles, %v", seen, err)
			}
		}
	}
}

// Segments that end where a chunk does, and empty ones, keep no chunk: there may
// be many of them.
func TestSegmentsKeepNoChunk(t *testing.T) {
	t.Parallel()
	const segments = 300
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, rows := range []int{0, chunkRows} {
		e := exportOf(alike{rows: rows})
		e.Safeguards.AllowEmptySegment = true
		e.Segments = slices.Repeat(e.Segments, segments)
		seen := 0
		err := e.encodeSegments(ctx, reading{}, func(_ context.Context, c *chunk) error {
			seen += len(c.profiles)
			return nil
		})
		if err != nil || seen != segments*rows {
			t.Errorf("%d segments of %d rows: %d profiles, %v", segments, rows, seen, err)
		}
	}
}

// No more chunks are under way than fit into memory, and no more batches: who
// wants one waits until one comes back.
func TestPoolsAreBounded(t *testing.T) {
	t.Parallel()
	p := newBatchPool(3, importRoom)
	var out []*batch
	for range 3 {
		b, err := p.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.get(ctx); err == nil {
		t.Error("a fourth of three batches is out")
	}
	p.put(out[1])
	if b, err := p.get(t.Context()); err != nil || b != out[1] {
		t.Errorf("the batch that came back is not lent out again: %v", err)
	}
}
