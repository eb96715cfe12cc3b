package sketch

import "errors"

// ErrNotPeeled means that the difference cannot be told.
var ErrNotPeeled = errors.New("the difference is too large to be told")

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
