package profile

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// everyKind compiles a mapping with a field of each kind.
func everyKind(t testing.TB) *Encoder {
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
	e, err := Compile(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkQuick compares what is appended for a cell in a hurry with what is
// appended with care, in every field and after every group. It returns how
// many fields were in a hurry.
func checkQuick(t *testing.T, e *Encoder, cell string) (quick int) {
	t.Helper()
	for i := 1; i < len(e.fields) && cell != ""; i++ {
		f := &e.fields[i]
		for open := groupNone; open <= f.group; open++ {
			const before = "what was there"
			var info, careful Info
			got, done := e.appendQuick(append(make([]byte, 0, 200+len(cell)), before...), f, open, cell, &info)
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

func TestQuickAgreesWithCareful(t *testing.T) {
	t.Parallel()
	e := everyKind(t)
	r := rand.New(rand.NewPCG(3, 3))
	alphabets := []string{"0123456789", "0123456789.", "0123456789/-", "+0123456789 -().x", "abc XYZ", "aé\"\\\n\x7f\xff \t\u00a0", "0.eE+-"}
	for range 20_000 {
		alphabet := []rune(alphabets[r.IntN(len(alphabets))])
		var cell strings.Builder
		for range 1 + r.IntN(20) {
			cell.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		checkQuick(t, e, cell.String())
	}
	for cell, of := range map[string]int{"12.50": 9, "11/23/2026": 9, "2026-11-23": 9, "212-555-0123": 9, "Ada": 8, "Zoë": 8} {
		if quick := checkQuick(t, e, cell); quick < of {
			t.Errorf("%q is looked at with care too often: quick %d times", cell, quick)
		}
	}
}

// One byte that is not plain is found wherever it is in a text.
func TestPlainLooksAtEveryByte(t *testing.T) {
	t.Parallel()
	for length := 1; length <= 40; length++ {
		plain := strings.Repeat("a", length)
		copied := make([]byte, length)
		if !isPlain(plain) || !copyPlain(copied, plain) || string(copied) != plain {
			t.Errorf("%d plain bytes became %q", length, copied)
		}
		for at := range length {
			for _, odd := range "\"\\\x00\x1f\n\u0080\u00e9" {
				s := plain[:at] + string(odd) + plain[at+1:]
				copied := make([]byte, len(s))
				if isPlain(s) || copyPlain(copied, s) {
					t.Errorf("%q is taken for plain", s)
				}
				if string(copied) != s {
					t.Errorf("%q became %q", s, copied)
				}
			}
		}
	}
}

func FuzzQuick(f *testing.F) {
	for _, cell := range []string{"12.50", "0012", "11/23/2026", "2/29/2023", "2026-11-23", "(212) 555-0123", "+1 212 555 0123 x12", "true", "Ada", " Ada ", "José", "\xff", "a\"b"} {
		f.Add(cell)
	}
	e := everyKind(f)
	f.Fuzz(func(t *testing.T, cell string) { checkQuick(t, e, cell) })
}
