package profile

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"

	"github.com/zeebo/xxh3"
)

// Hash is a 128-bit hash, of an email address or of an encoded profile.
type Hash struct{ Hi, Lo uint64 }

// HashOf hashes b.
func HashOf(b []byte) Hash {
	h := xxh3.Hash128(b)
	return Hash{h.Hi, h.Lo}
}

// HashOfAddress hashes an email address to the Info.Email of a profile with that
// address, whatever the case, the form of the host name and the white space
// around it. A text that cannot be the address of a profile is hashed in lower
// case.
func HashOfAddress(address string) Hash {
	address = strings.TrimSpace(address)
	written, code := appendEmail(make([]byte, 0, len(address)+len(`""`)), address)
	if code != "" {
		return HashOf([]byte(strings.ToLower(address)))
	}
	return HashOf(written[1 : len(written)-1])
}

// Fingerprint identifies a set of profiles whatever their order: the sum of
// their hashes, modulo 2^128. The zero value is that of the empty set.
type Fingerprint struct{ hi, lo uint64 }

// Add adds a profile.
func (f *Fingerprint) Add(h Hash) {
	var carry uint64
	f.lo, carry = bits.Add64(f.lo, h.Lo, 0)
	f.hi, _ = bits.Add64(f.hi, h.Hi, carry)
}

// Remove removes a profile that was added.
func (f *Fingerprint) Remove(h Hash) {
	var borrow uint64
	f.lo, borrow = bits.Sub64(f.lo, h.Lo, 0)
	f.hi, _ = bits.Sub64(f.hi, h.Hi, borrow)
}

// String returns 32 hexadecimal digits.
func (f Fingerprint) String() string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), f.hi)
	return hex.EncodeToString(binary.BigEndian.AppendUint64(b, f.lo))
}
