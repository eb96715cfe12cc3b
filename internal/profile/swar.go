package profile

// SWAR (SIMD within a register): eight bytes at a time are looked at as one
// number, and a mask marks a byte by its highest bit.
const ones, highBits = 0x0101010101010101, 0x8080808080808080

// load64 returns the first eight bytes of s as a number.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// load32 returns the first four bytes of s as a number.
func load32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// load3 returns three bytes, and spaces for the other five, as a number.
func load3(a, b, c byte) uint64 {
	const spaces = 0x2020202020 << 24
	return uint64(a) | uint64(b)<<8 | uint64(c)<<16 | spaces
}

// maskNotPlain masks bytes that are not ASCII or that JSON escapes. It is 0 only if
// there are none; a byte behind one may be masked, too. Xored with 2, only the
// quote and the control characters are less than 0x21 and borrow when that is
// subtracted; xored with a backslash, only the backslash is less than 1.
func maskNotPlain(w uint64) uint64 {
	return (w | ((w ^ 2*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) & highBits
}
