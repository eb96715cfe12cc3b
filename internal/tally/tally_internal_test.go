package tally

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

var (
	emailTarget = profile.Target{Group: "data_matching", Name: "email"}
	cityTarget  = profile.Target{Group: "location", Name: "city"}
)

// addRows adds n rows of a segment for one reason.
func (t *Tally) addRows(segment string, first, n int64, code string, target profile.Target) {
	for i := range n {
		t.Add(Row{segment, first + i}, code, target, code+" of "+target.Name)
	}
}

func reasons(t *Tally) (out []string) {
	for _, r := range t.Reasons() {
		out = append(out, fmt.Sprintf("%s %s %d %v", r.Code, r.Target.Name, r.Count, r.First))
	}
	return out
}

func TestTally(t *testing.T) {
	t.Parallel()
	var tally Tally
	if tally.String() != "" || len(tally.Reasons()) != 0 {
		t.Errorf("an empty tally says %q", tally.String())
	}
	tally.addRows("a", 1, 2, "x", emailTarget)
	tally.addRows("a", 9, 1, "x", cityTarget)
	tally.addRows("b", 1, 7, "y", emailTarget)
	tally.addRows("b", 3, 1, "x", emailTarget)
	want := []string{"y email 7 [{b 1} {b 2} {b 3} {b 4} {b 5}]", "x email 3 [{a 1} {a 2} {b 3}]", "x city 1 [{a 9}]"}
	if got := reasons(&tally); !slices.Equal(got, want) || tally.Total != 11 {
		t.Errorf("%d: %q, want %q", tally.Total, got, want)
	}
	text := "  - y of email: 7 rows (1, 2, 3, 4, 5 of b, ...)\n  - x of email: 3 rows (1, 2 of a, 3 of b)\n  - x of city: 1 row (9 of a)\n"
	if got := tally.String(); got != text {
		t.Errorf("%q, want %q", got, text)
	}
}

// Rows that Klaviyo refuses are added in the order in which jobs end.
func TestTallyIsTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		added []Row // in the order of the rows
		first []Row
	}{
		"a row": {[]Row{{"a", 3}}, []Row{{"a", 3}}},
		"more rows than are named": {
			[]Row{{"a", 2}, {"a", 10}, {"b", 1}, {"b", 3}, {"b", 30}, {"b", 200}, {"c", 1}},
			[]Row{{"a", 2}, {"a", 10}, {"b", 1}, {"b", 3}, {"b", 30}},
		},
		"unknown ones":                    {[]Row{{"b", 2}, {"b", 9}, {}, {}}, []Row{{"b", 2}, {"b", 9}, {}, {}}},
		"unknown ones that are not named": {[]Row{{"a", 1}, {"a", 2}, {"a", 3}, {"a", 4}, {"a", 5}, {}, {}}, []Row{{"a", 1}, {"a", 2}, {"a", 3}, {"a", 4}, {"a", 5}}},
		"only unknown ones":               {[]Row{{}, {}, {}, {}, {}, {}}, []Row{{}, {}, {}, {}, {}}},
		"a row twice":                     {[]Row{{"a", 1}, {"a", 1}, {"a", 2}}, []Row{{"a", 1}, {"a", 1}, {"a", 2}}},
	} {
		want := []Reason{{"c", emailTarget, "w", int64(len(tc.added)), tc.first}}
		for order := range permutations(len(tc.added)) {
			var tally Tally
			for _, i := range order {
				tally.Add(tc.added[i], "c", emailTarget, "w")
			}
			if got := tally.Reasons(); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, added in the order %v: %+v, want %+v", name, order, got, want)
			}
		}
	}
}

// Rows with one code may have different things wrong with them.
func TestTallyByWords(t *testing.T) {
	t.Parallel()
	var tally, read Tally
	for i, words := range []string{"too long", "a footer", "too long", "too long"} {
		tally.Add(Row{"a", int64(i) + 1}, "malformed", profile.Target{}, words)
	}
	const want = "  - too long: 3 rows (1, 3, 4 of a)\n  - a footer: 1 row (2 of a)\n"
	if got := tally.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	text, err := json.Marshal(tally)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &read); err != nil || read.String() != want {
		t.Errorf("%s reads %q, %v", text, read.String(), err)
	}
}

