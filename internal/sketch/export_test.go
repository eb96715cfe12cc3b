package sketch

import (
	"encoding/binary"
	"hash/crc32"
)

// WithCheckSum replaces the last four bytes by the check sum of the others, so
// that a test reaches what comes after it.
func WithCheckSum(data []byte) []byte {
	if len(data) < 4 {
		return data
	}
	body := data[:len(data)-4]
	return binary.LittleEndian.AppendUint32(body[:len(body):len(body)], crc32.Checksum(body, castagnoli))
}
