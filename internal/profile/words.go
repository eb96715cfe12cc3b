package profile

// Texts are looked at eight bytes at a time, as one number, in which a byte is
// marked by its highest bit.
const ones, signs = 0x0101010101010101, 0x8080808080808080

// word is the first eight bytes of s as a number.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// half is the first four bytes of s as a number.
func half(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// few is three bytes and five spaces as a number.
func few(a, b, c byte) uint64 {
	const spaces = 0x2020202020 << 24
	return uint64(a) | uint64(b)<<8 | uint64(c)<<16 | spaces
}

// oddBytes is 0 if all of eight bytes are plain. Xored with 2, the quote and the
// control characters are all that is less than 0x21 and borrows when that is
// taken away; xored with a backslash, only that is less than 1.
func oddBytes(w uint64) uint64 {
	return (w | ((w ^ 2*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) & signs
}

// letterBytes marks the letters among eight bytes of ASCII by their highest bits.
func letterBytes(w uint64) uint64 { return between(w|' '*ones, 'a', 'z') }

// digitBytes marks the digits among them.
func digitBytes(w uint64) uint64 { return between(w, '0', '9') }

// between marks the bytes from first to last. What is added to ASCII does not carry
// into the next byte.
func between(w, first, last uint64) uint64 {
	return (w + (0x80-first)*ones) &^ (w + (0x7f-last)*ones) & signs
}

// equalBytes marks the bytes of ASCII that are c.
func equalBytes(w, c uint64) uint64 { return signs &^ ((w ^ c*ones) + 0x7f*ones) }

// gather puts the marks of eight bytes next to each other: the product has that
// of byte k at bit 56+k.
func gather(marks uint64) uint64 { return marks * 0x0002040810204081 >> 56 }
