package export

import (
	"sync"
	"sync/atomic"
)

// blockBytes is what a block has room for at first: a chunk of usual profiles.
const blockBytes = chunkRows * 400

// block is the memory that the profiles of a chunk are encoded in. The chunk
// holds it until it is consumed, and batches with profiles in it until they
// are sent.
type block struct {
	json  []byte // profiles, each with a comma behind
	holds atomic.Int32
	pool  *blockPool

	_ [24]byte // fills a cache line, so that counting holds slows nobody who reads what is next to it
}

func (b *block) hold() { b.holds.Add(1) }

// room is how many bytes can be added without the block becoming another.
func (b *block) room() int { return cap(b.json) - len(b.json) }

// release gives the block back once nobody holds it any more. One that is of no
// pool is left to the collector.
func (b *block) release() {
	if b.holds.Add(-1) == 0 && b.pool != nil {
		b.pool.put(b)
	}
}

// another returns an empty block with one hold, of the same pool.
func (b *block) another() *block {
	if b.pool != nil {
		return b.pool.get()
	}
	other := &block{json: make([]byte, 0, blockBytes)}
	other.hold()
	return other
}

// blockPool keeps blocks for further use; the one that came back last goes out
// first, since it is still in the caches.
type blockPool struct {
	mu   sync.Mutex
	back []*block
}

// get returns an empty block with one hold.
func (p *blockPool) get() *block {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &block{pool: p}
	if last := len(p.back) - 1; last >= 0 {
		b = p.back[last]
		p.back = p.back[:last]
	} else {
		b.json = make([]byte, 0, blockBytes)
	}
	b.json = b.json[:0]
	b.holds.Store(1)
	return b
}

func (p *blockPool) put(b *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.back = append(p.back, b)
}
