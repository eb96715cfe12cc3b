package sketch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func testSalt(seed byte) Salt {
	var salt Salt
	for i := range salt {
		salt[i] = seed + byte(i)
	}
	return salt
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 20)) }

// set is what a sketch describes: values by key.
type set map[uint64]uint64

func (s set) sketch(like *Sketch) *Sketch {
	k := NewLike(like)
	for key, value := range s {
		k.Add(key, value)
	}
	return k
}

// changed returns a copy in which so many keys are new, have other values, and are
// gone, and says which.
func (s set) changed(r *rand.Rand, added, updated, removed int) (set, Changes) {
	keys := make([]uint64, 0, len(s))
	for key := range s {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })

	after := make(set, len(s)+added)
	for key, value := range s {
		after[key] = value
	}
	var c Changes
	for _, key := range keys[:updated] {
		after[key] += 1 + r.Uint64N(math.MaxUint64)
		c.Updated = append(c.Updated, key)
	}
	for _, key := range keys[updated : updated+removed] {
		delete(after, key)
		c.Removed = append(c.Removed, key)
	}
	for range added {
		key := r.Uint64()
		after[key] = r.Uint64()
		c.Added = append(c.Added, key)
	}
	for _, list := range [][]uint64{c.Added, c.Updated, c.Removed} {
		slices.Sort(list)
	}
	return after, c
}

func randomSet(r *rand.Rand, n int) set {
	s := make(set, n)
	for range n {
		s[r.Uint64()] = r.Uint64()
	}
	return s
}

func (c Changes) equal(other Changes) bool {
	return slices.Equal(c.Added, other.Added) && slices.Equal(c.Updated, other.Updated) && slices.Equal(c.Removed, other.Removed)
}

func (c Changes) String() string {
	return fmt.Sprintf("+%d ~%d -%d", len(c.Added), len(c.Updated), len(c.Removed))
}

// Whatever the sets and however large the difference, the changes are either exact
// or refused.
func TestDiffIsExactOrRefused(t *testing.T) {
	t.Parallel()
	r := random(1)
	var exact, refused, early int
	for range 3000 {
		like := New(testSalt(byte(r.Uint32())), r.IntN(600))
		before := randomSet(r, r.IntN(1200))
		capacity := like.Cells() * 2
		updated := r.IntN(min(len(before), capacity/4) + 1)
		removed := r.IntN(min(len(before)-updated, capacity/4) + 1)
		added := r.IntN(capacity / 2)
		if r.IntN(2) == 0 { // Small differences are as frequent as large ones.
			updated, removed, added = updated/8, removed/8, added/8
		}
		after, want := before.changed(r, added, updated, removed)

		got, err := Diff(before.sketch(like), after.sketch(like))
		entries := added + 2*updated + removed
		switch {
		case err == nil && !got.equal(want):
			t.Fatalf("%d cells, %v changed: got %v or other keys", like.Cells(), want, got)
		case err == nil && entries > like.Cells():
			t.Fatalf("%d cells told %d entries", like.Cells(), entries)
		case err == nil:
			exact++
		case !errors.Is(err, ErrNotPeeled):
			t.Fatal(err)
		case !got.equal(Changes{}):
			t.Fatalf("a refused difference has changes: %v", got)
		case entries < like.Cells()/8:
			early++ // Two entries may share all three cells.
		default:
			refused++
		}
	}
	if exact < 1000 || refused < 500 {
		t.Errorf("%d differences were told and %d refused: the test covers too few of one kind", exact, refused)
	}
	if early > 10 {
		t.Errorf("%d small differences were refused", early)
	}
	t.Logf("%d told, %d refused, %d small ones refused", exact, refused, early)
}

// A difference of three quarters of the cells peels in 199 cases of 200.
func TestCapacity(t *testing.T) {
	t.Parallel()
	for _, cells := range []int{768, 1536, 6144} {
		r := random(uint64(cells))
		like := New(testSalt(2), cells)
		trials := min(400, 1_200_000/cells)
		failed := 0
		for range trials {
			if _, err := Diff(like, randomSet(r, cells*3/4).sketch(like)); err != nil {
				failed++
			}
		}
		if failed > trials/200 {
			t.Errorf("%d cells: %d of %d differences were not peeled", cells, failed, trials)
		}
	}
}

