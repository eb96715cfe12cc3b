package profile

import (
	"encoding/binary"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile/phone"
)

// The fast path encodes cells as nearly all are, and declines all others: the
// slow path, appendKeyed, then encodes them. Both write the same bytes, which
// tests compare.

// appendTexts appends the text fields from number i to before another (BenchmarkTexts:
// 17 ns a field instead of 40). It stops at a field of another type, at a text with white
// space around it or with something to be escaped, and where buf has little room,
// and returns the number of that field with the group that is open then.
func (e *Encoder) appendTexts(buf []byte, open group, row []string, i, to int) ([]byte, group, int) {
	out, n := buf[:cap(buf)], len(buf)
	for ; i < to; i++ {
		f := &e.fields[i]
		s := row[f.cell]
		if s == "" {
			continue
		}
		k := f.keys[open]
		start := n + len(k)
		end := start + len(s)
		if len(s) > f.maxFast || s[len(s)-1] == ' ' || end >= len(out) {
			break
		}
		if of := leaders[s[0]]; of != leadsNothing && f.declines(s, of) {
			break
		}
		copy(out[n:], k)
		if !copyPlain(out[start:end], s) && !isText(s) {
			break
		}
		out[end] = '"'
		n, open = end+1, f.group
	}
	return out[:n], open, i
}

// copyPlain copies s, which is not empty, to dst of the same length, and reports
// whether it is plain, as isPlain does. It reads each byte only once for both, as
// part of a word: a call of memmove costs more than the few bytes of a cell.
func copyPlain(dst []byte, s string) bool {
	n, mask := len(s), uint64(0)
	switch {
	case n >= 8:
		for i := 8; i < n; i += 8 {
			w := load64(s[i-8 : i])
			binary.LittleEndian.PutUint64(dst[i-8:], w)
			mask |= maskNotPlain(w)
		}
		w := load64(s[n-8:])
		binary.LittleEndian.PutUint64(dst[n-8:], w)
		mask |= maskNotPlain(w)
	case n >= 4:
		first, last := load32(s), load32(s[n-4:])
		binary.LittleEndian.PutUint32(dst, first)
		binary.LittleEndian.PutUint32(dst[n-4:], last)
		mask = maskNotPlain(uint64(first) | uint64(last)<<32)
	default:
		dst[0], dst[n/2], dst[n-1] = s[0], s[n/2], s[n-1]
		mask = maskNotPlain(load3(s[0], s[n/2], s[n-1]))
	}
	return mask == 0
}

// appendTyped appends a field that is not a text (BenchmarkTyped: 10 to 17 ns
// instead of 28 to 42). It reports false, having appended nothing, where it
// declines the cell.
func (e *Encoder) appendTyped(buf []byte, f *field, open group, cell string, info *Info) ([]byte, bool) {
	switch f.kind {
	case Number:
		if isDecimal(cell) && !f.comma {
			return append(f.keys[open].bare(buf), cell...), true
		}
	case Datetime:
		if year, month, day, ok := cutDate(cell, f.dayFirst); ok {
			if out, ok := appendDate(f.keys[open].bare(buf), year, month, day); ok {
				return out, true
			}
		}
	case typePhone:
		if f.json && strings.IndexByte(cell, '.') >= 0 { // a number with a point
			return buf, false
		}
		switch out, v := e.phones.AppendPlain(append(f.keys[open].bare(buf), '"'), cell); v {
		case phone.Valid:
			return append(out, '"'), true
		case phone.Invalid:
			info.note(f, InvalidValue)
			return buf, true
		case phone.Ambiguous:
			info.note(f, AmbiguousPhone)
			return buf, true
		}
	}
	return buf, false
}
