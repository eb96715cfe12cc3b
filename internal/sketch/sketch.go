package sketch

// Sketch is a summary of a set of entries that can be compared with another. Use
// New, NewLike or Decode to make one. It is not safe for concurrent use.
//
// It describes a set: add each entry once, and remove only what was added. All
// operations are sums, so their order does not matter, and removing an entry
// undoes adding it.
type Sketch struct {
	hasher
	cells       []cell
	count       int64
	fingerprint fingerprint
}

// Entry is a profile as a sketch sees it. Value is 0 in a sketch of keys alone.
type Entry struct {
	Key, Value uint64
}

// cell holds sums over the entries that fall into it. All of them wrap around.
type cell struct {
	count  int32
	check  uint32
	keys   uint64
	values uint64
}

// fingerprint is a sum over all entries of a sketch, of two words that each wrap
// around by themselves.
type fingerprint [2]uint64

const (
	cellsPerEntry = 3
	minCells      = 96
	maxCells      = 6144
	// profilesPerCell is how many profiles have one cell in a sketch of the usual
	// size; about as many may change times three quarters.
	profilesPerCell = 10
)

// CellsFor returns how many cells a sketch of so many profiles should have: a
// tenth, at least 96, at most 6,144.
func CellsFor(profiles int) int {
	return validCells(profiles / profilesPerCell)
}

// validCells returns the valid number of cells that is nearest to n.
func validCells(n int) int {
	return min(max(n, minCells), maxCells)
}

// New returns an empty sketch. The salt must come from a cryptographic source of
// random bytes and stay secret from those whose addresses are hashed. The number
// of cells, see CellsFor, is kept between 96 and 6,144.
func New(salt Salt, cells int) *Sketch {
	return &Sketch{hasher: newHasher(salt), cells: make([]cell, validCells(cells))}
}

// NewLike returns an empty sketch with the salt and the size of another, so that
// the two can be compared.
func NewLike(other *Sketch) *Sketch {
	return &Sketch{hasher: other.hasher, cells: make([]cell, len(other.cells))}
}

// Count returns the number of entries: those added less those removed.
func (s *Sketch) Count() int64 { return s.count }

// Cells returns the number of cells.
func (s *Sketch) Cells() int { return len(s.cells) }

// Add adds an entry. The key comes from Key, and the value is a 64-bit hash of the
// profile, or 0 in a sketch of keys alone.
func (s *Sketch) Add(key, value uint64) { s.apply(Entry{key, value}, 1) }

// Remove takes an entry out that was added before.
func (s *Sketch) Remove(key, value uint64) { s.apply(Entry{key, value}, -1) }

// apply adds an entry as often as times says, which may be negative.
func (s *Sketch) apply(e Entry, times int32) {
	h := s.hash(e)
	n := uint64(int64(times))
	for _, at := range h.positions(len(s.cells)) {
		c := &s.cells[at]
		c.count += times
		c.check += h.check() * uint32(times)
		c.keys += e.Key * n
		c.values += e.Value * n
	}
	s.count += int64(times)
	mark := s.mark(e, h)
	s.fingerprint[0] += mark[0] * n
	s.fingerprint[1] += mark[1] * n
}

// isZero reports whether a sketch is that of the empty set.
func (s *Sketch) isZero() bool {
	for i := range s.cells {
		if s.cells[i] != (cell{}) {
			return false
		}
	}
	return s.count == 0 && s.fingerprint == fingerprint{}
}
