package profile

import (
	"encoding/binary"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile/phone"
)

// appendTexts appends the keys and the values of the fields from number i on, up
// to one that is no text or whose text is not as nearly all are: without white
// space around it and with nothing in it to be escaped. It stops there, and also
// where buf has too little room, and returns the number with the group that is
// open then. What it does is what appendKeyed would do. Texts are copied here and
// not by a function of its own, whose calls would show in a profile.
func (e *Encoder) appendTexts(buf []byte, open group, row []string, i int) ([]byte, group, int) {
	out, n := buf[:cap(buf)], len(buf)
	for ; i < len(e.fields); i++ {
		f := &e.fields[i]
		s := row[f.cell]
		if s == "" {
			continue
		}
		k := &f.keys[open]
		at := n + len(k.text)
		end := at + len(s)
		if len(s) > f.plain || s[0] == ' ' || s[len(s)-1] == ' ' || end >= len(out) || len(out)-n < len(k.padded) {
			break
		}
		k.put(out[n:])
		to, odd := out[at:end], uint64(0)
		switch {
		case len(s) >= 8: // eight at once, some of them twice rather than alone
			for i := 8; i < len(s); i += 8 {
				w := word(s[i-8 : i])
				binary.LittleEndian.PutUint64(to[i-8:i], w)
				odd |= oddBytes(w)
			}
			w := word(s[len(s)-8:])
			binary.LittleEndian.PutUint64(to[len(s)-8:], w)
			odd |= oddBytes(w)
		case len(s) >= 4:
			first, last := half(s), half(s[len(s)-4:])
			binary.LittleEndian.PutUint32(to, first)
			binary.LittleEndian.PutUint32(to[len(s)-4:], last)
			odd = oddBytes(uint64(first) | uint64(last)<<32)
		default:
			first, middle, last := s[0], s[len(s)/2], s[len(s)-1]
			to[0], to[len(s)/2], to[len(s)-1] = first, middle, last
			odd = oddBytes(few(first, middle, last))
		}
		if odd != 0 && !isText(s) {
			break
		}
		out[end] = '"'
		n, open = end+1, f.group
	}
	return out[:n], open, i
}

// appendTyped appends the key and the value of a field that is no text, for a
// cell as nearly all are. It reports false, having appended nothing, for any
// other. What it does is what appendKeyed would do.
func (e *Encoder) appendTyped(buf []byte, f *field, open group, cell string, info *Info) ([]byte, bool) {
	switch f.kind {
	case Number:
		if isDecimal(cell) {
			return append(f.keys[open].bare(buf), cell...), true
		}
	case Datetime:
		if year, month, day, ok := cutDate(cell); ok {
			if out, ok := appendDate(f.keys[open].bare(buf), year, month, day); ok {
				return out, true
			}
		}
	case typePhone:
		switch out, v := e.phones.AppendPlain(append(f.keys[open].bare(buf), '"'), cell); v {
		case phone.Valid:
			return append(out, '"'), true
		case phone.Invalid:
			info.Dropped |= DroppedPhoneNumber
			return buf, true
		}
	}
	return buf, false
}
