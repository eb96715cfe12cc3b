package sketch_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) } //nolint:gosec // repeatable

func entries(r *rand.Rand, n int) []sketch.Entry {
	all := make([]sketch.Entry, n)
	for i := range all {
		all[i] = sketch.Entry{Key: r.Uint64(), Value: r.Uint64()}
	}
	return all
}

func of(cells int, sets ...[]sketch.Entry) *sketch.Sketch {
	s := sketch.New(sketch.Salt{1, 2, 3}, cells)
	for _, set := range sets {
		for _, e := range set {
			s.Add(e)
		}
	}
	return s
}

func sorted(all []sketch.Entry) []sketch.Entry {
	return slices.SortedFunc(slices.Values(all), func(a, b sketch.Entry) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
}

// check compares a difference that was listed with the one that there is.
func check(t *testing.T, what string, before, after *sketch.Sketch, gone, new []sketch.Entry) (listed bool) {
	t.Helper()
	added, removed, ok := sketch.Difference(before, after)
	if !ok {
		if added != nil || removed != nil {
			t.Errorf("%s: lists %d and %d entries of a difference that it cannot list", what, len(added), len(removed))
		}
		return false
	}
	if !slices.Equal(sorted(added), sorted(new)) || !slices.Equal(sorted(removed), sorted(gone)) {
		t.Errorf("%s: %d added and %d removed, want %d and %d, or others", what, len(added), len(removed), len(new), len(gone))
	}
	return true
}

// Whatever the sets and the difference, what is listed is right.
func TestDifferenceIsRightOrNone(t *testing.T) {
	t.Parallel()
	r := random(1)
	listed, unlisted, unlucky := 0, 0, 0
	for round := range 3000 {
		cells := 96 + r.IntN(900)
		limit := 1 + r.IntN(2*cells) // from nothing to far too much
		both, gone, new := entries(r, r.IntN(2000)), entries(r, r.IntN(limit)), entries(r, r.IntN(limit))
		for i := range min(len(gone), len(new)) / 2 { // updated: the same key, another value
			new[i].Key = gone[i].Key
		}
		ok := check(t, fmt.Sprintf("round %d", round), of(cells, both, gone), of(cells, both, new), gone, new)
		switch size := len(gone) + len(new); {
		case ok:
			listed++
		case 2*size < cells: // two entries have the same three cells, which is rare
			unlucky++
		default:
			unlisted++
		}
	}
	if listed < 500 || unlisted < 500 || unlucky > 20 {
		t.Errorf("%d differences were listed and %d were not, and %d small ones", listed, unlisted, unlucky)
	}
}

// A difference of three quarters of the cells is listed nearly always.
func TestDifferenceOfThreeQuarters(t *testing.T) {
	t.Parallel()
	for _, cells := range []int{768, 1536, 6144} {
		r, failed := random(2), 0
		for range 200 {
			new := entries(r, cells*3/4)
			if !check(t, "three quarters", of(cells), of(cells, new), nil, new) {
				failed++
			}
		}
		if failed > 1 {
			t.Errorf("%d of 200 differences are not listed with %d cells", failed, cells)
		}
	}
}

func TestDifferenceOfLargeSets(t *testing.T) {
	t.Parallel()
	r := random(3)
	const size = 1_000_000
	cells := sketch.CellsFor(size)
	s := of(cells, entries(r, size))
	before, after := s.Clone(), s.Clone()
	gone, new := entries(r, 1500), entries(r, 2500)
	for _, e := range gone {
		before.Add(e)
	}
	for _, e := range new {
		after.Add(e)
	}
	if !check(t, "a million", before, after, gone, new) {
		t.Error("4,000 changes in a million are not listed")
	}
	if !check(t, "nothing", before, before.Clone(), nil, nil) {
		t.Error("no difference is not listed")
	}
}

// Adding and removing are opposites, in any order, and an entry may be there more
// than once.
func TestRemoveIsTheOppositeOfAdd(t *testing.T) {
	t.Parallel()
	r := random(4)
	all, more := entries(r, 500), entries(r, 20)
	s := of(96, all, all, more)
	for _, i := range r.Perm(len(all)) {
		s.Remove(all[i])
		s.Remove(all[i])
	}
	if s.Len() != 20 || !check(t, "what is left", of(96), s, nil, more) {
		t.Errorf("%d entries are left", s.Len())
	}
	for _, e := range more {
		s.Remove(e)
		s.Remove(e)
	}
	if !check(t, "removed too often", of(96), s, more, nil) {
		t.Error("entries that were removed too often are not listed")
	}
}

// An entry that is in one set twice cannot be told from others, and is not.
func TestDifferenceOfRepeatedEntries(t *testing.T) {
	t.Parallel()
	e := entries(random(5), 1)
	if added, removed, ok := sketch.Difference(of(96), of(96, e, e)); ok || added != nil || removed != nil {
		t.Errorf("lists %v and %v", added, removed)
	}
}

func TestDifferenceOfUnlikeSketches(t *testing.T) {
	t.Parallel()
	if _, _, ok := sketch.Difference(of(96), of(99)); ok {
		t.Error("sketches of different sizes are compared")
	}
	if _, _, ok := sketch.Difference(sketch.New(sketch.NewSalt(), 96), sketch.New(sketch.NewSalt(), 96)); ok {
		t.Error("sketches with different salts are compared")
	}
	if s := of(96); s.Subtract(of(99)) == nil || !s.Like(s.Empty()) || s.Like(of(99)) {
		t.Error("likeness is wrong")
	}
}

// A difference leaves the sketches as they are.
func TestDifferenceChangesNothing(t *testing.T) {
	t.Parallel()
	r := random(6)
	before, after := of(96, entries(r, 30)), of(96, entries(r, 300))
	a, b := encoded(t, before), encoded(t, after)
	sketch.Difference(before, after)
	if !slices.Equal(a, encoded(t, before)) || !slices.Equal(b, encoded(t, after)) {
		t.Error("the sketches have changed")
	}
}

// The key of a hash depends on the whole salt.
func TestKeysAreSalted(t *testing.T) {
	t.Parallel()
	keys := map[uint64]bool{sketch.New(sketch.Salt{}, 96).Key(1): true, sketch.New(sketch.Salt{}, 96).Key(2): true}
	for i := range 16 {
		var salt sketch.Salt
		salt[i] = 1
		keys[sketch.New(salt, 96).Key(1)] = true
	}
	if len(keys) != 18 {
		t.Errorf("%d different keys of 18", len(keys))
	}
	if sketch.NewSalt() == sketch.NewSalt() {
		t.Error("two salts are the same")
	}
}

func TestCellsFor(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int{0: 96, 100: 96, 1000: 99, 10_000: 999, 61_440: 6144, 1_000_000: 6144, 1 << 40: 6144} {
		if got := sketch.CellsFor(size); got != want {
			t.Errorf("%d entries have %d cells, want %d", size, got, want)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	s, all := of(6144), entries(random(1), 1<<16)
	for i := 0; b.Loop(); i++ {
		s.Add(all[i&(1<<16-1)])
	}
}

func BenchmarkKey(b *testing.B) {
	s := of(96)
	for i := uint64(0); b.Loop(); i++ {
		s.Key(i)
	}
}

func BenchmarkDifference(b *testing.B) {
	before, after := of(6144), of(6144, entries(random(1), 4600))
	for b.Loop() {
		if _, _, ok := sketch.Difference(before, after); !ok {
			b.Fatal("not listed")
		}
	}
}
