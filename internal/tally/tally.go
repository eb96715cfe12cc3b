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

	latest    *Reason // of the row added last; the next one mostly has the same
	latestKey tallyKey
}

// CodeDropped marks values that were left out of profiles.
const CodeDropped = "dropped"

type tallyKey struct {
	code   string
	target profile.Target
	words  string // of reasons that are told apart by them
}

// Reason is one reason of a tally.
type Reason struct {
	Code   string         // for programs: invalid_email
	Target profile.Target // the part of the profile that is wrong; may be zero
	Words  string         // for people; of the first row, where rows differ
	Count  int64
	First  []Row // the lowest few, in the order of compare
}

// firstRows is how many rows a reason names.
const firstRows = 5

// Add counts a row. Its words may differ from those of other rows with the same
// reason, as those of Klaviyo do.
func (t *Tally) Add(row Row, code string, target profile.Target, words string) {
	t.add(row, tallyKey{code: code, target: target}, words)
}

// AddWords counts a row under a reason that has these very words. There must not be
// many different ones of a code.
func (t *Tally) AddWords(row Row, code string, target profile.Target, words string) {
	t.add(row, tallyKey{code, target, words}, words)
}

func (t *Tally) add(row Row, key tallyKey, words string) {
	t.Total++
	if t.groups == nil {
		t.groups = map[tallyKey]*Reason{}
	}
	r := t.latest
	if r == nil || t.latestKey != key {
		if r = t.groups[key]; r == nil {
			r = &Reason{Code: key.code, Target: key.target, Words: words}
			t.groups[key] = r
		}
		t.latest, t.latestKey = r, key
	}
	r.Count++
	r.name(row, words)
}

// name keeps a row that is among the lowest, and the words of the lowest. Rows
// mostly come in order, so one comparison is enough for all but a few.
func (r *Reason) name(row Row, words string) {
	at := len(r.First)
	for at > 0 && compare(row, r.First[at-1]) < 0 {
		at--
	}
	if at == 0 || row == r.First[0] && words < r.Words {
		r.Words = words
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
	*t = Tally{groups: make(map[tallyKey]*Reason, len(reasons))}
	for _, r := range reasons {
		t.Total += r.Count
		t.groups[tallyKey{r.Code, r.Target, r.Words}] = &r
	}
	return nil
}

// Reasons lists the reasons, the most frequent first.
func (t *Tally) Reasons() []Reason {
	out := make([]Reason, 0, len(t.groups))
	for _, r := range t.groups {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Reason) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Words, b.Words),
			cmp.Compare(a.Target.Group, b.Target.Group), cmp.Compare(a.Target.Name, b.Target.Name),
		)
	})
	return out
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
