package export_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// tracking is the export with its changes tracked.
func tracking(e *export.Export) *export.Export {
	e.TrackChanges = true
	return e
}

// runOn is run, with what it leaves acknowledged for the next one.
func (w *env) runOn(t *testing.T, e *export.Export) *export.Result {
	t.Helper()
	r := w.run(t, e)
	e.Acknowledged, e.MayHaveJoined = r.Acknowledged, nil
	if r.Unsure != nil {
		e.MayHaveJoined = r.Unsure.MayHaveJoined
	}
	return r
}

// checkSent compares what a run sent with what it should have.
func checkSent(t *testing.T, what string, r *export.Result, everything bool, added, updated, unchanged int64) {
	t.Helper()
	if r.Everything != everything || r.Added != added || r.Updated != updated || r.Unchanged != unchanged {
		t.Errorf("%s: everything %t, %d added, %d updated, %d unchanged; want %t, %d, %d, %d",
			what, r.Everything, r.Added, r.Updated, r.Unchanged, everything, added, updated, unchanged)
	}
}

// Only what has changed is sent, in as many requests as that takes.
func TestRunSendsOnlyChanges(t *testing.T) {
	t.Parallel()
	const rows = 25_000
	w := newEnv(t, simulator.Options{KeepBodies: true})
	source := people(rows)
	e := tracking(w.export(source))
	checkSent(t, "first run", w.runOn(t, e), true, 0, 0, 0)
	if sent := w.bodies(t); len(sent) != 3 {
		t.Fatalf("imports of %v profiles", sent)
	}

	checkSent(t, "nothing changed", w.runOn(t, e), false, 0, 0, rows)

	for i := range 50 {
		source.rows[i*10][3] = "changed"
	}
	source.rows = slices.Concat(source.rows[:100], source.rows[120:], people(rows + 30).rows[rows:]) // p100, p110: changed and gone
	survey, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := survey.Changes; c == nil || len(c.Added) != 30 || len(c.Updated) != 48 || len(c.Removed) != 20 {
		t.Errorf("changes %+v", c)
	}
	r := w.runOn(t, e)
	checkSent(t, "some changed", r, false, 30, 48, rows-20-48)
	if r.Exported != 78 || r.Jobs != 1 {
		t.Errorf("%d exported in %d jobs", r.Exported, r.Jobs)
	}
	if sent := w.bodies(t); len(sent) != 4 || sent[3] != 78 {
		t.Errorf("imports of %v profiles", sent)
	}
	if p, _ := w.Profile(address(480)); p.Properties["text"] != "changed" {
		t.Errorf("profile %+v", p)
	}

	for i := range source.rows {
		source.rows[i][3] = "all of it"
	}
	checkSent(t, "all changed", w.runOn(t, e), true, 0, 0, 0)
	checkSent(t, "nothing changed after that", w.runOn(t, e), false, 0, 0, rows+10)
}

// A survey says that nothing has changed after a run, without reading the segments
// where they tell by themselves.
func TestSurveyKnowsChangesAfterARun(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.FailEmail(address(4), "invalid", "Nobody wants them.")
	source := people(500)
	e := tracking(w.export(source))
	r := w.runOn(t, e)
	if c := r.Changes; c == nil || c.Since != r.Acknowledged.Identity() || len(c.Added) != 1 {
		t.Fatalf("changes %+v", c)
	}
	source.rows[9][3] = "x"
	s, err := e.Survey(t.Context())
	if err != nil || len(s.Changes.Added) != 1 || len(s.Changes.Updated) != 1 || len(s.Changes.Removed) != 0 {
		t.Errorf("changes %+v, %v", s.Changes, err)
	}
}