func TestMillionProfiles(t *testing.T) {
	t.Parallel()
	r := random(3)
	like := New(testSalt(3), CellsFor(1_000_000))
	before := randomSet(r, 1_000_000)
	after, want := before.changed(r, 40, 30, 30)
	b, a := before.sketch(like), after.sketch(like)
	if a.Count() != 1_000_010 {
		t.Errorf("the count is %d", a.Count())
	}
	got, err := Diff(b, a)
	if err != nil {
		t.Fatal(err)
	}
	if !got.equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Keys that differ little, as no SipHash does, are told apart as well.
func TestPoorKeys(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]func(i uint64) uint64{
		"counted":       func(i uint64) uint64 { return i },
		"high bits":     func(i uint64) uint64 { return i << 50 },
		"one bit apart": func(i uint64) uint64 { return math.MaxUint64 ^ i },
	} {
		like := New(testSalt(4), 768)
		s := NewLike(like)
		for i := range uint64(500) {
			s.Add(key(i), 0)
		}
		if c, err := Diff(like, s); err != nil || len(c.Added) != 500 {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestKeysAlone(t *testing.T) {
	t.Parallel()
	before := New(testSalt(5), 100)
	after := NewLike(before)
	for i := range 2000 {
		key := before.Key(fmt.Appendf(nil, "person%d@example.com", i))
		if i < 1990 {
			before.Add(key, 0)
		}
		if i >= 10 {
			after.Add(key, 0)
		}
	}
	c, err := Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Added) != 10 || len(c.Removed) != 10 || len(c.Updated) != 0 {
		t.Errorf("got %v", c)
	}
	if !slices.Contains(c.Removed, before.Key([]byte("person9@example.com"))) {
		t.Error("person9 is not among the removed")
	}
}

func TestUpdatedEntry(t *testing.T) {
	t.Parallel()
	for _, values := range [][2]uint64{{1, 2}, {2, 1}, {0, math.MaxUint64}} {
		before := New(testSalt(6), 0)
		after := NewLike(before)
		before.Add(7, values[0])
		after.Add(7, values[1])
		c, err := Diff(before, after)
		if err != nil || !c.equal(Changes{Updated: []uint64{7}}) {
			t.Errorf("values %v: %v, %v", values, c, err)
		}
	}
}

// An entry that was added twice cannot be told; once it is removed again, nothing is
// left of it.
func TestEntryAddedTwice(t *testing.T) {
	t.Parallel()
	empty := New(testSalt(7), 0)
	s := NewLike(empty)
	s.Add(1, 2)
	s.Add(1, 2)
	if _, err := Diff(empty, s); !errors.Is(err, ErrNotPeeled) {
		t.Errorf("added twice: %v", err)
	}
	s.Remove(1, 2)
	if c, err := Diff(empty, s); err != nil || !c.equal(Changes{Added: []uint64{1}}) {
		t.Errorf("added once: %v, %v", c, err)
	}
	s.Remove(1, 2)
	if !s.isZero() {
		t.Error("something is left of an entry that was removed")
	}
}

// A key with two new values is refused: neither has replaced the other.
func TestKeyWithTwoValues(t *testing.T) {
	t.Parallel()
	empty := New(testSalt(8), 0)
	s := NewLike(empty)
	s.Add(1, 2)
	s.Add(1, 3)
	if _, err := Diff(empty, s); !errors.Is(err, ErrNotPeeled) {
		t.Errorf("two added: %v", err)
	}
	if _, err := Diff(s, empty); !errors.Is(err, ErrNotPeeled) {
		t.Errorf("two removed: %v", err)
	}
}

// Removing what never was there is a difference like any other and is undone by
// adding it.
func TestRemovedWithoutBeingAdded(t *testing.T) {
	t.Parallel()
	r := random(9)
	empty := New(testSalt(9), 0)
	people := randomSet(r, 500)
	before, after := people.sketch(empty), people.sketch(empty)
	before.Remove(1, 2)
	if before.Count() != 499 {
		t.Errorf("the count is %d", before.Count())
	}
	if c, err := Diff(before, after); err != nil || !c.equal(Changes{Added: []uint64{1}}) {
		t.Errorf("got %v, %v", c, err)
	}
	if c, err := Diff(after, before); err != nil || !c.equal(Changes{Removed: []uint64{1}}) {
		t.Errorf("got %v, %v", c, err)
	}
	before.Add(1, 2)
	if c, err := Diff(before, after); err != nil || !c.equal(Changes{}) {
		t.Errorf("after adding it: %v, %v", c, err)
	}
}

func TestMismatch(t *testing.T) {
	t.Parallel()
	s := New(testSalt(1), 96)
	for name, other := range map[string]*Sketch{
		"salt": New(testSalt(2), 96),
		"size": New(testSalt(1), 99),
	} {
		if _, err := Diff(s, other); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What peels is believed only if number, fingerprint and every cell agree.
func TestPeelChecksWhatItFound(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*Sketch){
		"fingerprint, first word":  func(s *Sketch) { s.fingerprint[0]++ },
		"fingerprint, second word": func(s *Sketch) { s.fingerprint[1]-- },
		"number of entries":        func(s *Sketch) { s.count++ },
		"count of a cell":          func(s *Sketch) { freeCell(s).count = 2 },
		"check sum of a cell":      func(s *Sketch) { freeCell(s).check = 1 },
		"keys of a cell":           func(s *Sketch) { freeCell(s).keys = 1 },
		"values of a cell":         func(s *Sketch) { freeCell(s).values = 1 },
		// The wrong entry is consistent in all of its cells.
		"another entry": func(s *Sketch) {
			was, number := s.fingerprint, s.count
			s.Add(3, 4)
			s.fingerprint, s.count = was, number
		},
		// Cells, number and the other word agree.
		"entries exchanged": func(s *Sketch) {
			was := s.fingerprint
			s.Add(3, 4)
			s.Remove(1, 1)
			s.fingerprint = was
		},
	} {
		s := New(testSalt(10), 96)
		for i := range uint64(10) {
			s.Add(i, i)
		}
		if came, gone, ok := s.Peel(); !ok || len(came) != 10 || len(gone) != 0 {
			t.Fatal("it does not peel without damage")
		}
		damage(s)
		if came, gone, ok := s.Peel(); ok || came != nil || gone != nil {
			t.Errorf("%s: %v, %v, %v", name, came, gone, ok)
		}
	}
}

func freeCell(s *Sketch) *cell {
	for i := range s.cells {
		if s.cells[i] == (cell{}) {
			return &s.cells[i]
		}
	}
	return nil
}

// An entry that is missing from its other two cells is found in turn as added and as
// removed, without end.
func TestPeelEnds(t *testing.T) {
	t.Parallel()
	s := New(testSalt(11), 96)
	s.Add(1, 2)
	positions := s.hash(Entry{1, 2}).positions(s.Cells())
	for _, at := range positions[1:] {
		s.cells[at] = cell{}
	}
	if _, _, ok := s.Peel(); ok {
		t.Error("it peels")
	}
}

// A cell whose entries add up to one is told from a cell with one entry, by the check
// sum and by where that entry would belong.
func TestSingle(t *testing.T) {
	t.Parallel()
	r := random(14)
	s := New(testSalt(14), 96)
	entry := func() Entry { return Entry{r.Uint64(), r.Uint64()} }
	belongs := 0
	for range 10_000 {
		a, b, c := entry(), entry(), entry()
		sum := Entry{a.Key + b.Key - c.Key, a.Value + b.Value - c.Value}
		check := s.hash(a).check() + s.hash(b).check() - s.hash(c).check()
		positions := s.hash(sum).positions(s.Cells())
		if slices.Contains(positions[:], 0) {
			belongs++
		}
		s.cells[0] = cell{1, check, sum.Key, sum.Value}
		if e, _, ok := s.single(0); ok {
			t.Fatalf("three entries were taken for %v", e)
		}
	}
	if belongs < 100 {
		t.Errorf("the sum belonged to the cell %d times, too few to test the check sum", belongs)
	}
	for range 1000 {
		e := entry()
		s.cells[0] = cell{-1, -s.hash(e).check(), -e.Key, -e.Value}
		positions := s.hash(e).positions(s.Cells())
		got, times, ok := s.single(0)
		if want := slices.Contains(positions[:], 0); ok != want {
			t.Fatalf("an entry of the cells %v is found in cell 0: %v", positions, ok)
		}
		if ok && (got != e || times != -1) {
			t.Fatalf("found %v %d times, and it was %v removed", got, times, e)
		}
	}
}

// Several entries of one cell may look like a single other one. That is found once as
// added and once as removed, and must be reported as neither.
func TestPeelCancelsWhatLookedLikeAnEntry(t *testing.T) {
	t.Parallel()
	came, gone, ok := split(map[Entry]int32{{1, 1}: 0, {2, 1}: 1, {3, 1}: -1})
	if !ok || !slices.Equal(came, []Entry{{2, 1}}) || !slices.Equal(gone, []Entry{{3, 1}}) {
		t.Errorf("%v, %v, %v", came, gone, ok)
	}
	if _, _, ok := split(map[Entry]int32{{1, 1}: 2}); ok {
		t.Error("an entry found twice is reported")
	}
}

// Peeling leaves a sketch as it is.
func TestPeelChangesNothing(t *testing.T) {
	t.Parallel()
	s := randomSet(random(12), 50).sketch(New(testSalt(12), 96))
	before := s.Encode()
	s.Peel()
	if !bytes.Equal(before, s.Encode()) {
		t.Error("the sketch has changed")
	}
}

func TestCellsFor(t *testing.T) {
	t.Parallel()
	for profiles, want := range map[int]int{
		-1: 96, 0: 96, 969: 96, 970: 97, 10_000: 1000, 61_439: 6143, 61_440: 6144, 1_000_000: 6144, math.MaxInt: 6144,
	} {
		if got := CellsFor(profiles); got != want {
			t.Errorf("%d profiles: %d cells, want %d", profiles, got, want)
		}
		if got := New(Salt{}, want).Cells(); got != want {
			t.Errorf("a sketch of %d cells has %d", want, got)
		}
	}
}

// The key is SipHash-2-4: the vector of its authors.
func TestKeyIsSipHash(t *testing.T) {
	t.Parallel()
	s := New(testSalt(0), 96)
	message := make([]byte, 15)
	for i := range message {
		message[i] = byte(i)
	}
	if got := s.Key(message); got != 0xa129ca6149be45e5 {
		t.Errorf("the key is %x", got)
	}
}

// Cells, check sums and fingerprint depend on the salt.
func TestHashesAreSalted(t *testing.T) {
	t.Parallel()
	a, b := New(testSalt(1), 96), New(testSalt(2), 96)
	a.Add(1, 2)
	b.Add(1, 2)
	e := Entry{1, 2}
	if a.hash(e).positions(6144) == b.hash(e).positions(6144) || a.hash(e).check() == b.hash(e).check() ||
		a.fingerprint[0] == b.fingerprint[0] || a.fingerprint[1] == b.fingerprint[1] {
		t.Error("some hash is the same under two salts")
	}
}

// Entries spread evenly, each over three different cells, also in pairs.
func TestPositionsAreEven(t *testing.T) {
	t.Parallel()
	s := New(testSalt(13), 96)
	const entries, cells = 1_000_000, 96
	single, pairs := make([]int, cells), make(map[[2]int]int)
	for i := range uint64(entries) {
		at := s.hash(Entry{i, 0}).positions(cells)
		slices.Sort(at[:])
		if at[0] == at[1] || at[1] == at[2] {
			t.Fatalf("entry %d has the cells %v", i, at)
		}
		for n, a := range at {
			single[a]++
			for _, b := range at[n+1:] {
				pairs[[2]int{a, b}]++
			}
		}
	}
	even := func(what any, n, want float64) {
		if math.Abs(n-want) > 6*math.Sqrt(want) {
			t.Errorf("%v has %v entries, and on average it is %v", what, n, want)
		}
	}
	for at, n := range single {
		even(at, float64(n), entries*3/cells)
	}
	if want := cells * (cells - 1) / 2; len(pairs) != want {
		t.Errorf("%d pairs of cells are used, of %d", len(pairs), want)
	}
	for at, n := range pairs {
		even(at, float64(n), entries*3.0/(cells*(cells-1)/2))
	}
}

// Stored sketches must stay comparable: if this fails, the hashes or the layout have
// changed, and so must the version.
func TestFormatIsStable(t *testing.T) {
	t.Parallel()
	s := New(testSalt(1), 96)
	for i := range 100 {
		s.Add(s.Key(fmt.Appendf(nil, "person%d@example.com", i)), uint64(i))
	}
	sum := sha256.Sum256(s.Encode())
	if got, want := hex.EncodeToString(sum[:8]), "eefcae39317aaed5"; got != want {
		t.Errorf("the bytes of version %d have the hash %s, want %s", version, got, want)
	}
}
