// Package hashset is a set of hashes of email addresses. It is the only thing
// that grows with a segment, so it holds little else.
package hashset

import (
	"iter"
	"math/bits"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Set is a set of hashes; the zero value is empty. It is not safe for concurrent
// use.
//
// BenchmarkAdd: while it grows to a million hashes it allocates 33 bytes for each,
// Go's map 111, and takes a fraction of the time.
//
// It consists of many small tables, so that one at a time is copied when it
// grows. A table and a slot stand for 74 bits of a hash: the chance that two of
// ten million different addresses are taken for one another is one in four
// hundred million.
type Set struct {
	tables [1 << tableBits]table
	size   int
}

// tableBits is how many bits of a hash choose its table.
const tableBits = 10

// table is a hash table with open addressing and linear probing, of eight bytes a
// slot, up to three quarters full.
type table struct {
	slots []uint64 // 0 marks a free one
	used  int
}

// minSlots is the length of a table that is not empty.
const minSlots = 16

// Len is the number of hashes.
func (s *Set) Len() int { return s.size }

// Add puts a hash into the set and reports whether it was not there before.
func (s *Set) Add(h profile.Hash) bool {
	t, key := s.split(h)
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow(max(2*len(t.slots), minSlots))
	}
	at := t.find(key)
	if t.slots[at] == key {
		return false
	}
	t.slots[at] = key
	t.used++
	s.size++
	return true
}

// Has reports whether a hash is in the set.
func (s *Set) Has(h profile.Hash) bool {
	t, key := s.split(h)
	return t.used > 0 && t.slots[t.find(key)] == key
}

// All yields the hashes in no order, each as far as the set knows it: the set takes what
// it yields for the hash that was added, and the lower half is whole.
func (s *Set) All() iter.Seq[profile.Hash] {
	return func(yield func(profile.Hash) bool) {
		for i := range s.tables {
			for _, key := range s.tables[i].slots {
				if key != 0 && !yield(profile.Hash{Hi: uint64(i) << (64 - tableBits), Lo: key}) {
					return
				}
			}
		}
	}
}

// Clear takes all hashes out, and keeps the memory for the next ones.
func (s *Set) Clear() {
	s.size = 0
	for i := range s.tables {
		t := &s.tables[i]
		t.used = 0
		clear(t.slots)
	}
}

// split returns the table of a hash and what a slot of it holds.
func (s *Set) split(h profile.Hash) (*table, uint64) {
	return &s.tables[h.Hi>>(64-tableBits)], max(h.Lo, 1)
}

// find returns where a key is, or the free slot where it belongs.
func (t *table) find(key uint64) uint64 {
	at, _ := bits.Mul64(key, uint64(len(t.slots)))
	for t.slots[at] != key && t.slots[at] != 0 {
		if at++; at == uint64(len(t.slots)) {
			at = 0
		}
	}
	return at
}

// grow moves the keys to more slots.
func (t *table) grow(slots int) {
	from := t.slots
	t.slots = make([]uint64, slots)
	for _, key := range from {
		if key != 0 {
			t.slots[t.find(key)] = key
		}
	}
}