// Who Klaviyo refused is sent with the changes of the next run; who is withheld is
// not, and is no news until the row changes.
func TestRunSendsAgainWhoIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{KeepBodies: true})
	w.FailEmail(address(4), "invalid", "Nobody wants them.")
	w.RefuseEmail(address(5), "invalid", "Nobody wants them.")
	w.Unsubscribe(w.listID, address(6))
	source := people(500)
	e := tracking(w.export(source))
	checkSent(t, "first run", w.runOn(t, e), true, 0, 0, 0)
	w.TakeEmail(address(4))
	r := w.runOn(t, e)
	checkSent(t, "second run", r, false, 2, 0, 498)
	if r.Exported != 1 || r.Withheld != 0 || r.Refused.Total != 1 {
		t.Errorf("%d exported, %d withheld, %d refused", r.Exported, r.Withheld, r.Refused.Total)
	}
	source.rows[6][3] = "changed"
	r = w.runOn(t, e)
	checkSent(t, "third run", r, false, 1, 1, 498)
	if r.Exported != 0 || r.Withheld != 1 || r.Submitted() != 1 {
		t.Errorf("%d exported, %d withheld, %d submitted", r.Exported, r.Withheld, r.Submitted())
	}
}

// Who was refused and then leaves the segments is no change, also where a property
// tells who is in which.
func TestWhoWasRefusedAndLeftIsNoChange(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(500)
	for _, everything := range []bool{true, false} {
		e := tracking(w.export(source, people(3)))
		e.SegmentProperty = "segments"
		if !everything {
			w.runOn(t, e)
			source.rows = append(source.rows, people(501).rows[500])
		}
		last := len(source.rows) - 1
		w.FailEmail(address(last), "invalid", "Nobody wants them.")
		checkSent(t, "who was refused is news", w.runOn(t, e), everything, map[bool]int64{false: 1}[everything], 0, map[bool]int64{false: 500}[everything])
		checkSent(t, "and still is", w.runOn(t, e), false, 1, 0, int64(last))
		source.rows = source.rows[:last]
		s, err := e.Survey(t.Context())
		if err != nil || s.Changes == nil {
			t.Fatal(s, err)
		}
		if c := s.Changes; len(c.Added)+len(c.Updated)+len(c.Removed) != 0 {
			t.Errorf("everything %t: +%d ~%d -%d", everything, len(c.Added), len(c.Updated), len(c.Removed))
		}
		w.TakeEmail(address(last))
		source.rows = people(500).rows
	}
}

// Where it is not known who failed, everything is sent the next time.
func TestRunForgetsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := tracking(w.export(people(300)))
	w.MiscountJobs(1, 3)
	if r := w.run(t, e); r.Unconfirmed.Total() != 3 || r.Acknowledged != nil {
		t.Errorf("%d not confirmed, acknowledged %v", r.Unconfirmed.Total(), r.Acknowledged)
	}
}

// A segment that changes between the two readings of a run is not acknowledged as
// it is then: the next run finds the rest.
func TestRunOfASegmentThatKeepsChanging(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(400)
	e := tracking(w.export(source))
	w.runOn(t, e)
	source.rows[1][3] = "first change"
	opened := 0
	source.before = func(_ context.Context, row int) error {
		if row == 0 {
			opened++
		}
		if opened == 2 { // the survey is over
			source.rows[2][3] = "second change"
		}
		return nil
	}
	checkSent(t, "while it changed", w.runOn(t, e), false, 0, 1, 399)
	checkSent(t, "afterwards", w.runOn(t, e), false, 0, 2, 398)
	if p, _ := w.Profile(address(2)); p.Properties["text"] != "second change" {
		t.Errorf("profile %+v", p)
	}
}

// A segment that has lost rows while it is sent, and has them again afterwards, is as the
// survey found it. The next run is due all the same and sends who was left out.
func TestRunOfASegmentThatShrinksForAWhile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := tracking(w.export(people(400)))
	w.runOn(t, e)
	whole, half := people(410), people(200)
	e.Segments[0].Source = &changing{surveyed: whole, sent: half}
	r := w.runOn(t, e)
	e.Segments[0].Source = whole
	survey, err := e.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if survey.Fingerprint == r.Fingerprint && r.Unsure == nil {
		t.Error("a segment that was not sent as a whole is taken for what was sent")
	}
	checkSent(t, "once it is whole again", w.runOn(t, e), false, 10, 0, 400)
	if _, found := w.Profile(address(409)); !found {
		t.Error("a profile is missing")
	}
}