// However many different words there are, a few are kept, which are the same in any
// order and have all of their rows. The rest is one reason.
func TestTallyKeepsABoundedNumberOfWords(t *testing.T) {
	t.Parallel()
	const different, rows = 5 * maxWords, 3 * 5 * maxWords
	var want []Reason
	for i := range maxWords {
		number := int64(i + 1)
		want = append(want, Reason{"invalid", emailTarget, fmt.Sprintf("words %02d", i), 3, []Row{{"a", number}, {"a", number + different}, {"a", number + 2*different}}})
	}
	rest := Reason{"invalid", emailTarget, otherReasons, 3 * (different - maxWords), nil}
	for i := range int64(firstRows) {
		rest.First = append(rest.First, Row{"a", maxWords + 1 + i})
	}
	want = append(want, rest, Reason{"taken", emailTarget, "words 99", 1, []Row{{"a", 0}}})
	slices.SortStableFunc(want, func(a, b Reason) int { return a.rank() - b.rank() })
	for seed := range uint64(20) {
		var tally, read Tally
		tally.Add(Row{"a", 0}, "taken", emailTarget, "words 99")
		for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(rows) {
			tally.Add(Row{"a", int64(i) + 1}, "invalid", emailTarget, fmt.Sprintf("words %02d", i%different))
		}
		if got := tally.Reasons(); !reflect.DeepEqual(got, want) || tally.Total != rows+1 {
			t.Fatalf("seed %d: %d rows, %+v, want %+v", seed, tally.Total, got, want)
		}
		text, err := json.Marshal(tally)
		if err == nil {
			err = json.Unmarshal(text, &read)
		}
		read.Add(Row{"a", rows + 1}, "invalid", emailTarget, "words 49")
		tally.Add(Row{"a", rows + 1}, "invalid", emailTarget, "words 49")
		if err != nil || !reflect.DeepEqual(read.Reasons(), tally.Reasons()) {
			t.Errorf("%s reads %+v, %v", text, read.Reasons(), err)
		}
	}
}

// permutations yields every order of the numbers below n, in a slice that is
// used again.
func permutations(n int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		var place func(at int) bool
		place = func(at int) bool {
			if at == n {
				return yield(order)
			}
			for i := at; i < n; i++ {
				order[at], order[i] = order[i], order[at]
				if !place(at + 1) {
					return false
				}
				order[at], order[i] = order[i], order[at]
			}
			return true
		}
		place(0)
	}
}

// Reasons that differ only in what is wrong are listed in one order.
func TestTallyOrdersTargets(t *testing.T) {
	t.Parallel()
	targets := []profile.Target{cityTarget, {Group: "location", Name: "country"}, {Group: "properties", Name: "city"}, {Group: "properties", Name: "country"}}
	for order := range permutations(len(targets)) {
		var tally Tally
		for _, i := range order {
			tally.Add(Row{"a", 1}, "c", targets[i], "w")
		}
		var got []profile.Target
		for _, r := range tally.Reasons() {
			got = append(got, r.Target)
		}
		if !slices.Equal(got, targets) {
			t.Fatalf("targets %v", got)
		}
	}
}

func TestTallyAsJSON(t *testing.T) {
	t.Parallel()
	var tally, read Tally
	tally.addRows("a", 1, 3, "x", emailTarget)
	tally.addRows("b", 9, 8, "x", cityTarget)
	for _, one := range []*Tally{&tally, {}} {
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if read.Total != one.Total || read.String() != one.String() || !slices.Equal(reasons(&read), reasons(one)) {
			t.Errorf("%s reads %d: %q", text, read.Total, reasons(&read))
		}
	}
	if err := json.Unmarshal([]byte(`{}`), &read); err == nil {
		t.Error("an object is taken for a tally")
	}
	read.addRows("a", 1, 1, "x", emailTarget)
	if read.Total != 1 {
		t.Errorf("a tally that was read cannot be added to: %d", read.Total)
	}
}

func TestRowsInWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		count int64
		first []Row
		want  string
	}{
		{1, []Row{{"vip", 17}}, "1 row (17 of vip)"},
		{2, []Row{{"vip", 3}, {"vip", 17}}, "2 rows (3, 17 of vip)"},
		{12, []Row{{"vip", 3}, {"vip", 17}}, "12 rows (3, 17 of vip, ...)"},
		{3, []Row{{"a", 3}, {"b", 4}, {"b", 5}}, "3 rows (3 of a, 4, 5 of b)"},
		{4000, nil, "4,000 rows"},
		{1, []Row{{}}, "1 row"},
		{2, []Row{{"a", 1}, {}}, "2 rows (1 of a)"},
	} {
		if got := (&Reason{Count: tc.count, First: tc.first}).Rows(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
