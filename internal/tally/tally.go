// Package tally sums up rows by reason, and says numbers in words.
package tally

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// Tally sums up rows by reason: how many, and which are the first. It is the
// same in whatever order the rows are added, since jobs end in any.
type Tally struct {
	Total  int64
	groups map[tallyKey]*Reason
	words  map[kind][]string // of the groups of a kind, sorted

	latest    *Reason // of the row added last; the next one mostly has the same
	latestKey tallyKey
}

// CodeDropped marks values that were left out of profiles.
const CodeDropped = "dropped"

// kind is what a program can tell reasons apart by.
type kind struct {
	code   string
	target profile.Target
}

type tallyKey struct {
	kind
	words string
}

// Reason is one reason of a tally.
type Reason struct {
	Code   string         // for programs: invalid_email
	Target profile.Target // the part of the profile that is wrong; may be zero
	Words  string         // for people
	Count  int64
	First  []Row // the lowest few, in the order of compare
}

const (
	firstRows = 5  // how many rows a reason names
	maxWords  = 10 // how many reasons of a kind are told apart by their words

	otherReasons = "other reasons" // the words of those beyond
)

// Add counts a row. Of the reasons with one code and target those are told apart
// whose words come first in their alphabet. The others are one: Klaviyo may put a
// value into its words, and then there are as many as rows.
func (t *Tally) Add(row Row, code string, target profile.Target, words string) {
	key := tallyKey{kind{code, target}, words}
	t.Total++
	if t.latest == nil || t.latestKey != key {
		t.latest, t.latestKey = t.reason(key), key
	}
	t.latest.Count++
	t.latest.name(row)
}

// reason returns the reason that a key belongs to. If that is a new one, another
// may have to give way. Which ones are kept does not depend on the order: words
// that have given way are never again among the first.
func (t *Tally) reason(key tallyKey) *Reason {
	if r := t.groups[key]; r != nil {
		return r
	}
	known := t.words[key.kind]
	at, _ := slices.BinarySearch(known, key.words)
	switch {
	case key.words == otherReasons:
		return t.group(key)
	case at == maxWords:
		return t.reason(tallyKey{key.kind, otherReasons})
	case len(known) == maxWords:
		t.giveWay(tallyKey{key.kind, known[maxWords-1]})
		known = known[:maxWords-1]
	}
	if t.words == nil {
		t.words = map[kind][]string{}
	}
	t.words[key.kind] = slices.Insert(known, at, key.words)
	return t.group(key)
}

// group adds a reason without rows.
func (t *Tally) group(key tallyKey) *Reason {
	if t.groups == nil {
		t.groups = map[tallyKey]*Reason{}
	}
	r := &Reason{Code: key.code, Target: key.target, Words: key.words}
	t.groups[key] = r
	return r
}

// giveWay makes a reason one of the others of its kind.
func (t *Tally) giveWay(key tallyKey) {
	t.reason(tallyKey{key.kind, otherReasons}).merge(t.groups[key])
	delete(t.groups, key)
}

// merge counts the rows of another reason.
func (r *Reason) merge(other *Reason) {
	r.Count += other.Count
	for _, row := range other.First {
		r.name(row)
	}
}

// name keeps a row that is among the lowest. Rows mostly come in order, so one
// comparison is enough for all but a few.
func (r *Reason) name(row Row) {
	at := len(r.First)
	for at > 0 && compare(row, r.First[at-1]) < 0 {
		at--
	}
	if at == firstRows {
		return
	}
	if len(r.First) == firstRows {
		r.First = r.First[:firstRows-1]
	}
	r.First = slices.Insert(r.First, at, row)
}

// compare orders rows as they are exported, where segments go by their
// names. A row that is not known comes last.
func compare(a, b Row) int {
	switch {
	case (a.Number == 0) != (b.Number == 0):
		return cmp.Compare(b.Number, a.Number)
	case a.Segment != b.Segment:
		return cmp.Compare(a.Segment, b.Segment)
	default:
		return cmp.Compare(a.Number, b.Number)
	}
}

// MarshalJSON writes a tally as the list of its reasons.
func (t Tally) MarshalJSON() ([]byte, error) { return json.Marshal(t.Reasons()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *Tally) UnmarshalJSON(b []byte) error {
	var reasons []Reason
	if err := json.Unmarshal(b, &reasons); err != nil {
		return err
	}
	*t = Tally{}
	for _, r := range reasons {
		t.Total += r.Count
		t.reason(tallyKey{kind{r.Code, r.Target}, r.Words}).merge(&r)
	}
	return nil
}

// Reasons lists the reasons, the most frequent first, and those that are not told
// apart last.
func (t *Tally) Reasons() []Reason {
	out := make([]Reason, 0, len(t.groups))
	for _, r := range t.groups {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Reason) int {
		return cmp.Or(
			cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Words, b.Words),
			cmp.Compare(a.Target.Group, b.Target.Group), cmp.Compare(a.Target.Name, b.Target.Name),
		)
	})
	return out
}

// rank puts what is not told apart after the rest.
func (r *Reason) rank() int {
	if r.Words == otherReasons {
		return 1
	}
	return 0
}

// String lists the reasons, a line each.
func (t *Tally) String() string {
	var b strings.Builder
	for _, r := range t.Reasons() {
		fmt.Fprintf(&b, "  - %s: %s\n", r.Words, r.Rows())
	}
	return b.String()
}

// Rows is "1 row (17 of vip)" or "12 rows (3, 17, 20, 41, 77 of vip,
// ...)".
func (r *Reason) Rows() string {
	count, first := r.Count, r.First
	text := Count(count, "row")
	var places []string
	for i, row := range first {
		if row.Number == 0 {
			continue
		}
		place := fmt.Sprint(row.Number)
		if i+1 == len(first) || first[i+1].Segment != row.Segment {
			place += " of " + row.Segment
		}
		places = append(places, place)
	}
	if places == nil {
		return text
	}
	if int64(len(first)) < count {
		places = append(places, "...")
	}
	return text + " (" + strings.Join(places, ", ") + ")"
}
