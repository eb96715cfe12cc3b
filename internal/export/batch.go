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

// batch is the profiles of one import request.
type batch struct {
	room     batchRoom
	part     part
	json     []byte // resource objects, separated by commas
	profiles []sent
}

// sent is a profile in a batch.
type sent struct {
	row   Row
	email uint64 // half of the hash of the address
	end   int    // where it ends in the batch's json
}

// begin empties the batch, that is the n-th of its run. It makes all the room
// that a batch may need at once: memory that stays untouched costs nothing, and
// growing would copy what is there.
func (b *batch) begin(n int64) {
	if b.json == nil {
		b.json = make([]byte, 0, b.room.bytes)
		b.profiles = make([]sent, 0, b.room.profiles)
	}
	b.part, b.json, b.profiles = wholeBatch(n), b.json[:0], b.profiles[:0]
}

// fits reports whether a profile of so many bytes can be added.
func (b *batch) fits(size int) bool {
	return len(b.profiles) < b.room.profiles && len(b.json)+size+1 <= b.room.bytes
}

func (b *batch) add(row Row, email profile.Hash, json []byte) {
	b.append(sent{row: row, email: email.Lo}, json)
}

func (b *batch) append(p sent, json []byte) {
	if len(b.profiles) > 0 {
		b.json = append(b.json, ',')
	}
	b.json = append(b.json, json...)
	p.end = len(b.json)
	b.profiles = append(b.profiles, p)
}

// at returns the bytes of the i-th profile.
func (b *batch) at(i int) []byte {
	start := 0
	if i > 0 {
		start = b.profiles[i-1].end + 1 // the comma
	}
	return b.json[start:b.profiles[i].end]
}

// edit keeps the profiles as keep returns them and takes out those for which
// it returns nil.
func (b *batch) edit(keep func(i int, json []byte) []byte) {
	out := batch{room: b.room, part: b.part}
	out.json = make([]byte, 0, len(b.json))
	out.profiles = make([]sent, 0, len(b.profiles))
	for i, p := range b.profiles {
		if json := keep(i, b.at(i)); json != nil {
			out.append(p, json)
		}
	}
	*b = out
}

// halves splits a batch of two profiles or more.
func (b *batch) halves() (first, second *batch) {
	middle := len(b.profiles) / 2
	first, second = &batch{}, &batch{}
	first.part, second.part = b.part.halves()
	for i, p := range b.profiles {
		half := first
		if i >= middle {
			half = second
		}
		half.append(p, b.at(i))
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
