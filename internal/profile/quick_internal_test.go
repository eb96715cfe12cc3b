package profile

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// everyKind compiles a mapping with a field of each kind, for cells that are
// plain texts or for ones that are JSON.
func everyKind(t testing.TB, json bool) *Encoder {
	t.Helper()
	m := Mapping{
		Email: "e", PhoneNumber: "p", PhoneRegion: "US", ExternalID: "i",
		Attributes: map[string]string{"title": "t", "locale": "l"},
		Location:   map[string]string{"city": "c", "latitude": "la", "longitude": "lo"},
		Properties: map[string]Property{
			"untyped": {Column: "u"}, "string": {Column: "s", Type: String}, "number": {Column: "n", Type: Number}, "boolean": {Column: "b", Type: Boolean},
			"datetime": {Column: "d", Type: Datetime}, "list": {Column: "ls", Type: List}, "json": {Column: "j", Type: JSON},
			"a property whose name is longer than most are": {Column: "long"},
		},
	}
	columns := make([]bool, len(m.Columns()))
	for i := range columns {
		columns[i] = json
	}
	e, err := Compile(m, columns)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// appendInAHurry appends a cell in field i, unless that takes care.
func appendInAHurry(t *testing.T, e *Encoder, buf []byte, i int, open group, cell string, info *Info) ([]byte, bool) {
	t.Helper()
	f := &e.fields[i]
	row := make([]string, len(e.fields))
	row[f.cell] = cell
	got, group, at := e.appendTexts(buf, open, row, i)
	switch {
	case at == len(e.fields) && group == f.group:
		return got, true
	case at != i || group != open || !bytes.Equal(got, buf):
		t.Fatalf("%s: %q is not done, but left %q, at %d with %d open", f.target, cell, got, at, group)
	}
	return e.appendTyped(buf, f, open, cell, info)
}

// checkQuickHead compares what is appended for an address in a hurry with what
// is appended with care. It returns how many addresses were in a hurry.
func checkQuickHead(t *testing.T, e *Encoder, cell string) int {
	t.Helper()
	const before = "what was there"
	var info, careful Info
	got, done := e.appendHead(append(make([]byte, 0, 200+len(cell)), before...), cell, &info)
	if !done {
		if string(got) != before || info != (Info{}) {
			t.Fatalf("%q is not done, but left %q, %v", cell, got, info)
		}
		return 0
	}
	row := make([]string, len(e.fields))
	row[e.fields[0].cell] = cell
	want, rejection := e.appendEmail([]byte(before+head), row, &careful)
	if rejection != nil || !bytes.Equal(got, want) || info != careful {
		t.Fatalf("%q becomes %q, %v; with care %q, %v (%v)", cell, got, info, want, careful, rejection)
	}
	return 1
}

// checkQuick compares what is appended for a cell in a hurry with what is
// appended with care, in every field and after every group. It returns how
// many fields were in a hurry.
func checkQuick(t *testing.T, e *Encoder, cell string) (quick int) {
	t.Helper()
	quick = checkQuickHead(t, e, cell)
	for i := 1; i < len(e.fields) && cell != ""; i++ {
		f := &e.fields[i]
		for open := groupNone; open <= f.group; open++ {
			const before = "what was there"
			var info, careful Info
			got, done := appendInAHurry(t, e, append(make([]byte, 0, 200+len(cell)), before...), i, open, cell, &info)
			if !done {
				if string(got) != before || info != (Info{}) {
					t.Fatalf("%s: %q is not done, but left %q, %v", f.target, cell, got, info)
				}
				continue
			}
			quick++
			want, rejection := e.appendKeyed([]byte(before), f, open, cell, &careful)
			if rejection != nil || !bytes.Equal(got, want) || info != careful {
				t.Fatalf("%s: %q becomes %q, %v; with care %q, %v (%v)", f.target, cell, got, info, want, careful, rejection)
			}
		}
	}
	return quick
}

// Of what is nearly an address, all that is one is taken in a hurry, and nothing
// else.
func TestQuickKnowsAddresses(t *testing.T) {
	t.Parallel()
	e := everyKind(t, false)
	r := rand.New(rand.NewPCG(4, 4))
	const odd = "..--@@_+ 09AZaz[`{/:\"\x00\x1f\x7f\x80\xff"
	addresses := 0
	for range 100_000 {
		address := []byte(strings.Repeat("Jane.Doe_42@", r.IntN(2)) + strings.Repeat("a-B.c", r.IntN(14)) + "x@y-Z.example"[r.IntN(9):])
		for range r.IntN(4) {
			address[r.IntN(len(address))] = odd[r.IntN(len(odd))]
		}
		quick := checkQuickHead(t, e, string(address))
		addresses += quick
		_, code := appendEmail(nil, string(address))
		if takes := code == "" && len(address) >= 8 && len(address) <= maxQuickEmail && isPlain(string(address)); takes != (quick == 1) {
			t.Errorf("%q is taken in a hurry: %t, want %t", address, quick == 1, takes)
		}
	}
	if addresses < 10_000 {
		t.Errorf("only %d were addresses", addresses)
	}
}

func TestQuickAgreesWithCareful(t *testing.T) {
	t.Parallel()
	e, fromJSON := everyKind(t, false), everyKind(t, true)
	r := rand.New(rand.NewPCG(3, 3))
	alphabets := []string{"0123456789", "0123456789.", "0123456789/-", "+0123456789 -().x", "abc XYZ", "Ab1@.-_", "aé\"\\\n\x7f\xff \t\u00a0", "0.eE+-"}
	for range 20_000 {
		alphabet := []rune(alphabets[r.IntN(len(alphabets))])
		var cell strings.Builder
		for range 1 + r.IntN(20) {
			cell.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		checkQuick(t, e, cell.String())
		checkQuick(t, fromJSON, cell.String())
	}
	for cell, of := range map[string]int{"12.50": 9, "11/23/2026": 9, "2026-11-23": 9, "212-555-0123": 9, "Ada": 8, "Zoë": 8} {
		if quick := checkQuick(t, e, cell); quick < of {
			t.Errorf("%q is looked at with care too often: quick %d times", cell, quick)
		}
	}
	if checkQuick(t, fromJSON, "12.50") == 0 {
		t.Error("a number that is JSON is looked at with care")
	}
}

// One byte that is not plain is found wherever it is in a text.
func TestPlainLooksAtEveryByte(t *testing.T) {
	t.Parallel()
	e := everyKind(t, false)
	for length := 1; length <= 40; length++ {
		plain := strings.Repeat("a", length)
		if !isPlain(plain) || checkQuick(t, e, plain) < 8 {
			t.Errorf("%d plain bytes are looked at with care", length)
		}
		for at := range length {
			for _, odd := range "\"\\\x00\x1f\n\u0080\u00e9" {
				s := plain[:at] + string(odd) + plain[at+1:]
				if isPlain(s) {
					t.Errorf("%q is taken for plain", s)
				}
				checkQuick(t, e, s)
			}
		}
	}
}

// Where there is no room, nothing is written in a hurry, and all is written in
// the end.
func TestQuickKeepsWithinTheRoom(t *testing.T) {
	t.Parallel()
	e := everyKind(t, false)
	row := make([]string, len(e.fields))
	for i, f := range e.fields {
		row[f.cell] = map[Type]string{typeEmail: "ada@example.com", typePhone: "2125550123", Number: "1", Boolean: "true", typeLatitude: "1", typeLongitude: "2", typeLocale: "en", Datetime: "2026-11-23", JSON: "{}"}[f.kind]
		if row[f.cell] == "" {
			row[f.cell] = strings.Repeat("x", i)
		}
	}
	var info Info
	want, rejection := e.Append(make([]byte, 0, 2000), row, &info)
	if rejection != nil {
		t.Fatal(rejection)
	}
	for room := range len(want) + 100 {
		var other Info
		got, rejection := e.Append(make([]byte, 0, room), row, &other)
		if rejection != nil || !bytes.Equal(got, want) || other != info {
			t.Fatalf("with room for %d bytes: %s, %v; want %s", room, got, rejection, want)
		}
	}
}

func FuzzQuick(f *testing.F) {
	for _, cell := range []string{"12.50", "0012", "11/23/2026", "2/29/2023", "2026-11-23", "(212) 555-0123", "+1 212 555 0123 x12", "true", "ada@example.com", "A.b_c@X-Y.example.org", "Ada", " Ada ", "José", "\xff", "a\"b"} {
		f.Add(cell)
	}
	e, fromJSON := everyKind(f, false), everyKind(f, true)
	f.Fuzz(func(t *testing.T, cell string) {
		checkQuick(t, e, cell)
		checkQuick(t, fromJSON, cell)
	})
}
