package export

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Without a path nothing is collected, which would be for nobody.
func TestNoRejectsWithoutAPath(t *testing.T) {
	t.Parallel()
	e := &Export{Segments: []Segment{{Name: "s"}}}
	r, err := e.newRejects("")
	if r != nil || err != nil {
		t.Fatalf("rejects %v, %v", r, err)
	}
	r.add(Row{"s", 1}, "code", "words")
	if err := r.write(e.Segments); err != nil {
		t.Error(err)
	}
	r.discard()
}

// Whatever Klaviyo says, a row is one record of the file.
func TestRejectsAreOneRecordARow(t *testing.T) {
	t.Parallel()
	e := &Export{Segments: []Segment{{Name: "b\n,\""}, {Name: "a"}}}
	path := filepath.Join(t.TempDir(), "rejects.csv")
	r, err := e.newRejects(path)
	if err != nil {
		t.Fatal(err)
	}
	r.add(Row{"a", 1}, `co"de`, "two\nlines")
	r.add(Row{}, "", "")
	r.add(Row{"b\n,\"", 10}, "x", "a, b")
	r.add(Row{"b\n,\"", 9}, "x", " 'quoted' \"twice\"")
	r.add(Row{"a", 1 << 40}, "x", "a, b")
	if err := r.write(e.Segments); err != nil {
		t.Fatal(err)
	}
	r.discard() // does not take what is in its place
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := csv.NewReader(file).ReadAll()
	want := [][]string{
		rejectsHeader,
		{"", "", "", ""},
		{"b\n,\"", "9", " 'quoted' \"twice\"", "x"},
		{"b\n,\"", "10", "a, b", "x"},
		{"a", "1", "two\nlines", `co"de`},
		{"a", "1099511627776", "a, b", "x"},
	}
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if len(r.reasons) != 4 {
		t.Errorf("%d reasons are kept of 4", len(r.reasons))
	}
}
