package simulator

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"
)

// memberSet holds the members of a list in the order of joining: a slice sorted by
// time and, within a second, by a sequence number, with an index by profile. Members
// who leave are marked first and deleted in bulk later, so that neither joining nor
// leaving moves a million entries.
type memberSet struct {
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

func (s *memberSet) size() int { return len(s.joined) }

func (s *memberSet) has(profile uint32) bool {
	_, on := s.joined[profile]
	return on
}

// add puts a profile on the list and reports whether it is new there; one that is
// on it keeps its date.
func (s *memberSet) add(profile uint32, now time.Time) bool {
	if s.has(profile) {
		return false
	}
	if s.joined == nil {
		s.joined = map[uint32]joining{}
	}
	s.count++
	e := entry{joining: joining{now.Unix(), s.count}, profile: profile}
	s.joined[profile] = e.joining
	if last := len(s.entries) - 1; last < 0 || s.entries[last].compare(e.joining) < 0 {
		s.entries = append(s.entries, e)
		return true
	}
	s.entries = slices.Insert(s.entries, s.search(e.joining), e) // the clock went back
	return true
}

func (s *memberSet) remove(profile uint32) {
	j, on := s.joined[profile]
	if !on {
		return
	}
	delete(s.joined, profile)
	s.entries[s.search(j)].gone = true
	if len(s.entries) > 2*len(s.joined)+64 {
		s.entries = slices.DeleteFunc(s.entries, func(e entry) bool { return e.gone })
	}
}

// search is the position of the first entry at or after a joining.
func (s *memberSet) search(j joining) int {
	return sort.Search(len(s.entries), func(i int) bool { return s.entries[i].compare(j) >= 0 })
}

// all goes over the members in the order of joining.
func (s *memberSet) all() iter.Seq[entry] { return s.between(0, len(s.entries), false) }

func (s *memberSet) between(low, high int, backward bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for n := range max(0, high-low) {
			e := s.entries[low+n]
			if backward {
				e = s.entries[high-1-n]
			}
			if !e.gone && !yield(e) {
				return
			}
		}
	}
}

// within is the collection of the members who joined from one second (included)
// to another (excluded).
func (s *memberSet) within(from, to int64) collection[entry] {
	start, end := s.search(joining{second: from}), s.search(joining{second: to})
	return collection[entry]{key: entry.key, walk: func(key string, backward bool) iter.Seq[entry] {
		low, high := start, end
		var at joining
		if _, err := fmt.Sscanf(key, "%d.%d", &at.second, &at.number); err == nil && backward {
			high = min(high, s.search(at))
		} else if err == nil {
			at.number++ // after the entry itself, which may have gone meanwhile
			low = max(low, s.search(at))
		}
		return s.between(low, high, backward)
	}}
}
