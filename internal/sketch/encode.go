package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

var (
	// ErrVersion means that the bytes were written by another version of this package.
	ErrVersion = errors.New("the sketch has a format that this version does not read")
	// ErrDamaged means that the bytes are not those that Encode returned.
	ErrDamaged = errors.New("the sketch is damaged")
)

// version is the first byte of an encoded sketch. It changes with the layout and
// with every hash function of this package except Key.
const version = 1

// An encoded sketch is, in little-endian order:
//
//	version      1 byte
//	cells        2 bytes
//	salt        16 bytes
//	count        8 bytes
//	fingerprint 16 bytes
//	each cell: a varint of four times the zigzag count plus one, then the check sum (4), the
//	           sum of keys (8) and of values (8); or a single zero byte when all are zero
//	CRC-32C of all before, 4 bytes
const (
	headerSize = 1 + 2 + 16 + 8 + 16
	sumsSize   = 4 + 8 + 8
	crcSize    = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns a sketch as bytes, at most 22 for each cell as long as a cell has
// fewer than 4,096 entries, which is so up to eight million profiles.
func (s *Sketch) Encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, headerSize+len(s.cells)*(binary.MaxVarintLen16+sumsSize)+crcSize)
	b = append(b, version)
	b = le.AppendUint16(b, uint16(len(s.cells)))
	b = append(b, s.salt[:]...)
	b = le.AppendUint64(b, uint64(s.count))
	b = le.AppendUint64(b, s.fingerprint[0])
	b = le.AppendUint64(b, s.fingerprint[1])
	for i := range s.cells {
		b = s.cells[i].append(b)
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Decode returns the sketch that Encode made into bytes. The error is ErrVersion or
// ErrDamaged, the latter with what is wrong.
func Decode(data []byte) (*Sketch, error) {
	if len(data) == 0 {
		return nil, damaged("it is empty")
	}
	if data[0] != version {
		return nil, fmt.Errorf("%w: it is of version %d and this one is %d", ErrVersion, data[0], version)
	}
	if len(data) < headerSize+crcSize {
		return nil, damaged("it is too short")
	}
	le := binary.LittleEndian
	body, sum := data[:len(data)-crcSize], data[len(data)-crcSize:]
	if crc32.Checksum(body, castagnoli) != le.Uint32(sum) {
		return nil, damaged("its check sum is wrong")
	}
	cells := int(le.Uint16(body[1:]))
	if cells != validCells(cells) {
		return nil, damaged("its number of cells is invalid")
	}
	s := New(Salt(body[3:19]), cells)
	s.count = int64(le.Uint64(body[19:]))
	s.fingerprint = fingerprint{le.Uint64(body[27:]), le.Uint64(body[35:])}
	body = body[headerSize:]
	for i := range s.cells {
		var ok bool
		if body, ok = s.cells[i].read(body); !ok {
			return nil, damaged("one of its cells is invalid")
		}
	}
	if len(body) > 0 {
		return nil, damaged("it is too long")
	}
	return s, nil
}

func damaged(how string) error { return fmt.Errorf("%w: %s", ErrDamaged, how) }

func (c *cell) append(b []byte) []byte {
	if *c == (cell{}) {
		return append(b, 0)
	}
	zigzag := uint32(c.count<<1 ^ c.count>>31)
	b = binary.AppendUvarint(b, uint64(zigzag)<<1|1)
	b = binary.LittleEndian.AppendUint32(b, c.check)
	b = binary.LittleEndian.AppendUint64(b, c.keys)
	return binary.LittleEndian.AppendUint64(b, c.values)
}

// read takes a cell from the front of bytes and returns the others.
func (c *cell) read(b []byte) (rest []byte, ok bool) {
	head, size := binary.Uvarint(b)
	if size <= 0 || head>>1 > math.MaxUint32 {
		return nil, false
	}
	b = b[size:]
	if head&1 == 0 {
		return b, head == 0
	}
	if len(b) < sumsSize {
		return nil, false
	}
	zigzag := uint32(head >> 1)
	*c = cell{
		count:  int32(zigzag>>1) ^ -int32(zigzag&1),
		check:  binary.LittleEndian.Uint32(b),
		keys:   binary.LittleEndian.Uint64(b[4:]),
		values: binary.LittleEndian.Uint64(b[12:]),
	}
	return b[sumsSize:], true
}

// Identity is a text that two sketches with the same salt share only if they
// summarize the same set.
func (s *Sketch) Identity() string {
	return fmt.Sprintf("%016x%016x", s.fingerprint[0], s.fingerprint[1])
}
