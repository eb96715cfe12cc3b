package bulk

import (
	"context"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// Limits are the most that a batch holds.
type Limits struct{ Profiles, Bytes int }

// importLimits are what fits into an import beside its envelope.
var importLimits = Limits{klaviyo.MaxImportProfiles, klaviyo.MaxImportBytes - klaviyo.ImportOverhead}

// batch is the profiles of one import request, in memory of its own.
type batch struct {
	limits   Limits
	part     part
	json     []byte // the resource objects of the profiles, separated by commas
	profiles []sent
	segments []string // that the profiles come from
	omitted  int      // how many of the refused regions have no phone number left in it
}

// sent is a profile in a batch. It holds no pointers, so that the garbage
// collector need not scan it.
type sent struct {
	row        int64  // its number in the segment
	segment    uint32 // index into the batch's segments
	id         ID
	start, end uint32 // of the resource object in the batch's json
}

// begin empties the batch, that is the n-th of its run.
func (b *batch) begin(n int64) {
	if b.json == nil && n > 1 { // the first one may be the only one, and small
		b.json = make([]byte, 0, b.limits.Bytes)
		b.profiles = make([]sent, 0, b.limits.Profiles)
	}
	b.part, b.omitted = wholeBatch(n), 0
	b.json, b.profiles, b.segments = b.json[:0], b.profiles[:0], b.segments[:0]
}

// fits reports whether a profile of so many bytes can be added.
func (b *batch) fits(size int) bool {
	return len(b.profiles) < b.limits.Profiles && len(b.json)+len(",")+size <= b.limits.Bytes
}

// add adds a profile.
func (b *batch) add(row tally.Row, id ID, json []byte) {
	if last := len(b.segments) - 1; last < 0 || b.segments[last] != row.Segment {
		b.segments = append(b.segments, row.Segment)
	}
	b.append(sent{row: row.Number, id: id, segment: uint32(len(b.segments) - 1)}, json)
}

func (b *batch) append(p sent, json []byte) {
	if len(b.profiles) > 0 {
		b.json = append(b.json, ',')
	}
	p.start = uint32(len(b.json))
	b.json = append(b.json, json...)
	p.end = uint32(len(b.json))
	b.profiles = append(b.profiles, p)
}

// object is the resource object of a profile.
func (b *batch) object(p sent) []byte { return b.json[p.start:p.end] }

// row is where a profile comes from.
func (b *batch) row(p sent) tally.Row {
	return tally.Row{Segment: b.segments[p.segment], Number: p.row}
}

// edit replaces each profile by what mend makes of it, and takes out those of
// which it makes nil. mend must not make a profile longer: profiles are moved
// within the memory of the batch.
func (b *batch) edit(mend func(i int, p sent, json []byte) []byte) {
	all, old := b.profiles, b.json
	b.profiles, b.json = all[:0], old[:0]
	for i, p := range all {
		if mended := mend(i, p, old[p.start:p.end:p.end]); mended != nil {
			b.append(p, mended)
		}
	}
}

// halves splits a batch of two profiles or more. They take over its memory, so
// the batch itself must not be used until it is begun again.
func (b *batch) halves() (first, second *batch) {
	middle := len(b.profiles) / 2
	cut := b.profiles[middle].start
	first = &batch{limits: b.limits, segments: b.segments, omitted: b.omitted}
	second = &batch{limits: b.limits, segments: b.segments, omitted: b.omitted}
	first.part, second.part = b.part.halves()
	first.json, second.json = b.json[:cut-1:cut-1], b.json[cut:len(b.json):len(b.json)]
	first.profiles, second.profiles = b.profiles[:middle:middle], b.profiles[middle:]
	for i := range second.profiles {
		second.profiles[i].start -= cut
		second.profiles[i].end -= cut
	}
	return first, second
}

// span is which rows the profiles come from.
func (b *batch) span() span {
	return span{b.part, b.row(b.profiles[0]), b.row(b.profiles[len(b.profiles)-1])}
}

// batchPool lends out batches, a limited number at once. The one that came back
// last goes out first: then there are only as many as are needed, and its memory
// is still in the processor's caches.
type batchPool struct {
	limits  Limits
	allowed chan struct{} // a token for each batch that may go out

	mu   sync.Mutex
	back []*batch
}

func newBatchPool(size int, limits Limits) *batchPool {
	p := &batchPool{limits: limits, allowed: make(chan struct{}, size)}
	for range size {
		p.allowed <- struct{}{}
	}
	return p
}

// get returns a batch to be begun, when there is one.
func (p *batchPool) get(ctx context.Context) (*batch, error) {
	select {
	case <-p.allowed:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.back) - 1
	if last < 0 {
		return &batch{limits: p.limits}, nil
	}
	b := p.back[last]
	p.back = p.back[:last]
	return b, nil
}

func (p *batchPool) put(b *batch) {
	p.mu.Lock()
	p.back = append(p.back, b)
	p.mu.Unlock()
	p.allowed <- struct{}{}
}
