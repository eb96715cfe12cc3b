package profile

import (
	"math/rand/v2"
	"testing"
)

// The benchmarks compare the fast path with the slow path, over cells as segments
// have them, and over more rows than a processor can learn to predict.
const manyRows = 4096

var texts = []string{"Kenneth", "Zoë", "Li", "CNTID_1000042", "Inglewood", "Washington, D.C.", "California", "USA", "medium", "Okafor"}

// Rows of seven text fields.
func BenchmarkTexts(b *testing.B) {
	m := Mapping{
		Email: "e", ExternalID: "a",
		Attributes: map[string]string{"first_name": "b", "last_name": "c"},
		Location:   map[string]string{"city": "d", "region": "f", "country": "g"},
		Properties: map[string]Property{"loyalty_tier": {Column: "h"}},
	}
	e, err := Compile(m, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	rows := make([][]string, manyRows)
	for i := range rows {
		rows[i] = []string{"e@example.com"}
		for range len(e.fields) - 1 {
			rows[i] = append(rows[i], texts[r.IntN(len(texts))])
		}
	}
	buf, info := make([]byte, 0, 1000), Info{}
	b.Run("fast", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, _, at := e.appendTexts(buf, groupNone, rows[i%manyRows], 1, len(e.fields)); at != len(e.fields) {
				b.Fatalf("ended at field %d", at)
			}
		}
	})
	b.Run("slow", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			out, open := buf, groupNone
			for at := 1; at < len(e.fields); at++ {
				f := &e.fields[at]
				out, _ = e.appendKeyed(out, f, open, rows[i%manyRows][f.cell], &info)
				open = f.group
			}
		}
	})
}

func BenchmarkTyped(b *testing.B) {
	for _, tc := range []struct {
		name, cell string
		kind       Type
	}{{"number", "84211.57", Number}, {"date", "11/23/1987", Datetime}} {
		e, err := Compile(Mapping{Email: "e", Properties: map[string]Property{"property": {Column: "p", Type: tc.kind}}}, nil)
		if err != nil {
			b.Fatal(err)
		}
		f, buf, info := &e.fields[1], make([]byte, 0, 1000), Info{}
		b.Run(tc.name+"/fast", func(b *testing.B) {
			for b.Loop() {
				if _, ok := e.appendTyped(buf, f, groupNone, tc.cell, &info); !ok {
					b.Fatal("not taken")
				}
			}
		})
		b.Run(tc.name+"/slow", func(b *testing.B) {
			for b.Loop() {
				e.appendKeyed(buf, f, groupNone, tc.cell, &info)
			}
		})
	}
}

func BenchmarkIsPlain(b *testing.B) {
	b.Run("fast", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			isPlain(texts[i%len(texts)])
		}
	})
	b.Run("slow", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			isText(texts[i%len(texts)])
		}
	})
}
