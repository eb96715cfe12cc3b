package pipeline

import (
	"io"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// located are rows that begin in given lines of files.
type located struct {
	segment.Rows

	at   [][2]int64 // file and line
	next int
}

func (l *located) Next(dst []string) ([]string, error) {
	if l.next == len(l.at) {
		return dst, io.EOF
	}
	if l.next++; l.next%5 == 0 {
		return dst, &segment.RowError{Code: segment.CodeMalformedRow, Problem: "is bad"}
	}
	return append(dst, "x"), nil
}

func (l *located) Position() (file int, line int64) {
	at := l.at[l.next-1]
	return int(at[0]), at[1]
}

func (*located) File(n int) string { return string(rune('a' + n)) }

// readPlaces reads rows in chunks.
func readPlaces(p *places, name string, at [][2]int64) {
	rows := &located{at: at}
	noter := p.noter(name, rows)
	for first := int64(1); ; {
		c := &chunk{first: first}
		err := c.fill(rows, noter, nil)
		if first += int64(c.rows); err != nil {
			return
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	var one, two [][2]int64
	for line := int64(2); line < 2000; line++ { // a row has two lines, another one is blank
		if line != 700 && line != 1500 {
			one = append(one, [2]int64{0, line})
		}
	}
	for line := int64(1); line < 1300; line++ {
		one = append(one, [2]int64{1, line})
	}
	for range 20 {
		two = append(two, [2]int64{3, 0}) // of a file without lines
	}
	p := &places{}
	p.clear()
	readPlaces(p, "one", one)
	readPlaces(p, "two", two)
	for i, at := range one {
		if got, want := p.find("one", int64(i+1)), (Place{string(rune('a' + at[0])), at[1]}); got != want {
			t.Fatalf("row %d is at %v, want %v", i+1, got, want)
		}
	}
	if got, want := p.find("two", 17), (Place{File: "d"}); got != want {
		t.Errorf("a row of a file without lines is at %v, want %v", got, want)
	}
	if p.runs != 5 {
		t.Errorf("%d runs are kept of 5", p.runs)
	}
	if got := p.find("three", 1); got != (Place{}) {
		t.Errorf("a row of another segment is at %v", got)
	}
	if p.clear(); p.find("one", 1) != (Place{}) {
		t.Error("places are kept from the pass before")
	}
	var none *places
	if readPlaces(none, "one", one); none.find("one", 1) != (Place{}) {
		t.Error("places are known that nobody keeps")
	}
}

// The places of a file whose rows all have several lines do not take any amount of
// memory.
func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	at := make([][2]int64, 2*maxPlaceRuns)
	for i := range at {
		at[i][1] = int64(2 * i)
	}
	p := &places{}
	p.clear()
	readPlaces(p, "one", at)
	if n := len(p.segments["one"]); n != maxPlaceRuns {
		t.Errorf("%d runs are kept", n)
	}
	if got, want := p.find("one", maxPlaceRuns-1), (Place{"a", 2 * (maxPlaceRuns - 2)}); got != want {
		t.Errorf("the last known row is at %v, want %v", got, want)
	}
	if got := p.find("one", maxPlaceRuns+500); got != (Place{}) {
		t.Errorf("a row after that is at %v", got)
	}
}
