package profile

import (
	"encoding/binary"
	"math/bits"
)

// maxQuickEmail is how long an address may be to be taken in a hurry: there is
// a bit in a word for each byte, and one behind them.
const maxQuickEmail = 63

// appendHead appends what every profile begins with, for an address as nearly
// all are: eight bytes or more of ASCII, but not many. It reports false, having
// appended nothing, for any other, for what is no address, and where dst has too
// little room. What it does is what appendEmail would do.
func (e *Encoder) appendHead(dst []byte, s string, info *Info) ([]byte, bool) {
	n := len(s)
	all := len(head) + n + len(`""`)
	if n < 8 || n > e.fields[0].plain || cap(dst)-len(dst) < all {
		return dst, false
	}
	out := dst[len(dst) : len(dst)+all]
	copy(out, head)
	out = out[len(head):]
	address := out[1 : n+1]
	var alnum, dots uint64 // a bit for each letter or digit, and for each dot
	for i, last := 0, n-8; ; i = min(i+8, last) {
		w := word(s[i:])
		letters, digits := letterBytes(w), digitBytes(w)
		if w&signs != 0 {
			return dst, false
		}
		binary.LittleEndian.PutUint64(address[i:], w|letters>>2) // 'A' is 0x20 less than 'a'
		alnum |= gather(letters|digits) << i
		dots |= gather(equalBytes(w, '.')) << i
		if i == last {
			break
		}
	}
	if !isAddress(address, alnum, dots) {
		return dst, false
	}
	out[0], out[n+1] = '"', '"'
	info.Email = HashOf(address)
	return dst[:len(dst)+all], true
}

// isAddress reports whether up to maxQuickEmail bytes of ASCII are an address as
// appendEmail has it, from where in it there are letters and digits, and dots.
func isAddress(address []byte, alnum, dots uint64) bool {
	end := uint64(1) << len(address)
	at := uint64(0)
	for rest := (end - 1) &^ (alnum | dots); rest != 0; rest &= rest - 1 {
		bit := rest & -rest
		switch c := address[bits.TrailingZeros64(rest)]; {
		case at != 0: // only a hyphen within a label
			if c != '-' || bit&(at<<1|dots<<1|dots>>1|end>>1) != 0 {
				return false
			}
		case c == '@':
			at = bit
		case localBytes[c] == 0:
			return false
		}
	}
	// There is something before the @ and a dot behind it; no dot is the first
	// byte, next to the @ or behind another dot.
	if at <= 1 || dots < at || dots&(1|at>>1|at<<1|dots<<1) != 0 {
		return false
	}
	top := address[bits.Len64(dots):]
	return len(top) >= 2 && isLetter(top[0])
}
