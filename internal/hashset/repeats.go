package hashset

import (
	"encoding/binary"
	"math/bits"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Repeats finds the hashes that were added more than once; the zero value has none.
// It is not safe for concurrent use.
//
// Adding a hash only appends to one of a few tables, whose ends stay in the cache of a
// processor. What is in a table more than once is looked for in the end, when the whole
// table fits into that cache. A set that looks each hash up at once waits for the
// memory each time.
//
// A table and an entry stand for the same 48 bits of a hash as in a [Compact].
// TestRepeatsMemory: a million hashes take less than 6 bytes each.
type Repeats struct {
	tables []repeatTable // nil while nothing was added
}

// repeatTable is entries in blocks, so that none is copied when there are more.
type repeatTable struct {
	last []byte
	full [][]byte
}

const (
	repeatBits   = 9 // of a hash that choose its table
	entryBytes   = 5
	blockEntries = 64
)

// Add adds a hash.
func (r *Repeats) Add(h profile.Hash) {
	if r.tables == nil {
		r.tables = make([]repeatTable, 1<<repeatBits)
	}
	t := &r.tables[h.Hi>>(64-repeatBits)]
	if len(t.last) == cap(t.last) {
		t.grow()
	}
	t.last = append(binary.LittleEndian.AppendUint32(t.last, uint32(h.Lo)), byte(h.Hi>>48))
}

func (t *repeatTable) grow() {
	if t.last != nil {
		t.full = append(t.full, t.last)
	}
	t.last = make([]byte, 0, blockEntries*entryBytes)
}

// Find returns the hashes that were added more than once, as far as a [Compact] tells
// them apart.
func (r *Repeats) Find() (found Compact) {
	var slots []uint64 // of a hash table, up to half full; 0 marks a free one
	for i := range r.tables {
		t := &r.tables[i]
		size := 1 << bits.Len(uint(2*blockEntries*(len(t.full)+1)-1))
		if size > len(slots) {
			slots = make([]uint64, size)
		}
		table := slots[:size]
		clear(table)
		for _, block := range append(t.full, t.last) {
			for ; len(block) > 0; block = block[entryBytes:] {
				entry := uint64(block[4])<<32 | uint64(binary.LittleEndian.Uint32(block))
				if !insert(table, entry+1) {
					upper := uint64(i)<<(64-repeatBits) | entry>>32<<48
					found.Add(profile.Hash{Hi: upper, Lo: entry & (1<<32 - 1)})
				}
			}
		}
	}
	return found
}

// insert puts a key into a hash table of 2^n slots and reports whether it was not there
// before.
func insert(table []uint64, key uint64) bool {
	mask := uint64(len(table) - 1)
	at := key * 0x9e3779b97f4a7c15 >> 32 & mask
	for table[at] != 0 {
		if table[at] == key {
			return false
		}
		at = (at + 1) & mask
	}
	table[at] = key
	return true
}
