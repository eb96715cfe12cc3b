package simulator

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"
)

// roster is who is on a list, in the order of joining: a slice sorted by
// moment, with a number that tells those of the same second apart, and an index
// into it. Whoever leaves is struck out first and swept out later, so that
// neither joining nor leaving moves a million entries.
type roster struct {
	entries []entry
	joined  map[uint32]joining // by profile
	count   uint32             // how often somebody has joined
}

type joining struct {
	second int64 // of joined_group_at, as precise as the API shows it
	number uint32
}

type entry struct {
	joining
	profile uint32
	gone    bool
}

func (j joining) compare(other joining) int {
	return cmp.Or(cmp.Compare(j.second, other.second), cmp.Compare(j.number, other.number))
}

func (j joining) time() time.Time { return time.Unix(j.second, 0).UTC() }

func (e entry) key() string { return fmt.Sprintf("%d.%d", e.second, e.number) }

func (r *roster) size() int { return len(r.joined) }

func (r *roster) has(profile uint32) bool {
	_, on := r.joined[profile]
	return on
}

// add puts a profile on the list; one that is on it keeps its date.
func (r *roster) add(profile uint32, now time.Time) {
	if r.has(profile) {
		return
	}
	if r.joined == nil {
		r.joined = map[uint32]joining{}
	}
	r.count++
	e := entry{joining: joining{now.Unix(), r.count}, profile: profile}
	r.joined[profile] = e.joining
	if last := len(r.entries) - 1; last < 0 || r.entries[last].compare(e.joining) < 0 {
		r.entries = append(r.entries, e)
		return
	}
	r.entries = slices.Insert(r.entries, r.search(e.joining), e) // the clock went back
}

func (r *roster) remove(profile uint32) {
	j, on := r.joined[profile]
	if !on {
		return
	}
	delete(r.joined, profile)
	r.entries[r.search(j)].gone = true
	if len(r.entries) > 2*len(r.joined)+64 {
		r.entries = slices.DeleteFunc(r.entries, func(e entry) bool { return e.gone })
	}
}

// search is the position of the first entry at or after a joining.
func (r *roster) search(j joining) int {
	return sort.Search(len(r.entries), func(i int) bool { return r.entries[i].compare(j) >= 0 })
}

// all goes over the members in the order of joining.
func (r *roster) all() iter.Seq[entry] { return r.between(0, len(r.entries), false) }

func (r *roster) between(low, high int, backward bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for n := range max(0, high-low) {
			e := r.entries[low+n]
			if backward {
				e = r.entries[high-1-n]
			}
			if !e.gone && !yield(e) {
				return
			}
		}
	}
}

// within is the collection of the members who joined from one second (included)
// to another (excluded).
func (r *roster) within(from, to int64) collection[entry] {
	start, end := r.search(joining{second: from}), r.search(joining{second: to})
	return collection[entry]{key: entry.key, walk: func(key string, backward bool) iter.Seq[entry] {
		low, high := start, end
		var at joining
		if _, err := fmt.Sscanf(key, "%d.%d", &at.second, &at.number); err == nil && backward {
			high = min(high, r.search(at))
		} else if err == nil {
			at.number++ // after the entry itself, which may have gone meanwhile
			low = max(low, r.search(at))
		}
		return r.between(low, high, backward)
	}}
}
