package export_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// lookUps are the requests that looked profiles up.
func (w *env) lookUps() int {
	return len(slices.DeleteFunc(w.Requests(), func(r simulator.Request) bool {
		return r.Method != http.MethodGet || r.Path != "/api/profiles" || !strings.Contains(r.Query, "any%28email%2C")
	}))
}

// Where Klaviyo has merged the profile of somebody in the segment into one with another
// address, that profile stays on the list, whatever its address.
func TestMirrorKeepsMergedProfiles(t *testing.T) {
	t.Parallel()
	const rows, left = 6000, 60
	for name, tc := range map[string]struct {
		scope   export.Mirror
		changed bool // too much to be listed
	}{
		"all": {export.MirrorAll, false}, "exported": {export.MirrorExported, false}, "not listed": {export.MirrorExported, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			source := people(rows)
			e := mirroring(w.export(source))
			e.Mirror = tc.scope
			w.runMirror(t, e)
			// 250 people have an address that is now a secondary one: of somebody who
			// leaves the segment, or of somebody who is on the list without it.
			secondary := addresses(rows)[rows-250:]
			for i, email := range secondary {
				w.Merge(email, address(i%10))
			}
			source.rows = source.rows[left:]
			if tc.changed {
				for _, row := range source.rows[:1000] {
					row[3] = "changed"
				}
			}
			before := w.lookUps()
			r := w.runMirror(t, e)
			if r.Removed != left-10 || r.LeaversUnknown {
				t.Errorf("%d removed", r.Removed)
			}
			w.checkMembers(t, slices.Concat(addresses(10), addresses(rows)[left:rows-250]))
			if n := w.lookUps() - before; n != 3 {
				t.Errorf("%d requests looked up 250 addresses", n)
			}
		})
	}
}

// Nobody is looked up where nobody leaves, or where everybody in the segments is on the
// list.
func TestMirrorLooksUpNobodyWithoutNeed(t *testing.T) {
	t.Parallel()
	const rows = 500
	w := newEnv(t, simulator.Options{})
	source := people(rows)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	source.rows = source.rows[10:]
	readings := 0
	source.before = func(_ context.Context, row int) error {
		if row == 0 {
			readings++
		}
		return nil
	}
	if r := w.runMirror(t, e); r.Removed != 10 || readings != 2 {
		t.Errorf("%d removed, and the segment was read %d times", r.Removed, readings)
	}
	w.RemoveMembers(w.listID, address(20))
	w.runMirror(t, e)
	if n := w.lookUps(); n != 0 {
		t.Errorf("%d requests looked people up", n)
	}
}

// Two addresses that share an identifier are one profile in an account that merges; it
// stays while either is in the segment.
func TestMirrorOfAnAccountThatMerges(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{MergeProfiles: true})
	source := people(200)
	e := mirroring(w.export(source))
	e.Mapping.ExternalID = "text"
	for i, row := range source.rows {
		row[3] = address(i) + " id"
	}
	w.runMirror(t, e)
	source.rows[5][0] = "renamed@example.com" // has a new address
	source.rows = source.rows[1:]
	if r := w.runMirror(t, e); r.Removed != 1 {
		t.Errorf("%d removed", r.Removed)
	}
	want := addresses(200)[1:]
	want[4] = "renamed@example.com"
	w.checkMembers(t, want)
}

// A look-up that fails removes nobody.
func TestMirrorRemovesNobodyIfALookUpFails(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(300)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	w.Merge(address(299), address(0))
	source.rows = source.rows[5:]
	w.Inject(simulator.Fault{Method: http.MethodGet, Path: "/api/profiles", Status: http.StatusForbidden})
	u := w.unfinished(t.Context(), t, e)
	if u.Left != -1 || !u.Listed || len(w.removals()) != 0 {
		t.Errorf("%d left, %d requests removed", u.Left, len(w.removals()))
	}
	if r := w.runMirror(t, e); r.Removed != 4 || r.Exported != 0 {
		t.Errorf("%d removed, %d sent", r.Removed, r.Exported)
	}
	w.checkMembers(t, slices.Concat(addresses(1), addresses(299)[5:]))
}

// Whoever opted out is withheld under an address that Klaviyo has merged into another
// one, if people are looked up.
func TestMergedProfileThatOptedOutIsWithheld(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ rows, merged int }{"one": {10, 1}, "several requests": {190, 5}, "all": {4, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			for i := range tc.merged {
				primary := strangers(tc.merged)[i]
				w.AddMembers(w.listID, primary, address(i))
				w.Merge(address(i), primary)
				w.Unsubscribe(w.listID, primary)
			}
			r := w.runOn(t, tracking(w.export(people(tc.rows))))
			if r.OptOuts.List != int64(tc.merged) {
				t.Errorf("%d opted out, %d look-ups", r.OptOuts.List, w.lookUps())
			}
			w.checkMembers(t, addresses(tc.rows)[tc.merged:])
		})
	}
}

// Where nobody was merged, people are looked up once.
func TestPeopleAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, addresses(50)...)
	w.Unsubscribe(w.listID, address(3))
	r := w.runOn(t, tracking(w.export(people(190))))
	if n := w.lookUps(); n != 2 || r.OptOuts.List != 1 {
		t.Errorf("%d requests, %d opted out", n, r.OptOuts.List)
	}
}

// Long addresses are looked up a few at a time: most servers accept URLs up to 8 KiB.
func TestMirrorLooksUpLongAddresses(t *testing.T) {
	t.Parallel()
	const rows = 300
	w := newEnv(t, simulator.Options{})
	source := people(rows)
	for i, row := range source.rows {
		row[0] = fmt.Sprintf("%s%d@%s.example.com", strings.Repeat("l", 55), i, strings.Repeat("h", 60))
	}
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	for _, row := range source.rows[100:] {
		w.RemoveMembers(w.listID, row[0])
	}
	source.rows = source.rows[1:]
	if r := w.runMirror(t, e); r.Removed != 1 {
		t.Errorf("%d removed", r.Removed)
	}
	if n := w.lookUps(); n < 4 {
		t.Errorf("%d requests looked up 200 addresses", n)
	}
	for _, r := range w.Requests() {
		if len(r.Path)+len(r.Query) > 8<<10 {
			t.Errorf("a URL of %d bytes", len(r.Path)+len(r.Query))
		}
	}
}
