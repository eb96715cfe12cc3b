package sketch_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

func encoded(t testing.TB, s *sketch.Sketch) []byte {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A sketch is the same after it was written and read.
func TestEncodingKeepsAll(t *testing.T) {
	t.Parallel()
	r := random(1)
	for _, size := range []int{0, 1, 1000, 100_000} {
		all := entries(r, size)
		s := of(sketch.CellsFor(int64(size)), all)
		var read sketch.Sketch
		b := encoded(t, s)
		if err := read.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b, encoded(t, &read)) || read.Len() != int64(size) || read.Key(5) != s.Key(5) || !read.Like(s) {
			t.Errorf("a sketch of %d entries is another", size)
		}
		if most := 45 + 24*s.Cells(); len(b) > most {
			t.Errorf("%d entries take %d bytes, more than %d", size, len(b), most)
		}
		if size == 0 {
			continue
		}
		read.Remove(all[0])
		if !check(t, "read", s, &read, all[:1], nil) {
			t.Error("the difference to what was written is not listed")
		}
	}
}

// What is not a whole sketch of this version is not read, and changes nothing.
func TestDecodingOfAnythingElse(t *testing.T) {
	t.Parallel()
	s := of(96, entries(random(2), 50))
	b := encoded(t, s)
	damaged := func(what string, data []byte, want error) {
		t.Helper()
		read := s.Clone()
		if err := read.UnmarshalBinary(data); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", what, err, want)
		}
		if !slices.Equal(encoded(t, read), b) {
			t.Errorf("%s: the sketch has changed", what)
		}
	}
	for i := range b {
		damaged("cut off", b[:i], sketch.ErrDamaged)
		for bit := range 8 {
			flipped := slices.Clone(b)
			flipped[i] ^= 1 << bit
			want := sketch.ErrDamaged
			if i == 0 {
				want = sketch.ErrVersion
			}
			damaged("a bit is flipped", flipped, want)
		}
	}
	damaged("longer", append(slices.Clone(b), 0), sketch.ErrDamaged)
}

// Whatever bytes there are, they are a sketch or an error, and a sketch of them
// can be compared.
func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, of(96)), false)
	f.Add(encoded(f, of(96, entries(random(1), 60))), true)
	f.Add(encoded(f, of(300, entries(random(2), 1000))), true)
	f.Add([]byte{1}, true)
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend {
			data = sketch.WithCheckSum(data)
		}
		var s sketch.Sketch
		if err := s.UnmarshalBinary(data); err != nil {
			if !errors.Is(err, sketch.ErrDamaged) && !errors.Is(err, sketch.ErrVersion) {
				t.Errorf("error %v", err)
			}
			return
		}
		if _, _, ok := sketch.Difference(s.Empty(), &s); ok && s.Len() > int64(s.Cells()) {
			t.Errorf("lists %d entries of %d cells", s.Len(), s.Cells())
		}
		var again sketch.Sketch
		if err := again.UnmarshalBinary(encoded(t, &s)); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
