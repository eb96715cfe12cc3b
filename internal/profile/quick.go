package profile

// appendQuick appends the key and the value of a field for a cell as nearly all
// are: without white space around it and with nothing in it to be escaped. It
// reports false, having appended nothing, for any other, and for some where buf
// has too little room. What it does is what appendKeyed would do.
func (e *Encoder) appendQuick(buf []byte, f *field, open group, cell string, info *Info) ([]byte, bool) {
	if len(cell) <= f.plain {
		return f.keys[open].appendPlain(buf, cell)
	}
	if f.json {
		return buf, false
	}
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
		switch out, v := e.phones.appendPlain(f.keys[open].bare(buf), cell); v {
		case numberValid:
			return out, true
		case numberInvalid:
			info.Dropped |= DroppedPhoneNumber
			return buf, true
		}
	}
	return buf, false
}
