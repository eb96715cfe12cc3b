package phone

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// All parts of every plan compile.
func TestEveryPlanCompiles(t *testing.T) {
	t.Parallel()
	for at := range plans {
		p := &plans[at]
		if numbersOf(at).automaton == nil {
			t.Errorf("%s: the numbers do not compile", p.region)
		}
		prefixOf(at)
		iddOf(at)
		leadingOf(at)
		if start, end := plansOf(codeNumber(p.code)); at < start || at >= end {
			t.Errorf("%s: calling code %s leads to the plans %d to %d, not to %d", p.region, p.code, start, end, at)
		}
		if found, ok := planOf(p.region); p.region != noRegion && (!ok || found != at) {
			t.Errorf("%s: found at %d, %t, want %d", p.region, found, ok, at)
		}
	}
}

// Goroutines that start at once see the same plans; the race detector checks it.
func TestPlansAreCompiledConcurrently(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for number, want := range map[string]string{
				"+358 41 2345678": "+358412345678", // the fast path
				"tel:0412345678":  "+358412345678", // not the fast path
				"041":             "",
			} {
				parser := NewParser("FI")
				if got, _ := parser.Append(nil, number); string(got) != want {
					t.Errorf("%q is %q, want %q", number, got, want)
				}
			}
			if region, _ := RegionOf([]byte("+358412345678")); region.Name != "FI" {
				t.Errorf("a number of FI is of %q", region.Name)
			}
		})
	}
	group.Wait()
}

// The fast path comes to the result of the parser, also for numbers with their calling
// code but no plus sign.
func TestFastPathAgreesWithParser(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	sure := map[Verdict]int{}
	for at := range plans {
		p := &plans[at]
		if p.region == noRegion {
			continue
		}
		parser := NewParser(p.region)
		for range 300 {
			digits := []byte([]string{p.code, p.code, p.code + p.national, p.national, "", "+" + p.code}[r.IntN(6)])
			for range 4 + r.IntN(9) {
				digits = append(digits, byte('0'+r.IntN(10)))
			}
			text := string(digits)
			got, verdict := parser.AppendPlain(nil, text)
			if sure[verdict]++; verdict == Unsure {
				continue
			}
			n, want := parse(text, p.region)
			number := ""
			if want == Valid {
				number = "+" + n.code + string(n.national)
			}
			if verdict != want || string(got) != number {
				t.Errorf("%q in %s is %q, %d; the parser says %q, %d", text, p.region, got, verdict, number, want)
			}
		}
	}
	if sure[Valid] < 1000 || sure[Ambiguous] < 20 {
		t.Errorf("verdicts %v", sure)
	}
}

func FuzzFastPath(f *testing.F) {
	for _, text := range []string{"4915112345678", "49221123456", "+49 30 123456", "0151.12345678", "15112345678.0", "0049 30 123456", "49 (0)151 12345678 x12"} {
		f.Add(text, "DE")
		f.Add(text, "US")
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		parser := NewParser(region)
		got, verdict := parser.AppendPlain(nil, text)
		if verdict == Unsure {
			return
		}
		n, want := parse(text, parser.region)
		number := ""
		if want == Valid {
			number = "+" + n.code + string(n.national)
		}
		if verdict != want || string(got) != number {
			t.Errorf("%q in %s is %q, %d; the parser says %q, %d", text, region, got, verdict, number, want)
		}
	})
}

// A number in a notation that the fast path declines may have its calling code, too.
func TestCodeWithoutPlusInOtherNotations(t *testing.T) {
	t.Parallel()
	parser := NewParser("DE")
	for text, want := range map[string]Verdict{
		"tel:4915112345678": Valid, "49/151/12345678": Valid, "49 (0)151 12345678": Valid, "49/221/123456": Ambiguous, "0049/221/123456": Valid, "0221/123456": Valid, "49/1": Invalid,
	} {
		if got, verdict := parser.Append(nil, text); verdict != want {
			t.Errorf("%q is %q, %d; want %d", text, got, verdict, want)
		}
	}
}

// A text that is not a number leaves the buffer as it was.
func TestAppendKeepsTheBuffer(t *testing.T) {
	t.Parallel()
	parser := NewParser("ES")
	for text, want := range map[string]string{"600111222": "before+34600111222", "tel:600111222": "before+34600111222", "1": "before", "600": "before", "x": "before", "": "before"} {
		if got, verdict := parser.Append([]byte("before"), text); string(got) != want || (verdict == Valid) != (want != "before") {
			t.Errorf("%q: %q, %d; want %q", text, got, verdict, want)
		}
	}
}

// The fast path and the slow path over the same numbers.
func BenchmarkPhone(b *testing.B) {
	for _, tc := range []struct{ name, region, number string }{
		{"international", "US", "+34 600 111 222"},
		{"national", "US", "(212) 555-2368"},
		{"invalid", "US", "(112) 555-2368"},
	} {
		parser := NewParser(tc.region)
		buf := make([]byte, 0, 32)
		b.Run(tc.name+"/fast", func(b *testing.B) {
			for b.Loop() {
				parser.AppendPlain(buf, tc.number)
			}
		})
		b.Run(tc.name+"/slow", func(b *testing.B) {
			for b.Loop() {
				parse(tc.number, tc.region)
			}
		})
	}
}

// The first number of a region costs more: its plan is compiled.
func BenchmarkPhoneFirstUse(b *testing.B) {
	for _, region := range []string{"US", "GB", "ES", "DE"} {
		at, _ := planOf(region)
		b.Run(region, func(b *testing.B) {
			for b.Loop() {
				newNumbers(at)
			}
		})
	}
}
