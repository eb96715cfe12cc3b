// Package sketch keeps sets of entries in a small, fixed space, so that the
// difference of two sets can be listed although neither can.
//
// A sketch is an invertible Bloom lookup table (Goodrich and Mitzenmacher,
// "Invertible Bloom Lookup Tables", 2011; Eppstein, Goodrich, Uyeda and Varghese,
// "What's the Difference?", 2011). An entry is added into three cells, each of
// which holds only the number of its entries and their sums. Of two sketches the
// cells can be subtracted: what both hold cancels out, and what is left is a sketch
// of the difference alone. While that is small, some cell holds a single entry.
// That entry is read and taken out of its other two cells, which may leave single
// entries in them, and so on until nothing is left.
//
// How much a sketch can tell depends on the size of the difference, not on the
// size of the sets. What it tells is right: a difference that cannot be listed as a
// whole is not listed at all.
//
// Keys are made with a secret salt, and sums over many entries say nothing of any
// single one. Who has the salt and two sketches, however, can find out whether a
// given key is in their difference.
package sketch

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/dchest/siphash"
)

// Entry is an element of a set.
type Entry struct{ Key, Value uint64 }

// Salt makes the keys of a sketch such that nobody without it can compute them.
type Salt [16]byte

// NewSalt returns a random salt.
func NewSalt() (s Salt) {
	_, _ = rand.Read(s[:]) // never fails: see crypto/rand
	return s
}

// Bounds of the number of cells. Three hash functions can list a difference of
// three quarters of the cells, more reliably the more cells there are.
const (
	minCells = 96
	maxCells = 6144
)

// CellsFor is the number of cells of a sketch for a set of so many entries: enough
// for changes of 7 % of a small set, and of 4,600 entries of a large one.
func CellsFor(entries int64) int {
	cells := min(max(entries/10, minCells), maxCells)
	return int(cells - cells%3)
}

// Sketch is a sketch of a set. It is not safe for concurrent use.
type Sketch struct {
	salt  Salt
	total sums
	cells []cell // the first of the three cells of an entry is in the first third, and so on
}

// cell holds the sums of the entries in it, modulo the powers of two.
type cell struct {
	key, value uint64
	check      uint32
	count      int32
}

// sums prove that a difference was listed right.
type sums struct {
	entries int64
	a, b    uint64 // of two hashes of each entry, modulo 2^64
}

// New returns an empty sketch of so many cells, rounded down to a multiple of
// three.
func New(salt Salt, cells int) *Sketch {
	return &Sketch{salt: salt, cells: make([]cell, cells-cells%3)}
}

// Empty returns an empty sketch that can be compared with s.
func (s *Sketch) Empty() *Sketch { return New(s.salt, len(s.cells)) }

// Cells is the number of cells.
func (s *Sketch) Cells() int { return len(s.cells) }

// Len is the number of entries.
func (s *Sketch) Len() int64 { return s.total.entries }

// Key returns the key of what has a hash of so many bits in the sketch: SipHash of
// it, keyed with the salt.
func (s *Sketch) Key(hash uint64) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(s.salt[:8]), binary.LittleEndian.Uint64(s.salt[8:])
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], hash)
	return siphash.Hash(k0, k1, b[:])
}

// Add adds an entry, which may be there already.
func (s *Sketch) Add(e Entry) {
	h := hashOf(e)
	s.total.entries++
	s.total.a += h.a
	s.total.b += h.b
	for _, at := range h.positions(len(s.cells)) {
		c := &s.cells[at]
		c.key += e.Key
		c.value += e.Value
		c.check += h.check()
		c.count++
	}
}

// Remove takes an entry out, which may not be there.
func (s *Sketch) Remove(e Entry) {
	h := hashOf(e)
	s.total.entries--
	s.total.a -= h.a
	s.total.b -= h.b
	for _, at := range h.positions(len(s.cells)) {
		c := &s.cells[at]
		c.key -= e.Key
		c.value -= e.Value
		c.check -= h.check()
		c.count--
	}
}

// errUnlike means that two sketches have nothing to do with one another.
var errUnlike = errors.New("the sketches have different salts or sizes")

