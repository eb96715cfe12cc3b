package export

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// batchRoom is the most that a batch holds.
type batchRoom struct{ profiles, bytes int }

// importRoom is what fits into an import beside its envelope.
var importRoom = batchRoom{klaviyo.MaxImportProfiles, klaviyo.MaxImportBytes - klaviyo.ImportOverhead}

// batch is the profiles of one import request. They stay where they were
// encoded, in the blocks of chunks.
type batch struct {
	room     batchRoom
	part     part
	size     int      // bytes of the body
	body     [][]byte // the profiles separated by commas, in as few parts as there are
	profiles []sent
	blocks   []*block
}

// sent is a profile in a batch.
type sent struct {
	row   Row
	email uint64 // half of the hash of the address
	json  []byte // resource object
}

// begin empties the batch, that is the n-th of its run.
func (b *batch) begin(n int64) {
	if b.profiles == nil {
		b.profiles = make([]sent, 0, b.room.profiles)
	}
	b.part = wholeBatch(n)
	b.empty()
}

// fits reports whether a profile of so many bytes can be added.
func (b *batch) fits(size int) bool {
	return len(b.profiles) < b.room.profiles && b.size+size+1 <= b.room.bytes
}

// add adds a profile that is in a block.
func (b *batch) add(row Row, email profile.Hash, json []byte, in *block) {
	if last := len(b.blocks) - 1; last < 0 || b.blocks[last] != in {
		in.hold()
		b.blocks = append(b.blocks, in)
	}
	b.append(sent{row: row, email: email.Lo, json: json})
}

func (b *batch) append(p sent) {
	last := len(b.body) - 1
	switch {
	case last < 0:
		b.body = append(b.body, p.json)
	case follows(b.body[last], p.json):
		b.body[last] = b.body[last][:len(b.body[last])+1+len(p.json)]
		b.size++
	default:
		b.body = append(b.body, comma, p.json)
		b.size++
	}
	b.size += len(p.json)
	b.profiles = append(b.profiles, p)
}

func (b *batch) empty() { b.size, b.body, b.profiles = 0, b.body[:0], b.profiles[:0] }

// release empties the batch and lets go of the blocks.
func (b *batch) release() {
	clear(b.profiles)
	clear(b.body)
	for i, in := range b.blocks {
		in.release()
		b.blocks[i] = nil
	}
	b.blocks = b.blocks[:0]
	b.empty()
}

var comma = []byte{','}

// follows reports whether b is in memory where a ends, with a comma between.
func follows(a, b []byte) bool {
	end := len(a)
	return cap(a) > end+1 && &a[:end+2][end+1] == &b[0] && a[:end+1][end] == ','
}

// edit keeps the profiles as keep returns them and takes out those for which
// it returns nil.
func (b *batch) edit(keep func(i int, p sent) []byte) {
	all := b.profiles
	b.empty()
	for i, p := range all {
		if p.json = keep(i, p); p.json != nil {
			b.append(p)
		}
	}
}

// halves splits a batch of two profiles or more. They hold no blocks: the
// batch does.
func (b *batch) halves() (first, second *batch) {
	middle := len(b.profiles) / 2
	first, second = &batch{}, &batch{}
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
	return span{b.part, b.profiles[0].row, b.profiles[len(b.profiles)-1].row}
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

// withoutPhone returns a profile without its phone number, nil if it has none.
func withoutPhone(resource []byte) []byte {
	var p struct {
		Type       string                     `json:"type"`
		Attributes map[string]json.RawMessage `json:"attributes"`
	}
	if json.Unmarshal(resource, &p) != nil || p.Attributes["phone_number"] == nil {
		return nil
	}
	delete(p.Attributes, "phone_number")
	out, err := json.Marshal(p)
	if err != nil {
		return nil
	}
	return out
}
