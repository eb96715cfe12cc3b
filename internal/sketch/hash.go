package sketch

import (
	"encoding/binary"
	"math/bits"

	"github.com/dchest/siphash"
)

// Salt makes the hashes of one sketch unpredictable to whoever does not know it,
// so that nobody can choose addresses that collide. It is the key of SipHash-2-4.
type Salt [16]byte

// hasher computes all hashes of a sketch.
type hasher struct {
	salt  Salt
	k0    uint64
	k1    uint64
	seeds [8]uint64 // secret constants for mixing, made from the salt
}

func newHasher(salt Salt) hasher {
	h := hasher{
		salt: salt,
		k0:   binary.LittleEndian.Uint64(salt[:8]),
		k1:   binary.LittleEndian.Uint64(salt[8:]),
	}
	label := []byte("sketch seed 0")
	for i := range h.seeds {
		label[len(label)-1] = '0' + byte(i)
		h.seeds[i] = siphash.Hash(h.k0, h.k1, label)
	}
	return h
}

// Key returns the key of a person: the SipHash of the address, which must be
// normalized, under the salt of the sketch.
func (h *hasher) Key(address []byte) uint64 { return siphash.Hash(h.k0, h.k1, address) }

// entryHash is 128 bits made of an entry and the salt. The first word gives the
// check sum, the second one the cells.
type entryHash [2]uint64

// hash depends on the value as well as on the key. If cells were chosen by key
// alone, the two entries of an updated profile would share all three cells, and
// neither could ever be peeled.
func (h *hasher) hash(e Entry) entryHash {
	a := mix(e.Key^h.seeds[0], e.Value^h.seeds[1])
	b := mix(a^h.seeds[2], e.Key^h.seeds[3])
	return entryHash{a, b}
}

// mark returns what an entry adds to the fingerprint. It uses other seeds than the
// check sums, so that it is right only by chance where those are right by chance.
func (h *hasher) mark(e Entry, hash entryHash) fingerprint {
	return fingerprint{
		mix(hash[0]^h.seeds[4], e.Key^h.seeds[5]),
		mix(hash[1]^h.seeds[6], e.Value^h.seeds[7]),
	}
}

func (e entryHash) check() uint32 { return uint32(e[0]>>32) ^ uint32(e[0]) }

// positions returns the cells of an entry, any three different ones. Two entries that
// share all three can never be told from one another. That is 4.5 times as rare as
// with one cell in each third of the table.
func (e entryHash) positions(cells int) [cellsPerEntry]int {
	const width = 64 / cellsPerEntry // bits of the hash for each cell
	pick := func(i, n int) uint64 {
		part := e[1] >> (i * width) & (1<<width - 1)
		return part * uint64(n) >> width
	}
	// The second skips the first, and the third skips both.
	a, b, c := pick(0, cells), pick(1, cells-1), pick(2, cells-2)
	b += notLess(b, a)
	c += notLess(c, min(a, b))
	c += notLess(c, max(a, b))
	return [cellsPerEntry]int{int(a), int(b), int(c)}
}

// notLess returns 1 if a is not less than b, and 0 otherwise. It has no branch, which
// a processor would mispredict half of the time.
func notLess(a, b uint64) uint64 { return (b - a - 1) >> 63 }

// mix multiplies two words and folds the product. With secret operands, nobody can
// predict the result, and each bit of it depends on all bits of both.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
