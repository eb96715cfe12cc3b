package profile

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
)

// everyKind compiles a mapping with a field of each kind, for cells that are
// texts or for cells that are JSON.
func everyKind(t testing.TB, json bool) *Encoder { return everyKindIn(t, json, "US") }

// everyKindAbroad is everyKind with the other settings: a region whose numbers may be
// written with their calling code, day first, decimal commas.
func everyKindAbroad(t testing.TB) *Encoder {
	e := everyKindIn(t, false, "DE")
	e.ReadDecimalCommas()
	for i := range e.fields {
		e.fields[i].dayFirst = true
	}
	return e
}

func everyKindIn(t testing.TB, json bool, region string) *Encoder {
	t.Helper()
	m := Mapping{
		Email: "e", PhoneNumber: "p", PhoneRegion: region, ExternalID: "i",
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

// appendFast appends a cell in field i on the fast path. It reports false where
// the fast path declines it.
func appendFast(t *testing.T, e *Encoder, buf []byte, i int, open group, cell string, info *Info) ([]byte, bool) {
	t.Helper()
	f := &e.fields[i]
	row := make([]string, len(e.fields))
	row[f.cell] = cell
	got, group, at := e.appendTexts(buf, open, row, i, len(e.fields))
	switch {
	case at == len(e.fields) && group == f.group:
		return got, true
	case at != i || group != open || !bytes.Equal(got, buf):
		t.Fatalf("%s: %q is declined, but left %q, at %d with %d open", f.target, cell, got, at, group)
	}
	return e.appendTyped(buf, f, open, cell, info)
}

// sameInfo compares what two encodings tell of a row.
func sameInfo(a, b Info) bool {
	notes := slices.Equal(a.Notes, b.Notes)
	a.Notes, b.Notes = nil, nil
	return notes && reflect.DeepEqual(a, b)
}

// checkFast compares the two paths for a cell, in every field and after every
// group. It returns how many times the fast path takes it.
func checkFast(t *testing.T, e *Encoder, cell string) (taken int) {
	t.Helper()
	for i := 1; i < len(e.fields) && cell != ""; i++ {
		f := &e.fields[i]
		for open := groupNone; open <= f.group; open++ {
			const before = "what was there"
			var info, slow Info
			got, done := appendFast(t, e, append(make([]byte, 0, 200+len(cell)), before...), i, open, cell, &info)
			if !done {
				if string(got) != before || !sameInfo(info, Info{}) {
					t.Fatalf("%s: %q is declined, but left %q, %v", f.target, cell, got, info)
				}
				continue
			}
			taken++
			want, rejection := e.appendKeyed([]byte(before), f, open, cell, &slow)
			if rejection != nil || !bytes.Equal(got, want) || !sameInfo(info, slow) {
				t.Fatalf("%s: %q becomes %q, %v; on the slow path %q, %v (%v)", f.target, cell, got, info, want, slow, rejection)
			}
		}
	}
	return taken
}

// unusual are cells that the slow path does not take as they are.
var unusual = []string{
	"4711.0", "4711.50", "9.87E9", "9.87E+09", "4711,0", "+49301234560.0", "301234560.00", "0301234560.5", "030.1234560", "4915112345678", "49221123456", "490221123456",
	"NULL", "null", "None", "nan", "-nan", "NaN", "NaT", "#N/A", `\N`, "(null)", "<NA>", "[NULL]", "undefined", "nil", "N/A", "n/a", "NA", "Null", "Nan", "nat", "none",
	"'0123", `="0123"`, "'Tis", "'", "=", "'+49 30 123456", "0000-00-00", "1990-02-00", "294247-01-10T04:00:54", "-290308-12-21", "1677-09-21T00:12:43.145224192", "3/4/2026", "31/12/2026", "31.12.2026",
	" 00000.1", " 301234560.0", " 2125550123.0", "2125550123.0 ", "00000.1 ", "(2125550123.0", " +49301234560.0", "-2125550123.0", " 212555012.5", "(212) 555.0123", " 212.555.0123",
	"1.234", "1,5", "1.234,5", "1234", "-1.234.567", "\u200bx\u200b", "x\u00ad", "\ufeff12",
}

func TestFastPathAgreesWithSlowPath(t *testing.T) {
	t.Parallel()
	e, fromJSON, abroad := everyKind(t, false), everyKind(t, true), everyKindAbroad(t)
	r := rand.New(rand.NewPCG(3, 3))
	alphabets := []string{"0123456789", "0123456789.", "0123456789/-", "+0123456789 -().x", "abc XYZ", "Ab1@.-_", "aé\"\\\n\x7f\xff \t\u00a0\u200b\u00ad", "0.eE+-", "49123", "'=\"0A", "Nnul#/A(", "02-9T:"}
	for range race.Seeds(20_000) {
		alphabet := []rune(alphabets[r.IntN(len(alphabets))])
		var cell strings.Builder
		for range 1 + r.IntN(20) {
			cell.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		checkFast(t, e, cell.String())
		checkFast(t, fromJSON, cell.String())
		checkFast(t, abroad, cell.String())
	}
	for _, cell := range unusual {
		checkFast(t, e, cell)
		checkFast(t, fromJSON, cell)
		checkFast(t, abroad, cell)
	}
	for cell, of := range map[string]int{"12.50": 9, "11/23/2026": 9, "2026-11-23": 9, "212-555-0123": 9, "Ada": 8, "Zoë": 8} {
		if taken := checkFast(t, e, cell); taken < of {
			t.Errorf("the fast path takes %q only %d times", cell, taken)
		}
	}
	if checkFast(t, fromJSON, "12.50") == 0 {
		t.Error("the fast path declines a number that is JSON")
	}
}

// A byte that is not plain is found wherever it is in a text.
func TestPlainLooksAtEveryByte(t *testing.T) {
	t.Parallel()
	e := everyKind(t, false)
	for length := 1; length <= 40; length++ {
		plain := strings.Repeat("a", length)
		if !isPlain(plain) || checkFast(t, e, plain) < 8 {
			t.Errorf("the fast path declines %d plain bytes", length)
		}
		for at := range length {
			for _, other := range "\"\\\x00\x1f\n\u0080\u00e9" {
				s := plain[:at] + string(other) + plain[at+1:]
				if isPlain(s) {
					t.Errorf("%q is taken for plain", s)
				}
				checkFast(t, e, s)
			}
		}
	}
}

// Whatever the capacity of the buffer, the profile is the same.
func TestFastPathKeepsWithinTheBuffer(t *testing.T) {
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
	for capacity := range len(want) + 100 {
		var other Info
		got, rejection := e.Append(make([]byte, 0, capacity), row, &other)
		if rejection != nil || !bytes.Equal(got, want) || !sameInfo(other, info) {
			t.Fatalf("with a capacity of %d bytes: %s, %v; want %s", capacity, got, rejection, want)
		}
	}
}

func FuzzFastPath(f *testing.F) {
	for _, cell := range []string{"12.50", "0012", "11/23/2026", "2/29/2023", "2026-11-23", "(212) 555-0123", "+1 212 555 0123 x12", "true", "ada@example.com", "A.b_c@X-Y.example.org", "Ada", " Ada ", "José", "\xff", "a\"b"} {
		f.Add(cell)
	}
	for _, cell := range unusual {
		f.Add(cell)
	}
	e, fromJSON, abroad := everyKind(f, false), everyKind(f, true), everyKindAbroad(f)
	f.Fuzz(func(t *testing.T, cell string) {
		checkFast(t, e, cell)
		checkFast(t, fromJSON, cell)
		checkFast(t, abroad, cell)
	})
}
