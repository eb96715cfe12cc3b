package bulk

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// sentRows is a batch of profiles that come from these rows.
func sentRows(n int64, rows ...tally.Row) *batch {
	b := &batch{limits: Limits{len(rows), 1 << 10}}
	b.begin(n)
	for i, row := range rows {
		b.add(row, ID{Email: uint64(i) | 7<<32}, []byte("{}"))
	}
	return b
}

// A manifest knows each row, over borders of segments and gaps of any width.
func TestManifestKnowsRows(t *testing.T) {
	t.Parallel()
	const far = math.MaxUint32
	rows := []tally.Row{
		{Segment: "a", Number: 3},
		{Segment: "a", Number: 4},
		{Segment: "a", Number: 4 + 1000},
		{Segment: "a", Number: 3 + far}, // the last that is near enough to the first
		{Segment: "a", Number: 4 + far},
		{Segment: "a", Number: 5 + far},
		{Segment: "a", Number: 5 + 3*far},
		{Segment: "b", Number: 1},
		{Segment: "c", Number: 1},
		{Segment: "c", Number: 2},
		{Segment: "a", Number: 1},
		{Segment: "a", Number: math.MaxInt64},
		{Segment: "a", Number: 2}, // before the first of its run
	}
	m := newManifest(sentRows(4, rows...))
	if m.profiles() != len(rows) || len(m.runs) != 8 {
		t.Errorf("%d profiles in runs %v", m.profiles(), m.runs)
	}
	for i, want := range rows {
		if got := m.row(i); got != want {
			t.Errorf("profile %d is of %v, want %v", i, got, want)
		}
	}
	if want := (span{wholeBatch(4), rows[0], rows[len(rows)-1]}); m.span() != want {
		t.Errorf("span %v, want %v", m.span(), want)
	}
}

func TestManifestFindsAddresses(t *testing.T) {
	t.Parallel()
	b := &batch{}
	for i := range 100 {
		b.add(tally.Row{Segment: "s", Number: int64(i + 1)}, ID{Email: profile.HashOf(fmt.Appendf(nil, "p%d@example.com", i)).Lo}, []byte("{}"))
	}
	x := newManifest(b).index()
	for i := range 100 {
		got, ok := x.find(fmt.Sprintf("p%d@example.com", i))
		if !ok || got != i {
			t.Errorf("profile %d: found %v at %d", i, ok, got)
		}
	}
	if at, ok := x.find("stranger@example.com"); ok {
		t.Errorf("a stranger is found at %d", at)
	}
}

// Whatever form Klaviyo gives an address, it is the one that was sent.
func TestManifestFindsAddressesInAnyForm(t *testing.T) {
	t.Parallel()
	b := &batch{}
	for i, sent := range []string{"ada@example.com", "ada@xn--bcher-kva.example"} {
		b.add(tally.Row{Segment: "s", Number: int64(i + 1)}, ID{Email: profile.HashOf([]byte(sent)).Lo}, []byte("{}"))
	}
	x := newManifest(b).index()
	for address, want := range map[string]int{
		"Ada@Example.com": 0, "ada@example.com\t": 0,
		"ada@xn--bcher-kva.example": 1, "ada@bücher.example": 1, "Ada@BÜCHER.Example": 1,
	} {
		if got, ok := x.find(address); !ok || got != want {
			t.Errorf("%q: found %v at %d, want %d", address, ok, got, want)
		}
	}
}

func TestSpansInWords(t *testing.T) {
	t.Parallel()
	part := func(n, first, last int64) span {
		return span{wholeBatch(n), tally.Row{Segment: "s", Number: first}, tally.Row{Segment: "s", Number: last}}
	}
	first, second := wholeBatch(3).halves()
	third, fourth := second.halves()
	spread := func(n int64) (all []span) { // none of them next to another
		for i := range n {
			all = append(all, part(2*i, 1, 1))
		}
		return all
	}
	for name, tc := range map[string]struct {
		spans []span
		want  string
	}{
		"none":               {nil, ""},
		"one row":            {[]span{part(1, 7, 7)}, `row 7 of segment "s"`},
		"one batch":          {[]span{part(1, 7, 10_250)}, `rows 7 to 10,250 of segment "s"`},
		"neighbours":         {[]span{part(2, 11, 19), part(1, 1, 9), part(3, 21, 29)}, `rows 1 to 29 of segment "s"`},
		"with a gap":         {[]span{part(4, 31, 39), part(1, 1, 9), part(2, 11, 19)}, `rows 1 to 19 of segment "s", rows 31 to 39 of segment "s"`},
		"over segments":      {[]span{{wholeBatch(1), tally.Row{Segment: "b", Number: 900}, tally.Row{Segment: "a", Number: 3}}}, `row 900 of segment "b" to row 3 of segment "a"`},
		"same row elsewhere": {[]span{{wholeBatch(1), tally.Row{Segment: "b", Number: 3}, tally.Row{Segment: "a", Number: 3}}}, `row 3 of segment "b" to row 3 of segment "a"`},
		"pieces over segments": {
			[]span{{fourth, tally.Row{Segment: "a", Number: 5}, tally.Row{Segment: "a", Number: 7}}, {first, tally.Row{Segment: "b", Number: 8}, tally.Row{Segment: "b", Number: 9}}, {third, tally.Row{Segment: "b", Number: 10}, tally.Row{Segment: "a", Number: 4}}, part(4, 1, 2)},
			`row 8 of segment "b" to row 2 of segment "s"`,
		},
		"a piece is missing": {
			[]span{{fourth, tally.Row{Segment: "a", Number: 5}, tally.Row{Segment: "a", Number: 7}}, {first, tally.Row{Segment: "b", Number: 8}, tally.Row{Segment: "b", Number: 9}}, part(2, 1, 7)},
			`row 1 of segment "s" to row 9 of segment "b", rows 5 to 7 of segment "a"`,
		},
		"many": {
			spread(22), strings.Repeat(`row 1 of segment "s", `, 19) + `row 1 of segment "s" and 2 more, which the log names`,
		},
	} {
		if got := spansInWords(tc.spans); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// A batch can be halved down to its single profiles, and the pieces still
// follow one another.
func TestPartsCanBeHalved(t *testing.T) {
	t.Parallel()
	pieces := []part{wholeBatch(math.MaxInt32)}
	for range 14 { // more than 10,000
		var halves []part
		for _, p := range pieces {
			first, second := p.halves()
			halves = append(halves, first, second)
		}
		pieces = halves
	}
	for i, p := range pieces {
		if p.from >= p.to || i > 0 && p.from != pieces[i-1].to {
			t.Fatalf("piece %d is %v, after %v", i, p, pieces[max(i-1, 0)])
		}
	}
	if pieces[0].from != wholeBatch(math.MaxInt32-1).to || pieces[len(pieces)-1].to != wholeBatch(math.MaxInt32+1).from {
		t.Error("the pieces do not make up the batch")
	}
}
