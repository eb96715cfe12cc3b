package pipeline

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

func (*alike) Close() error { return nil }

func (a *alike) Next(dst []string) ([]string, error) {
	if a.next == a.rows {
		return dst, io.EOF
	}
	a.next++
	return append(dst, fmt.Sprintf("p%d@example.com", a.next), a.text), nil
}

// pipelineOf is a pipeline of an address and a property.
func pipelineOf(s segment.Source) *Pipeline {
	return &Pipeline{
		Segments: []Segment{{Name: "s", Source: s}},
		Mapping:  profile.Mapping{Email: "email", Properties: map[string]profile.Property{"x": {Column: "text"}}},
	}
}

// Rows of any length make chunks that are bounded in bytes and in rows.
func TestChunksAreBounded(t *testing.T) {
	t.Parallel()
	const rows = 2000
	for _, length := range []int{0, 100, 5_000, 90_000} {
		source := &alike{rows: rows, text: strings.Repeat("x", length)}
		for seen := 0; ; {
			c := &chunk{}
			err := c.fill(source, nil, nil)
			bytes := 0
			for _, cell := range c.cells {
				bytes += len(cell)
			}
			if most := chunkBytes + (weighEvery+1)*(length+100); bytes > most || c.rows > chunkRows {
				t.Errorf("%d rows of %d bytes are %d bytes, more than %d", c.rows, length, bytes, most)
			}
			seen += c.rows
			if err == nil && length < 500 && c.rows < chunkRows {
				t.Errorf("a chunk of %d short rows", c.rows)
			}
			if err != nil {
				if err != io.EOF || seen != rows { //nolint:errorlint // the same one
					t.Errorf("%d rows, %v", seen, err)
				}
				break
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
		p := pipelineOf(alike{rows: rows})
		p.AllowEmpty = true
		p.Segments = slices.Repeat(p.Segments, segments)
		s, err := p.NewReader().Read(ctx, nil)
		if err != nil || s.Rows != int64(segments*rows) || s.Profiles != int64(rows) {
			t.Errorf("%d segments of %d rows: %+v, %v", segments, rows, s, err)
		}
	}
}

// Each profile is handed on whole, in the order of the rows, however the rows
// fall into chunks.
func TestReadHandsOnEachProfile(t *testing.T) {
	t.Parallel()
	const rows = 3*chunkRows + 7
	next := int64(1)
	_, err := pipelineOf(alike{rows: rows, text: "x"}).NewReader().Read(t.Context(), func(p *Profile) error {
		want := fmt.Sprintf(`"email":"p%d@example.com"`, next)
		if p.Row.Number != next || p.Row.Segment != "s" || !strings.Contains(string(p.JSON), want) || p.Email != profile.HashOfAddress(fmt.Sprintf("p%d@example.com", next)) {
			t.Fatalf("row %v has %s, want %s", p.Row, p.JSON, want)
		}
		next++
		return nil
	})
	if err != nil || next != rows+1 {
		t.Errorf("%d profiles of %d, %v", next-1, rows, err)
	}
}
