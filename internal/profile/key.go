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

// put writes the key to the beginning of dst, which has room for it and for the
// piece of fixed length.
func (k *key) put(dst []byte) {
	*(*[len(k.padded)]byte)(dst) = k.padded
	if len(k.text) > len(k.padded) {
		copy(dst, k.text)
	}
}

// bare appends the key for a value that may not be a string.
func (k *key) bare(dst []byte) []byte {
	n := len(dst)
	if room := cap(dst) - n; room < len(k.padded) || room < len(k.text) {
		dst = append(dst, k.text...)
	} else {
		k.put(dst[n:cap(dst)])
	}
	return dst[:n+len(k.text)-1]
}
