package sketch

import (
	"fmt"
	"testing"
)

func BenchmarkKey(b *testing.B) {
	s := New(testSalt(30), 96)
	address := []byte("firstname.lastname@example.com")
	for b.Loop() {
		s.Key(address)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, cells := range []int{96, 6144} {
		b.Run(fmt.Sprintf("cells=%d", cells), func(b *testing.B) {
			s := New(testSalt(31), cells)
			key := uint64(1)
			for b.Loop() {
				s.Add(key, ^key)
				key += 0x9e3779b97f4a7c15
			}
		})
	}
}

// BenchmarkPeel peels a difference of three quarters of the cells, and the same with
// nothing in it.
func BenchmarkPeel(b *testing.B) {
	like := New(testSalt(32), maxCells)
	for name, s := range map[string]*Sketch{
		"full":  randomSet(random(32), maxCells*3/4).sketch(like),
		"empty": like,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok := s.Peel(); !ok {
					b.Fatal("not peeled")
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	s := randomSet(random(33), 1_000_000).sketch(New(testSalt(33), maxCells))
	for b.Loop() {
		s.Encode()
	}
	b.ReportMetric(float64(len(s.Encode())), "B/sketch")
}

func BenchmarkDecode(b *testing.B) {
	data := randomSet(random(34), 1_000_000).sketch(New(testSalt(34), maxCells)).Encode()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
