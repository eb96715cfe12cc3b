package sketch

import (
	"cmp"
	"errors"
	"slices"
)

var (
	// ErrMismatch means that two sketches differ in salt or size.
	ErrMismatch = errors.New("the sketches have different salts or sizes and cannot be compared")
	// ErrNotPeeled means that the difference cannot be told: too much differs, an
	// entry was counted twice, or one of the sketches is damaged.
	ErrNotPeeled = errors.New("the difference between the sketches is too large to be told exactly")
)

// Changes are the keys of the profiles in which two sketches differ, in ascending
// order. Each key is in one of the lists, and there once.
type Changes struct {
	Added   []uint64 // only in the later sketch
	Updated []uint64 // in both, with different values
	Removed []uint64 // only in the earlier sketch
}

// Diff returns what changed from one sketch to another. The error is ErrMismatch or
// ErrNotPeeled; without one, the changes are exact.
func Diff(before, after *Sketch) (Changes, error) {
	difference, err := after.Subtract(before)
	if err != nil {
		return Changes{}, err
	}
	came, gone, ok := difference.Peel()
	if !ok || repeatsKey(came) || repeatsKey(gone) {
		return Changes{}, ErrNotPeeled
	}
	return pair(came, gone), nil
}

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

// repeatsKey reports whether a key has several values, so that it is not known
// which of them replaced which.
func repeatsKey(sorted []Entry) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Key == sorted[i-1].Key {
			return true
		}
	}
	return false
}

// pair merges two sorted lists in which each key occurs once. A key in both lists
// is that of an updated profile.
func pair(came, gone []Entry) Changes {
	var c Changes
	for len(came) > 0 && len(gone) > 0 {
		switch a, b := came[0].Key, gone[0].Key; {
		case a < b:
			c.Added = append(c.Added, a)
			came = came[1:]
		case a > b:
			c.Removed = append(c.Removed, b)
			gone = gone[1:]
		default:
			c.Updated = append(c.Updated, a)
			came, gone = came[1:], gone[1:]
		}
	}
	for _, e := range came {
		c.Added = append(c.Added, e.Key)
	}
	for _, e := range gone {
		c.Removed = append(c.Removed, e.Key)
	}
	return c
}
