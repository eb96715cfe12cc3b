package export

import (
	"context"
	"slices"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// batchRoom is the most that a batch holds.
type batchRoom struct{ profiles, bytes int }

// importRoom is what fits into an import beside its envelope.
var importRoom = batchRoom{klaviyo.MaxImportProfiles, klaviyo.MaxImportBytes - klaviyo.ImportOverhead}

// batch is the profiles of one import request. They stay where they were
// encoded, in the blocks of chunks, unless those are mostly something else.
type batch struct {
	room     batchRoom
	part     part
	size     int      // bytes of the body
	body     [][]byte // the profiles separated by commas, in as few parts as there are
	profiles []sent
	blocks   []*block // nil for one that was left
	segments []string // that the profiles come from
	omitted  int      // how many of the refused regions have no phone number left in it

	current stay   // in the block of a chunk
	copies  uint32 // index of the last block of its own; 0 for none, since one was left before
	moving  []sent // for leave
}

// stay is the block that profiles were added from last, nil at first, and how
// much was in the batch when the first of them came.
type stay struct {
	block                *block
	profiles, body, size int
}

// sent is a profile in a batch. It holds no pointer, since there are so many
// that the collector would be busy with them.
type sent struct {
	row        int64  // its number in the segment
	segment    uint32 // index into the batch's segments
	email      uint32 // a part of the hash of the address
	block      uint32 // index into the batch's blocks
	start, end uint32 // of the resource object in the block
}

// begin empties the batch, that is the n-th of its run.
func (b *batch) begin(n int64) {
	if b.profiles == nil {
		b.profiles = make([]sent, 0, b.room.profiles)
	}
	b.part, b.omitted = wholeBatch(n), 0
	b.empty()
}

// fits reports whether a profile of so many bytes can be added.
func (b *batch) fits(size int) bool {
	return len(b.profiles) < b.room.profiles && b.size+size+1 <= b.room.bytes
}

// add adds a profile that is in a block, from start to end.
func (b *batch) add(row tally.Row, email profile.Hash, in *block, start, end int32) {
	if b.current.block != in {
		b.leave()
		in.hold()
		b.blocks = append(b.blocks, in)
		b.current = stay{in, len(b.profiles), len(b.body), b.size}
	}
	if last := len(b.segments) - 1; last < 0 || b.segments[last] != row.Segment {
		b.segments = append(b.segments, row.Segment)
	}
	b.append(sent{
		row: row.Number, segment: uint32(len(b.segments) - 1), email: uint32(email.Lo),
		block: uint32(len(b.blocks) - 1), start: uint32(start), end: uint32(end),
	})
}

// leave copies the profiles from the current block if they take up less than
// half of it, and lets go of it. Where nearly every row is a duplicate, a batch
// would else hold a block for each profile.
func (b *batch) leave() {
	s := b.current
	if s.block == nil || 2*(b.size-s.size) >= cap(s.block.json) {
		return
	}
	at := len(b.blocks) - 1
	b.moving = append(b.moving[:0], b.profiles[s.profiles:]...)
	b.profiles, b.body, b.size = b.profiles[:s.profiles], b.body[:s.body], s.size
	for _, p := range b.moving {
		b.append(b.copyIn(p, b.json(p)))
	}
	b.blocks[at] = nil
	s.block.release()
}

// copyIn copies the resource object of a profile into a block of the batch's
// own.
func (b *batch) copyIn(p sent, json []byte) sent {
	if b.copies == 0 || b.blocks[b.copies].room() <= len(json) {
		b.copies = uint32(len(b.blocks))
		b.blocks = append(b.blocks, b.blocks[p.block].another())
	}
	in := b.blocks[b.copies]
	start := len(in.json)
	in.json = append(append(in.json, json...), ',')
	p.block, p.start, p.end = b.copies, uint32(start), uint32(start+len(json))
	return p
}

// append appends a profile. One that follows the last in its block, where a
// comma is between, makes that part of the body longer.
func (b *batch) append(p sent) {
	length := int(p.end - p.start)
	if last := len(b.profiles) - 1; last >= 0 {
		b.size++ // the comma
		if before := b.profiles[last]; before.block == p.block && before.end+1 == p.start {
			part := &b.body[len(b.body)-1]
			*part = (*part)[:len(*part)+1+length]
		} else {
			b.body = append(b.body, comma, b.json(p))
		}
	} else {
		b.body = append(b.body, b.json(p))
	}
	b.size += length
	b.profiles = append(b.profiles, p)
}

var comma = []byte{','}

// json is the resource object of a profile.
func (b *batch) json(p sent) []byte { return b.blocks[p.block].json[p.start:p.end] }

// row is where a profile comes from.
func (b *batch) row(p sent) tally.Row {
	return tally.Row{Segment: b.segments[p.segment], Number: p.row}
}

func (b *batch) empty() { b.size, b.body, b.profiles = 0, b.body[:0], b.profiles[:0] }

// release empties the batch and lets go of the blocks.
func (b *batch) release() {
	clear(b.body)
	for i, in := range b.blocks {
		if in != nil {
			in.release()
		}
		b.blocks[i] = nil
	}
	b.blocks, b.segments = b.blocks[:0], b.segments[:0]
	b.current, b.copies = stay{}, 0
	b.empty()
}

// edit replaces each profile by what mend makes of it, and takes out those of
// which it makes nil.
func (b *batch) edit(mend func(i int, row tally.Row, json []byte) []byte) {
	all := b.profiles
	b.empty()
	for i, p := range all {
		json := b.json(p)
		mended := mend(i, b.row(p), json)
		if mended == nil {
			continue
		}
		if len(mended) != len(json) || &mended[0] != &json[0] {
			p = b.copyIn(p, mended)
		}
		b.append(p)
	}
}

// halves splits a batch of two profiles or more. They hold no blocks: the
// batch does.
func (b *batch) halves() (first, second *batch) {
	middle := len(b.profiles) / 2
	half := func() *batch {
		return &batch{blocks: slices.Clip(b.blocks), segments: b.segments, omitted: b.omitted}
	}
	first, second = half(), half()
	first.part, second.part = b.part.halves()
	for i, p := range b.profiles {
		if i < middle {
			first.append(p)
		} else {
			second.append(p)
		}
	}
	return first, second
}

// span is which rows the profiles come from.
func (b *batch) span() span {
	return span{b.part, b.row(b.profiles[0]), b.row(b.profiles[len(b.profiles)-1])}
}

// batchPool lends out batches, so many at once. The one that came back last goes
// out first: then there are only as many as are needed, and its memory is
// still in the caches.
type batchPool struct {
	room    batchRoom
	allowed chan struct{} // a token a batch that may go out

	mu   sync.Mutex
	back []*batch
}

func newBatchPool(size int, room batchRoom) *batchPool {
	p := &batchPool{room: room, allowed: make(chan struct{}, size)}
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
		return &batch{room: p.room}, nil
	}
	b := p.back[last]
	p.back = p.back[:last]
	return b, nil
}

func (p *batchPool) put(b *batch) {
	b.release()
	p.mu.Lock()
	p.back = append(p.back, b)
	p.mu.Unlock()
	p.allowed <- struct{}{}
}
