package sketch

import (
	"cmp"
	"errors"
	"slices"
)

// ErrMismatch means that two sketches differ in salt or size.
var ErrMismatch = errors.New("the sketches have different salts or sizes and cannot be compared")

// Subtract returns the sketch of what is in s less what is in other.
func (s *Sketch) Subtract(other *Sketch) (*Sketch, error) {
	if s.salt != other.salt || len(s.cells) != len(other.cells) {
		return nil, ErrMismatch
	}
	d := NewLike(s)
	for i := range d.cells {
		a, b := &s.cells[i], &other.cells[i]
		d.cells[i] = cell{
			count:  a.count - b.count,
			check:  a.check - b.check,
			keys:   a.keys - b.keys,
			values: a.values - b.values,
		}
	}
	d.count = s.count - other.count
	for i := range d.fingerprint {
		d.fingerprint[i] = s.fingerprint[i] - other.fingerprint[i]
	}
	return d, nil
}

// Peel returns the entries of a difference: those of the minuend alone and those of
// the subtrahend alone, each in ascending order. If ok is false, they cannot be
// told; if it is true, they are exact. The sketch stays as it is.
func (s *Sketch) Peel() (came, gone []Entry, ok bool) {
	rest := NewLike(s)
	copy(rest.cells, s.cells)
	rest.count, rest.fingerprint = s.count, s.fingerprint

	times := make(map[Entry]int32)
	pending := make([]int, 0, 2*len(rest.cells))
	for at := range rest.cells {
		pending = append(pending, at)
	}
	// Every entry is found in a cell of its own, so a sound sketch yields no more
	// entries than it has cells. A damaged one could go on for ever.
	for left := len(rest.cells); len(pending) > 0; {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		e, n, found := rest.single(at)
		if !found {
			continue
		}
		if left == 0 {
			return nil, nil, false
		}
		left--
		times[e] += n
		rest.apply(e, -n)
		positions := rest.hash(e).positions(len(rest.cells))
		pending = append(pending, positions[:]...)
	}
	if !rest.isZero() {
		return nil, nil, false
	}
	return split(times)
}

// single returns the entry of a cell that holds just one, and whether it was added
// (1) or removed (-1).
func (s *Sketch) single(at int) (e Entry, times int32, ok bool) {
	c := &s.cells[at]
	if c.count != 1 && c.count != -1 {
		return Entry{}, 0, false
	}
	n := uint64(int64(c.count))
	e = Entry{c.keys * n, c.values * n}
	h := s.hash(e)
	if h.check()*uint32(c.count) != c.check {
		return Entry{}, 0, false
	}
	positions := h.positions(len(s.cells))
	return e, c.count, slices.Contains(positions[:], at)
}

// split tells entries that came from those that went. An entry that was found
// once as added and once as removed does not differ: it looked like the only entry
// of a cell by chance.
func split(times map[Entry]int32) (came, gone []Entry, ok bool) {
	for e, n := range times {
		switch n {
		case 0:
		case 1:
			came = append(came, e)
		case -1:
			gone = append(gone, e)
		default:
			return nil, nil, false
		}
	}
	slices.SortFunc(came, compareEntries)
	slices.SortFunc(gone, compareEntries)
	return came, gone, true
}

func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
}
