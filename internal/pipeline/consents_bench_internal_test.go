package pipeline

import (
	"context"
	"io"
	"strconv"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// agreeing is a segment of people who all say yes, with other cells around.
type agreeing struct {
	emails  []string
	columns int
	next    int
}

func (s agreeing) Open(_ context.Context, names []string) (segment.Rows, error) {
	s.columns = len(names)
	return &s, nil
}

func (agreeing) Version(context.Context) (string, error) { return "", nil }

func (*agreeing) JSON() []bool { return nil }

func (*agreeing) Close() error { return nil }

func (s *agreeing) Next(dst []string) ([]string, error) {
	if s.next == len(s.emails) {
		return dst, io.EOF
	}
	dst = append(dst, s.emails[s.next], "Ann", "Miller", "Ghent", "gold")
	s.next++
	return append(dst, []string{"yes", "2026-01-02T03:04:05Z"}[:s.columns-5]...), nil
}

// BenchmarkConsent shows what reading consent adds to a pass.
func BenchmarkConsent(b *testing.B) {
	const rows = 100_000
	emails := make([]string, rows)
	for i := range emails {
		emails[i] = "person" + strconv.Itoa(i) + "@example.com"
	}
	for name, consent := range map[string]*profile.ConsentMapping{
		"none": nil, "without dates": {Column: "ok"}, "with dates": {Column: "ok", DateColumn: "at"}, "only": {Column: "ok", Only: true},
	} {
		b.Run(name, func(b *testing.B) {
			p := &Pipeline{
				Segments: []Segment{{Name: "s", Source: agreeing{emails: emails}}},
				Mapping: profile.Mapping{
					Email: "email", Attributes: map[string]string{"first_name": "first", "last_name": "last"},
					Location: map[string]string{"city": "city"}, Properties: map[string]profile.Property{"tier": {Column: "tier"}},
					Consent: consent,
				},
			}
			r := p.NewReader()
			for b.Loop() {
				if consent != nil {
					r.ConsentSketch = sketch.New(sketch.Salt{}, sketch.CellsFor(rows))
				}
				if _, err := r.Read(b.Context(), func(*Profile) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
