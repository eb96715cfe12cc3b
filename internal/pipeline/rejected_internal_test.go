package pipeline

import (
	"context"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
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

// A row that cannot be split is that of everybody whose address is in it, whatever the
// filter; it says nothing about their consent.
func TestPeopleOfTornRows(t *testing.T) {
	t.Parallel()
	p := &Pipeline{
		Segments: []Segment{{Name: "s", Where: where{"tier": {"gold"}}, Source: &table{
			columns: []string{"email", "tier", "consent"},
			rows:    [][]string{6: {"d@example.com", "gold", "yes"}, 7: {"e@example.com", "silver", "yes"}},
			torn: []string{
				"A@example.com\nSmith\n John\ngold", "\"b@example.com\"\nsilver\n<c@example.com>", "x@y\n7", "",
				"a@example.com\ngold\nx", "d@example.com\ngold\nx",
			},
		}}},
		Mapping: profile.Mapping{
			Email: "email", Properties: map[string]profile.Property{"tier": {Column: "tier"}},
			Consent: &profile.ConsentMapping{Column: "consent"},
		},
	}
	r := p.NewReader()
	given := 0
	s, err := r.Read(t.Context(), func(p *Profile) error {
		if p.Consent.Given {
			given++
		}
		return nil
	})
	if err != nil || s.Rejected.Total != 6 || s.RejectedPeople != 3 || s.Profiles != 1 || given != 1 {
		t.Errorf("%d rejected rows of %d people, %d profiles, %d consents, %v", s.Rejected.Total, s.RejectedPeople, s.Profiles, given, err)
	}
	for address, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false, "e": false} {
		if got := r.OnlyRejected(profile.HashOfAddress(address + "@example.com")); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

// A chunk ends where rows that cannot be split weigh as much as it may hold.
func TestChunkWeighsTornRows(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("a@example.com ", chunkBytes/28)
	rows := &table{rows: make([][]string, 10), torn: slices.Repeat([]string{big}, 10)}
	var c chunk
	if err := c.fill(rows, nil, nil); err != nil || c.rows != 3 {
		t.Errorf("%d rows, %v", c.rows, err)
	}
	for _, s := range c.skipped {
		if s.err.Text != "" {
			t.Error("the text is kept")
		}
	}
}

// Whoever has left and has rejected rows moves from the removed to the rejected; nobody
// else does. Changes that others hold stay as they are.
func TestKeepRejected(t *testing.T) {
	t.Parallel()
	before := sketch.New(sketch.Salt{1}, 96)
	keys := func(people ...uint64) (keys Keys) {
		for _, email := range people {
			keys = append(keys, KeyOf(before, email))
		}
		slices.Sort(keys)
		return keys
	}
	for name, tc := range map[string]struct {
		removed, rejected         Keys
		unreadable                []uint64 // who has rejected rows
		wantRemoved, wantRejected Keys
	}{
		"nobody left":           {nil, nil, []uint64{1}, nil, nil},
		"no rejected rows":      {keys(1, 2), nil, nil, keys(1, 2), nil},
		"of somebody unknown":   {keys(1, 2), nil, []uint64{3}, keys(1, 2), nil},
		"of one who left":       {keys(1, 2, 3), nil, []uint64{2, 4}, keys(1, 3), keys(2)},
		"of all who left":       {keys(1, 2), nil, []uint64{2, 1}, Keys{}, keys(1, 2)},
		"beside those kept yet": {keys(1, 2), keys(5, 6), []uint64{1}, keys(2), keys(1, 5, 6)},
	} {
		removed, rejected := slices.Clone(tc.removed), slices.Clone(tc.rejected)
		c := &Changes{Added: keys(7), Removed: tc.removed, Rejected: tc.rejected}
		c.KeepRejected(&Survey{rejected: tc.unreadable}, before)
		if want := (&Changes{Added: keys(7), Removed: tc.wantRemoved, Rejected: tc.wantRejected}); !reflect.DeepEqual(c, want) {
			t.Errorf("%s: %+v, want %+v", name, c, want)
		}
		if !slices.Equal(tc.removed, removed) || !slices.Equal(tc.rejected, rejected) {
			t.Errorf("%s: the keys given were changed", name)
		}
	}
	(*Changes)(nil).KeepRejected(&Survey{rejected: []uint64{1}}, before) // too many changes to be listed
}
