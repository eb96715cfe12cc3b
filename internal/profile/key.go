package profile

import "slices"

// key is what is written before a value. Texts of few bytes are copied
// quickest in one piece of fixed length, the rest of which is overwritten.
type key struct {
	text   string // up to the quote that begins a string
	padded [32]byte
}

func newKey(text string) key {
	k := key{text: text}
	copy(k.padded[:], text)
	return k
}

func (k *key) append(dst []byte) []byte {
	n := len(dst)
	if len(k.text) > len(k.padded) || cap(dst)-n < len(k.padded) {
		return append(dst, k.text...)
	}
	*(*[len(k.padded)]byte)(dst[n:cap(dst)]) = k.padded
	return dst[:n+len(k.text)]
}

// bare appends the key for a value that may not be a string.
func (k *key) bare(dst []byte) []byte {
	dst = k.append(dst)
	return dst[:len(dst)-1]
}

// appendPlain appends the key and s, which is not empty, as a JSON string. It
// reports false, having appended nothing, unless the string holds s as it is: s
// is plain and has no space at either end.
func (k *key) appendPlain(dst []byte, s string) ([]byte, bool) {
	out := k.append(dst)
	at, end := len(out), len(out)+len(s)
	if cap(out) <= end {
		out = slices.Grow(out, len(s)+1)
	}
	out = out[:end+1]
	if s[0] == ' ' || s[len(s)-1] == ' ' || !copyPlain(out[at:end], s) {
		return dst, false
	}
	out[end] = '"'
	return out, true
}