// Like reports whether two sketches can be compared: they have the same salt and
// the same number of cells.
func (s *Sketch) Like(other *Sketch) bool {
	return s.salt == other.salt && len(s.cells) == len(other.cells)
}

// Subtract takes all entries of another sketch out. It fails unless the two are
// alike.
func (s *Sketch) Subtract(other *Sketch) error {
	if !s.Like(other) {
		return errUnlike
	}
	s.total.subtract(other.total)
	for i := range s.cells {
		c, o := &s.cells[i], &other.cells[i]
		c.key -= o.key
		c.value -= o.value
		c.check -= o.check
		c.count -= o.count
	}
	return nil
}

func (t *sums) subtract(other sums) {
	t.entries -= other.entries
	t.a -= other.a
	t.b -= other.b
}

// Identity is a text that two sketches have in common only if they are the same.
func (s *Sketch) Identity() string {
	b := binary.LittleEndian.AppendUint64(s.salt[:], s.total.a)
	return hex.EncodeToString(binary.LittleEndian.AppendUint64(b, s.total.b))
}

// Clone returns a copy.
func (s *Sketch) Clone() *Sketch {
	c := *s
	c.cells = slices.Clone(s.cells)
	return &c
}

// Difference lists what after has and before has not, and the other way round. It
// reports false when the difference is too large to be listed, or the sketches are
// not alike; then it lists nothing.
func Difference(before, after *Sketch) (added, removed []Entry, ok bool) {
	d := after.Clone()
	if d.Subtract(before) != nil {
		return nil, nil, false
	}
	return d.peel()
}

// peel empties the sketch entry by entry. It reports false when it cannot.
func (s *Sketch) peel() (added, removed []Entry, ok bool) {
	waiting := make([]int, 0, len(s.cells))
	for i := range s.cells {
		if s.single(i) {
			waiting = append(waiting, i)
		}
	}
	// No difference of more entries than cells can be listed. The bound ends what
	// a damaged sketch could go on with for ever.
	for steps := 0; len(waiting) > 0 && steps <= len(s.cells); {
		at := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if !s.single(at) { // any longer
			continue
		}
		steps++
		e, times := s.cells[at].entry()
		if times > 0 {
			added = append(added, e)
			s.Remove(e)
		} else {
			removed = append(removed, e)
			s.Add(e)
		}
		for _, other := range hashOf(e).positions(len(s.cells)) {
			if s.single(other) {
				waiting = append(waiting, other)
			}
		}
	}
	// The sums are zero only if the entries listed are those of the difference,
	// rather than others that leave the cells empty by chance.
	if s.total != (sums{}) || slices.ContainsFunc(s.cells, func(c cell) bool { return c != cell{} }) {
		return nil, nil, false
	}
	return added, removed, true
}

// single reports whether a cell holds one entry and nothing else.
func (s *Sketch) single(at int) bool {
	c := &s.cells[at]
	if c.count != 1 && c.count != -1 {
		return false
	}
	e, times := c.entry()
	h := hashOf(e)
	return c.check == uint32(times)*h.check() && h.isIn(at, len(s.cells))
}

// entry is the entry of a cell that holds one, and whether it was added (1) or
// removed (-1).
func (c *cell) entry() (e Entry, times int32) {
	n := uint64(int64(c.count)) // which is its own inverse
	return Entry{n * c.key, n * c.value}, c.count
}

// hashes are two hashes of an entry, which give its cells and its check sum.
type hashes struct{ a, b uint64 }

func hashOf(e Entry) hashes {
	a := mix(e.Key + mix(e.Value+0x9e3779b97f4a7c15))
	return hashes{a, mix(a ^ e.Value)}
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (h hashes) check() uint32 { return uint32(h.b >> 32) }

// positions are the cells of the entry, one in each third.
func (h hashes) positions(cells int) (at [3]int) {
	third := uint64(cells / 3)
	for i, part := range [3]uint32{uint32(h.a), uint32(h.a >> 32), uint32(h.b)} {
		at[i] = int(uint64(i)*third + uint64(part)*third>>32)
	}
	return at
}

// isIn reports whether a cell is one of the entry's.
func (h hashes) isIn(at, cells int) bool {
	p := h.positions(cells)
	return p[at/(cells/3)] == at
}
