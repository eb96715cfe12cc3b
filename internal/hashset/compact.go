package hashset

import (
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Compact is a set of hashes in less memory than [Set], at the price
// of a mistake now and then; the zero value is empty. It is not safe for concurrent use.
//
// A table and a slot stand for 48 bits of a hash: the chance that any two of a
// million different hashes are taken for one another is one in five hundred.
// TestCompactMemory: a million hashes take 7 bytes each, those of [Set] 19.
type Compact struct {
	tables [][]uint32 // unordered, short ones; nil while the set is empty
	size   int
}

// compactTables is how many tables there are, by 16 bits of a hash.
const compactTables = 1 << 16

// Len is the number of hashes.
func (s *Compact) Len() int { return s.size }

// Add puts a hash into the set and reports whether it was not there before.
func (s *Compact) Add(h profile.Hash) bool {
	if s.tables == nil {
		s.tables = make([][]uint32, compactTables)
	}
	t := &s.tables[h.Hi>>48]
	if slices.Contains(*t, uint32(h.Lo)) {
		return false
	}
	if len(*t) == cap(*t) {
		// Steps smaller than those of append, which would leave half of it unused.
		grown := make([]uint32, len(*t), len(*t)+max(8, len(*t)/4))
		copy(grown, *t)
		*t = grown
	}
	*t = append(*t, uint32(h.Lo))
	s.size++
	return true
}

// Has reports whether a hash is in the set.
func (s *Compact) Has(h profile.Hash) bool {
	return len(s.tables) > 0 && slices.Contains(s.tables[h.Hi>>48], uint32(h.Lo))
}
