package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// version is the first byte of an encoded sketch. It changes with the layout, and
// with anything that entries are made of.
const version = 1

// Errors of decoding.
var (
	// ErrVersion means that a sketch was written by another version.
	ErrVersion = errors.New("the sketch has the format of another version")

	// ErrDamaged means that a sketch is not what was written.
	ErrDamaged = errors.New("the sketch is damaged")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarshalBinary implements [encoding.BinaryMarshaler]. It takes 45 bytes and about
// 22 for each cell, in little-endian order: version, number of cells (2 bytes),
// salt, sums, the cells, and a CRC-32C of all that.
func (s *Sketch) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, 64+24*len(s.cells))
	b = append(b, version)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.cells))) //nolint:gosec // at most maxCells
	b = append(b, s.salt[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.total.entries)) //nolint:gosec // the same bits
	b = binary.LittleEndian.AppendUint64(b, s.total.a)
	b = binary.LittleEndian.AppendUint64(b, s.total.b)
	for i := range s.cells {
		c := &s.cells[i]
		b = binary.LittleEndian.AppendUint64(b, c.key)
		b = binary.LittleEndian.AppendUint64(b, c.value)
		b = binary.LittleEndian.AppendUint32(b, c.check)
		b = binary.AppendVarint(b, int64(c.count))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. The error is
// [ErrVersion] or wraps [ErrDamaged].
func (s *Sketch) UnmarshalBinary(data []byte) error {
	const head, tail = 1 + 2 + 16 + 3*8, 4
	if len(data) == 0 {
		return fmt.Errorf("%w: it is empty", ErrDamaged)
	}
	if data[0] != version {
		return ErrVersion
	}
	if len(data) < head+tail {
		return fmt.Errorf("%w: it has only %d bytes", ErrDamaged, len(data))
	}
	body := data[:len(data)-tail]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(data[len(body):]) {
		return fmt.Errorf("%w: its check sum is wrong", ErrDamaged)
	}
	cells := int(binary.LittleEndian.Uint16(body[1:]))
	if cells < minCells || cells > maxCells || cells%3 != 0 {
		return fmt.Errorf("%w: it has %d cells", ErrDamaged, cells)
	}
	out := New(Salt(body[3:19]), cells)
	out.total = sums{
		int64(binary.LittleEndian.Uint64(body[19:])), //nolint:gosec // the same bits
		binary.LittleEndian.Uint64(body[27:]), binary.LittleEndian.Uint64(body[35:]),
	}
	if err := out.decodeCells(body[head:]); err != nil {
		return err
	}
	*s = *out
	return nil
}

func (s *Sketch) decodeCells(data []byte) error {
	for i := range s.cells {
		if len(data) < 8+8+4+1 {
			return fmt.Errorf("%w: it ends at cell %d of %d", ErrDamaged, i, len(s.cells))
		}
		count, n := binary.Varint(data[20:])
		if n <= 0 || int64(int32(count)) != count {
			return fmt.Errorf("%w: the count of cell %d is none", ErrDamaged, i)
		}
		s.cells[i] = cell{
			key: binary.LittleEndian.Uint64(data), value: binary.LittleEndian.Uint64(data[8:]),
			check: binary.LittleEndian.Uint32(data[16:]), count: int32(count),
		}
		data = data[20+n:]
	}
	if len(data) > 0 {
		return fmt.Errorf("%w: it goes on for %d bytes after its last cell", ErrDamaged, len(data))
	}
	return nil
}
