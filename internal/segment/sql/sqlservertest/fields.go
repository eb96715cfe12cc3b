package sqlservertest

import (
	"encoding/binary"
	"unicode/utf16"
)

// fields reads the fields of a message. A field beyond its end is zero, and sets
// short.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) bytes(n int) []byte {
	if n < 0 || n > len(f.rest) {
		f.short, f.rest = true, nil
		return make([]byte, max(min(n, 8), 0))
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) byte() byte     { return f.bytes(1)[0] }
func (f *fields) uint16() uint16 { return binary.LittleEndian.Uint16(f.bytes(2)) }
func (f *fields) uint32() uint32 { return binary.LittleEndian.Uint32(f.bytes(4)) }
func (f *fields) uint64() uint64 { return binary.LittleEndian.Uint64(f.bytes(8)) }

// shortText is a text after its length in one byte.
func (f *fields) shortText() string { return text(f.bytes(2 * int(f.byte()))) }

// text decodes UTF-16.
func text(utf []byte) string {
	units := make([]uint16, len(utf)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(utf[2*i:])
	}
	return string(utf16.Decode(units))
}

// wide encodes UTF-16.
func wide(s string) []byte {
	var utf []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		utf = binary.LittleEndian.AppendUint16(utf, unit)
	}
	return utf
}

// appendShortText appends a text after its length in one byte.
func appendShortText(dst []byte, s string) []byte {
	utf := wide(s)
	return append(append(dst, byte(len(utf)/2)), utf...)
}

// appendText appends a text after its length in two bytes.
func appendText(dst []byte, s string) []byte {
	utf := wide(s)
	return append(binary.LittleEndian.AppendUint16(dst, uint16(len(utf)/2)), utf...)
}