// What a run has sent of a segment that changed meanwhile is taken back by the next run, if
// the segment is by then what it was before.
func TestRunOfASegmentThatChangesBack(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	before := people(400)
	before.rows[1][3] = "before"
	e := tracking(w.export(before))
	w.runOn(t, e)
	surveyed, sent := people(400), people(400)
	surveyed.rows[1][3], sent.rows[1][3], sent.rows[2][3] = "changed", "changed", "changed later"
	e.Segments[0].Source = &changing{surveyed: surveyed, sent: sent}
	checkSent(t, "while it changed", w.runOn(t, e), false, 0, 1, 399)
	e.Segments[0].Source = before
	checkSent(t, "afterwards", w.runOn(t, e), false, 0, 1, 399)
	if p, _ := w.Profile(address(1)); p.Properties["text"] != "before" {
		t.Errorf("profile %+v", p)
	}
}

// Whatever changes in several segments with a property that tells who is in which,
// only what has changed is sent, and Klaviyo has what the segments hold.
func TestRunsOfRandomChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			w := newEnv(t, simulator.Options{})
			a, b := people(0), people(0)
			e := tracking(w.export(a, b))
			e.SegmentProperty, e.Safeguards.AllowEmptySegment = "segments", true
			all := people(600).rows
			before := map[string]string{}
			for range 5 {
				a.rows, b.rows = nil, nil
				for i := range all {
					if r.IntN(40) == 0 {
						all[i] = slices.Clone(all[i])
						all[i][3] = fmt.Sprint(r.IntN(5))
					}
					if r.IntN(30) > 0 == (i%3 > 0) {
						a.rows = append(a.rows, all[i])
					}
					if r.IntN(30) > 0 == (i%5 > 2) {
						b.rows = append(b.rows, all[i])
					}
				}
				now := contents(a, b)
				result := w.runOn(t, e)
				if added, updated := difference(before, now); !result.Everything {
					checkSent(t, "run", result, false, added, updated, int64(len(now))-added-updated)
				}
				before = now
				for email, want := range now {
					p, _ := w.Profile(email)
					if got := fmt.Sprint(p.Properties["text"], p.Properties["segments"]); got != want {
						t.Errorf("%s has %s, want %s", email, got, want)
					}
				}
			}
		})
	}
}

// contents are the values of each person in two segments.
func contents(a, b *table) map[string]string {
	in := map[string][]any{}
	text := map[string]any{}
	for name, s := range map[string]*table{"s1": a, "s2": b} {
		for _, row := range s.rows {
			in[row[0]] = append(in[row[0]], name)
			if text[row[0]] = any(row[3]); row[3] == "" {
				text[row[0]] = nil
			}
		}
	}
	out := map[string]string{}
	for email, names := range in {
		slices.SortFunc(names, func(x, y any) int { return int(x.(string)[1]) - int(y.(string)[1]) })
		out[email] = fmt.Sprint(text[email], names)
	}
	return out
}

func difference(before, now map[string]string) (added, updated int64) {
	for email, value := range now {
		switch old, ok := before[email]; {
		case !ok:
			added++
		case old != value:
			updated++
		}
	}
	return added, updated
}

// Whom a run has added of a segment that changed meanwhile is removed from the list by a
// mirror once they are not in the segment any more.
func TestMirrorOfASegmentThatChangesBack(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	before := people(400)
	e := mirroring(w.export(before))
	w.runMirror(t, e)
	surveyed, sent := people(410), people(410)
	sent.rows[2][3] = "changed later"
	e.Segments[0].Source = &changing{surveyed: surveyed, sent: sent}
	checkSent(t, "while it changed", w.runMirror(t, e), false, 10, 0, 400)
	e.Segments[0].Source = before
	w.runMirror(t, e)
	if n := len(w.Members(w.listID)); n != 400 {
		t.Errorf("the list has %d members", n)
	}
}

// Sketches that are made anew have salts that nobody can guess.
func TestSaltsAreRandom(t *testing.T) {
	t.Parallel()
	identities := map[string]bool{}
	for range 3 {
		w := newEnv(t, simulator.Options{})
		e := w.export(people(5))
		e.TrackChanges, e.NewSalt = true, nil
		identities[w.runOn(t, e).Acknowledged.Identity()] = true
	}
	if len(identities) != 3 {
		t.Errorf("3 sketches of the same people have %d identities", len(identities))
	}
}
