package bulk

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// manifest remembers which rows a job is about. It is kept for as long as
// Klaviyo takes, so it is small: 20 bytes a profile.
type manifest struct {
	part part     // of the run
	runs []rowRun // in the order of the profiles
	rows []uint32 // how far each profile's row is from the first of its run
	ids  []ID     // of each profile
}

// rowRun is a stretch of profiles of one segment.
type rowRun struct {
	segment string
	first   int64 // number of the first row
	at      int   // position of its profile
}

func newManifest(b *batch) *manifest {
	m := &manifest{part: b.part, rows: make([]uint32, len(b.profiles)), ids: make([]ID, len(b.profiles))}
	for i, p := range b.profiles {
		last := len(m.runs) - 1
		if last < 0 || m.runs[last].segment != b.segments[p.segment] || p.row < m.runs[last].first || p.row-m.runs[last].first > math.MaxUint32 {
			m.runs = append(m.runs, rowRun{b.segments[p.segment], p.row, i})
			last++
		}
		m.rows[i], m.ids[i] = uint32(p.row-m.runs[last].first), p.id
	}
	return m
}

func (m *manifest) profiles() int { return len(m.rows) }

// row is where the i-th profile comes from.
func (m *manifest) row(i int) tally.Row {
	run := m.runs[0]
	for _, next := range m.runs[1:] {
		if next.at > i {
			break
		}
		run = next
	}
	return tally.Row{Segment: run.segment, Number: run.first + int64(m.rows[i])}
}

func (m *manifest) span() span { return span{m.part, m.row(0), m.row(m.profiles() - 1)} }

// index finds profiles by their addresses.
func (m *manifest) index() addressIndex {
	x := make(addressIndex, len(m.ids))
	for i, id := range m.ids {
		x[id.Email] = int32(i)
	}
	return x
}

// addressIndex is the position of a profile by the hash of its address.
type addressIndex map[uint64]int32

// find takes an address in any of its forms: Klaviyo may write it in another
// than it was sent.
func (x addressIndex) find(address string) (position int, ok bool) {
	i, ok := x[profile.HashOfAddress(address).Lo]
	return int(i), ok
}

// part is a stretch of what a run sends, a batch, a piece of one or several in
// a row. It has no unit: it is for telling which parts follow one another.
type part struct{ from, to int64 }

// wholeBatch is the part that the n-th batch is. It can be halved until there
// is one profile in each piece.
func wholeBatch(n int64) part { return part{n << 20, (n + 1) << 20} }

func (p part) halves() (first, second part) {
	middle := p.from + (p.to-p.from)/2
	return part{p.from, middle}, part{middle, p.to}
}

// span is a stretch of rows, from the first to the last profile of a part.
type span struct {
	part        part
	first, last tally.Row
}

func (s span) String() string {
	switch {
	case s.first == s.last:
		return fmt.Sprintf("row %s of segment %q", tally.Thousands(s.first.Number), s.first.Segment)
	case s.first.Segment == s.last.Segment:
		return fmt.Sprintf("rows %s to %s of segment %q", tally.Thousands(s.first.Number), tally.Thousands(s.last.Number), s.first.Segment)
	default:
		return fmt.Sprintf("row %s of segment %q to row %s of segment %q",
			tally.Thousands(s.first.Number), s.first.Segment, tally.Thousands(s.last.Number), s.last.Segment)
	}
}

// spans joins those that follow one another and lists them in words.
func spansInWords(spans []span) string {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.part.from, b.part.from) })
	var joined []span
	for _, s := range spans {
		if last := len(joined) - 1; last >= 0 && s.part.from == joined[last].part.to {
			joined[last].part.to, joined[last].last = s.part.to, s.last
			continue
		}
		joined = append(joined, s)
	}
	texts := make([]string, len(joined))
	for i, s := range joined {
		texts[i] = s.String()
	}
	return tally.Abridged(texts)
}
