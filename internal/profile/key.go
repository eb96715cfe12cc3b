package profile

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

// appendPlain appends the key and s, which is not empty, as a JSON string, if
// that holds s as it is, there is no white space at either end of s, and dst need
// not grow for it. It reports false, having appended nothing, if not.
func (k *key) appendPlain(dst []byte, s string) ([]byte, bool) {
	at := len(dst) + len(k.text)
	end := at + len(s)
	if s[0] == ' ' || s[len(s)-1] == ' ' || cap(dst) <= end {
		return dst, false
	}
	out := k.append(dst)[:end+1]
	if !copyPlain(out[at:end], s) && !isText(s) {
		return dst, false
	}
	out[end] = '"'
	return out, true
}
