package export

import "github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"

// hashSet is a set of hashes of email addresses. It is the only thing that
// grows with a segment, so it holds the 16 bytes of a hash and nothing else:
// tables with open addressing and linear probing. There are many small ones, so
// that one at a time is copied when it grows.
type hashSet struct {
	tables [256]hashTable
}

// hashTable is a part of a set; its length is a power of two.
type hashTable struct {
	slots []profile.Hash // the zero hash marks a free one
	used  int
	zero  bool // the zero hash is in the set
}

// firstSlots is the length of a table that is not empty.
const firstSlots = 16

// add puts a hash into the set and reports whether it was not there before.
func (s *hashSet) add(h profile.Hash) bool {
	t := &s.tables[h.Hi>>56]
	if h == (profile.Hash{}) {
		isNew := !t.zero
		t.zero = true
		return isNew
	}
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow()
	}
	at := t.find(h)
	if t.slots[at] == h {
		return false
	}
	t.slots[at] = h
	t.used++
	return true
}

// has reports whether a hash is in the set.
func (s *hashSet) has(h profile.Hash) bool {
	t := &s.tables[h.Hi>>56]
	if h == (profile.Hash{}) {
		return t.zero
	}
	return t.used > 0 && t.slots[t.find(h)] == h
}

// find returns where a hash is, or the free slot where it belongs.
func (t *hashTable) find(h profile.Hash) uint64 {
	mask := uint64(len(t.slots) - 1)
	at := h.Lo & mask
	for t.slots[at] != h && t.slots[at] != (profile.Hash{}) {
		at = (at + 1) & mask
	}
	return at
}

func (t *hashTable) grow() {
	old := t.slots
	t.slots = make([]profile.Hash, max(2*len(old), firstSlots))
	for _, h := range old {
		if h != (profile.Hash{}) {
			t.slots[t.find(h)] = h
		}
	}
}
