package export

import (
	"math/bits"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// hashSet is a set of hashes of email addresses. It is the only thing that
// grows with a segment, so it holds little else: tables with open addressing,
// line by line of the processor's cache, of eight bytes a slot. There are many
// small ones, so that one at a time is copied when it grows.
//
// The table and the slot stand for 74 bits of a hash. That two of ten million
// different addresses are taken for one another has a chance of one in four
// hundred million.
type hashSet struct {
	tables [1 << tableBits]hashTable
	size   int
	warmed uint64 // keeps the reads of warm from being optimised away
}

// tableBits is how many bits of a hash choose its table.
const tableBits = 10

// hashTable is a part of a set, up to three quarters full.
type hashTable struct {
	slots []uint64 // 0 marks a free one
	used  int
}

// lineSlots is how many slots a line of the processor's cache has. Tables are
// made of whole ones: going on within a line costs nothing.
const lineSlots = 8

func wholeLines(slots int) int { return (slots + lineSlots - 1) / lineSlots * lineSlots }

// firstSlots is the length of a table that is not empty.
const firstSlots = 16

// reserve makes room for so many hashes, so that tables need not grow.
func (s *hashSet) reserve(hashes int64) {
	each := int(hashes>>tableBits) + 1
	slots := wholeLines((each + each/16) * 4 / 3) // not all tables get the same
	if !slices.ContainsFunc(s.tables[:], func(t hashTable) bool { return len(t.slots) < slots }) {
		return
	}
	room := makeRoom(slots << tableBits)
	for i := range s.tables {
		if t := &s.tables[i]; slots > len(t.slots) {
			t.move(room[i*slots : (i+1)*slots : (i+1)*slots])
		}
	}
}

// empty takes all hashes out, and keeps the room that they had.
func (s *hashSet) empty() {
	s.size = 0
	for i := range s.tables {
		t := &s.tables[i]
		t.used = 0
		clear(t.slots)
	}
}

// split returns the table of a hash and what a slot of it holds.
func (s *hashSet) split(h profile.Hash) (*hashTable, uint64) {
	return &s.tables[h.Hi>>(64-tableBits)], max(h.Lo, 1)
}

// add puts a hash into the set and reports whether it was not there before.
func (s *hashSet) add(h profile.Hash) bool {
	t, key := s.split(h)
	if 4*(t.used+1) > 3*len(t.slots) {
		t.move(make([]uint64, max(wholeLines(len(t.slots)*3/2), firstSlots)))
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

// has reports whether a hash is in the set.
func (s *hashSet) has(h profile.Hash) bool {
	if s.size == 0 {
		return false
	}
	t, key := s.split(h)
	return t.used > 0 && t.slots[t.find(key)] == key
}

// warm reads where the hashes of a chunk's profiles are or will be. The memory
// answers many such reads at once, but would be waited for one by one by as many
// calls of add. The second loop does nothing but read, so that as many reads as
// can be are under way together.
func (s *hashSet) warm(profiles []encoded) {
	var homes [chunkRows]*uint64
	n := 0
	for i := range profiles {
		t, key := s.split(profiles[i].info.Email)
		if len(t.slots) > 0 {
			homes[n] = &t.slots[t.home(key)]
			n++
		}
	}
	warmed := uint64(0)
	for _, slot := range homes[:n] {
		warmed ^= *slot
	}
	s.warmed = warmed
}

// home is where a key belongs: as far into the table as the key is into all
// numbers.
func (t *hashTable) home(key uint64) uint64 {
	at, _ := bits.Mul64(key, uint64(len(t.slots)))
	return at
}

// find returns where a key is, or the free slot where it belongs: in the line
// of its home, which it goes round, or else in the next one with a free slot.
func (t *hashTable) find(key uint64) uint64 {
	at := t.home(key)
	for line := at &^ (lineSlots - 1); ; {
		for range lineSlots {
			if slot := t.slots[at]; slot == key || slot == 0 {
				return at
			}
			at = line | (at+1)%lineSlots
		}
		if line += lineSlots; line == uint64(len(t.slots)) {
			line = 0
		}
		at = line
	}
}

// move copies the table to where there are more slots, all of them free.
func (t *hashTable) move(to []uint64) {
	from := t.slots
	t.slots = to
	for _, key := range from {
		if key != 0 {
			t.slots[t.find(key)] = key
		}
	}
}
