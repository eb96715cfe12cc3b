package pipeline

import (
	"context"
	"io"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// partial is a segment of rows that cannot be read, with as much of each as can be told.
type partial struct {
	rows [][]string
	next int
}

func (p *partial) Open(context.Context, []string) (segment.Rows, error) {
	return &partial{rows: p.rows}, nil
}

func (*partial) Version(context.Context) (string, error) { return "", nil }

func (*partial) JSON() []bool { return nil }

func (p *partial) Next(dst []string) ([]string, error) {
	if p.next == len(p.rows) {
		return dst, io.EOF
	}
	p.next++
	return dst, (&segment.RowError{Code: segment.CodeUnreadableValue}).With(p.rows[p.next-1])
}

func (*partial) Close() error { return nil }

// Of a row that its source cannot read, it is known whose it is if the source tells the
// address, unless the filter leaves the row out.
func TestPeopleOfUnreadableRows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		where map[string][]string
		cells []string
		known bool
	}{
		"address":            {nil, []string{"A@Example.com", "\x00"}, true},
		"no address":         {nil, []string{"a", ""}, false},
		"no cells":           {nil, nil, false},
		"wanted":             {map[string][]string{"tier": {"gold"}}, []string{"a@example.com", " gold "}, true},
		"not wanted":         {map[string][]string{"tier": {"gold"}}, []string{"a@example.com", "silver"}, false},
		"perhaps wanted":     {map[string][]string{"tier": {"gold"}}, []string{"a@example.com", "g\xf6ld"}, true},
		"condition unknown":  {map[string][]string{"tier": {"gold"}}, []string{"a@example.com", ""}, true},
		"condition with NUL": {map[string][]string{"tier": {"gold"}}, []string{"a@example.com", "go\x00ld"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &Pipeline{
				Segments: []Segment{{Name: "s", Source: &partial{rows: [][]string{tc.cells, tc.cells}}, Where: tc.where}},
				Mapping:  profile.Mapping{Email: "email", Properties: map[string]profile.Property{"tier": {Column: "tier"}}},
			}
			r := p.NewReader()
			s, err := r.Read(t.Context(), nil)
			if err != nil || s.Rejected.Total != 2 || (s.RejectedPeople == 1) != tc.known || r.OnlyRejected(profile.HashOfAddress("a@example.com")) != tc.known {
				t.Errorf("%d rejected rows of %d people, %v", s.Rejected.Total, s.RejectedPeople, err)
			}
		})
	}
}
