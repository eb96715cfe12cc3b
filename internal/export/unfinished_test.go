package export_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// unfinished runs an export whose removal fails, and sets the export to go on from
// there.
func (w *env) unfinished(ctx context.Context, t *testing.T, e *export.Export) *export.UnfinishedRemoval {
	t.Helper()
	_, err := e.Run(ctx, w.client, export.RunOptions{})
	var u *export.UnfinishedRemoval
	if !errors.As(err, &u) {
		t.Fatalf("error %v", err)
	}
	if !strings.Contains(err.Error(), "removed from the list") || !strings.Contains(err.Error(), "Apply again") {
		t.Errorf("error %v", err)
	}
	if u.Acknowledged != nil {
		e.Acknowledged, e.AcknowledgedKeys, e.AcknowledgedAt = u.Acknowledged, u.AcknowledgedKeys, u.At
	}
	if e.RemovalUnfinished = !u.Listed; u.Acknowledged != nil {
		e.Leaving = u.Leaving
	}
	return u
}

// readsOfList are the pages of members that were read.
func (w *env) readsOfList() int {
	return len(slices.DeleteFunc(w.Requests(), func(r simulator.Request) bool {
		return r.Method != http.MethodGet || !strings.HasPrefix(r.Path, "/api/lists/") || !strings.HasSuffix(r.Path, "/profiles")
	}))
}

// wantFinished makes the run after one whose removal failed: it removes whoever is left
// to be, and sends nothing. The run after it removes nobody, and reads no list unless
// everybody may go.
func (w *env) wantFinished(t *testing.T, e *export.Export, left int64, members []string) {
	t.Helper()
	sent := len(w.imports())
	if r := w.runMirror(t, e); r.Removed == 0 || r.Removed > left || r.Exported != 0 || r.LeaversUnknown {
		t.Errorf("%d removed, want %d at most; %d sent", r.Removed, left, r.Exported)
	}
	w.checkMembers(t, members)
	e.RemovalUnfinished, e.Leaving = false, nil
	before := w.readsOfList()
	if r := w.runMirror(t, e); r.Removed != 0 || r.Exported != 0 || r.LeaversUnknown {
		t.Errorf("then %d removed, %d sent", r.Removed, r.Exported)
	}
	if n := len(w.imports()); n != sent {
		t.Errorf("%d imports after the failure", n-sent)
	}
	if n := w.readsOfList(); n != before && e.Mirror != export.MirrorAll {
		t.Errorf("%d pages of members read although nobody left", n-before)
	}
}

// A removal that fails between two requests goes on with the next run, which sends
// nobody again: where the changes are listed, and where they are too many for that.
func TestUnfinishedRemoval(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows, left int
		changed    int // of those who stay
		scope      export.Mirror
	}{
		"listed":            {40_000, 2_500, 100, export.MirrorExported},
		"beyond the sketch": {20_000, 4_500, 0, export.MirrorExported},
		"all changed":       {12_000, 4_500, 7_500, export.MirrorExported},
		"all may go":        {12_000, 4_500, 7_500, export.MirrorAll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.rows >= 20_000 {
				race.SkipLarge(t)
			}
			w := newEnv(t, simulator.Options{})
			source := people(tc.rows)
			e := mirroring(w.export(source))
			e.Mirror = tc.scope
			w.runMirror(t, e)
			stay := addresses(tc.rows)[tc.left:]
			others := int64(0)
			if w.AddMembers(w.listID, strangers(30)...); tc.scope == export.MirrorAll {
				others = 30
			} else {
				stay = append(stay, strangers(30)...)
			}
			source.rows = source.rows[tc.left:]
			for i := range tc.changed {
				source.rows[i][3] = "changed"
			}
			w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 2, Status: http.StatusForbidden})
			u := w.unfinished(t.Context(), t, e)
			if gone := int64(tc.left) + others - u.Left; gone < 0 || u.Left < 500 {
				t.Errorf("%d are left of %d", u.Left, tc.left)
			}
			// Requests that were cut off may have been carried out.
			if members := int64(len(w.MemberEmails(w.listID))); u.Members > members || u.Members < members-4000 {
				t.Errorf("%d members are expected, there are %d", u.Members, members)
			}
			if want := tc.changed == 100; u.Listed != want {
				t.Errorf("listed: %t", u.Listed)
			}
			w.wantFinished(t, e, u.Left, stay)
		})
	}
}

// Whoever interrupts a removal, also while it reads the list and also twice, loses
// nothing.
func TestInterruptedRemoval(t *testing.T) {
	t.Parallel()
	const rows = 30_000
	for name, tc := range map[string]struct {
		left   int
		reads  bool // the first interruption comes while the list is read
		listed bool
	}{
		"listed":                           {1_200, false, true},
		"listed, while reading":            {1_200, true, true},
		"beyond the sketch":                {6_500, false, false},
		"beyond the sketch, while reading": {6_500, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !tc.reads || tc.left > 2000 { // one case of the four is enough
				race.SkipLarge(t)
			}
			w := newEnv(t, simulator.Options{})
			source := people(rows)
			e := mirroring(w.export(source))
			w.runMirror(t, e)
			w.AddMembers(w.listID, strangers(30)...)
			source.rows = source.rows[tc.left:]
			for _, row := range source.rows[:50] {
				row[3] = "changed"
			}
			type interruption struct {
				stop  context.CancelFunc
				ended chan struct{} // closed after the run
			}
			var interrupt atomic.Pointer[interruption]
			var reading atomic.Bool
			reading.Store(tc.reads)
			var seen atomic.Int32
			w.OnRequest(func(r *http.Request) {
				hit, last := r.Method == http.MethodDelete, int32(1)
				if reading.Load() { // a removal that was cut off may still arrive
					hit, last = r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/profiles") && strings.HasPrefix(r.URL.Path, "/api/lists/"), 2
				}
				if i := interrupt.Load(); hit && i != nil && seen.Add(1) == last {
					i.stop()
					<-i.ended // so that the answer comes too late
				}
			})
			fail := func() *export.UnfinishedRemoval {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				i := &interruption{stop: stop, ended: make(chan struct{})}
				defer close(i.ended)
				seen.Store(0)
				interrupt.Store(i)
				defer interrupt.Store(nil)
				return w.unfinished(ctx, t, e)
			}
			if u := fail(); u.Listed != tc.listed || (u.Left < 0) != tc.reads {
				t.Errorf("listed: %t, %d are left", u.Listed, u.Left)
			}
			reading.Store(true)
			fail()
			reading.Store(false)
			r := w.runMirror(t, e)
			if r.LeaversUnknown || (r.Exported != 0) != (tc.reads && tc.left > 2000) {
				t.Errorf("%d removed, %d sent again", r.Removed, r.Exported)
			}
			w.checkMembers(t, slices.Concat(addresses(rows)[tc.left:], strangers(30)))
		})
	}
}

// Whoever joined with a run that was interrupted while it read the list, and that had sent too
// much to be listed, is known as put there by this export: the next run removes who is not in
// the segments any more.
func TestInterruptedRemovalKnowsWhoJoined(t *testing.T) {
	t.Parallel()
	const rows, joined = 6000, 150 // another size of the sketch would be best
	for name, left := range map[string]int{"nobody left": 0, "some left": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(rows)
			e := mirroring(w.export(source))
			w.runMirror(t, e)
			w.AddMembers(w.listID, strangers(5)...)
			source.rows = people(rows + joined).rows[left:]
			for _, row := range source.rows[:1000] {
				row[3] = "changed"
			}
			w.Inject(simulator.Fault{Method: http.MethodGet, Path: "/api/lists/" + w.listID + "/profiles", Status: http.StatusForbidden})
			if u := w.unfinished(t.Context(), t, e); u.Listed || u.Left >= 0 || u.Acknowledged == nil {
				t.Errorf("listed: %t, %d are left", u.Listed, u.Left)
			}
			source.rows = people(rows).rows
			if r := w.runMirror(t, e); r.Removed != joined || r.LeaversUnknown {
				t.Errorf("%d removed", r.Removed)
			}
			w.checkMembers(t, slices.Concat(addresses(rows), strangers(5)))
		})
	}
}

// shiftable is a clock of Klaviyo that a test sets forward.
type shiftable struct{ ahead atomic.Int64 }

func (s *shiftable) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// However many joined with a run, it tells its own people from strangers; and however
// many have opted out.
func TestMirrorAmongNewcomersAndOptOuts(t *testing.T) {
	t.Parallel()
	race.SkipLarge(t)
	const rows, left, joined, optedOut = 20_000, 5_000, 8_000, 3_000
	var clock shiftable
	w := newEnv(t, simulator.Options{Now: clock.now})
	source := people(rows + joined)
	all := source.rows
	source.rows = all[:rows]
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	e.AcknowledgedAt = clock.now()
	w.AddMembers(w.listID, strangers(30)...)
	clock.ahead.Store(int64(time.Hour))
	for i := range optedOut {
		w.Unsubscribe(w.listID, address(rows-1-i))
	}
	source.rows = all[left:]
	r := w.runMirror(t, e)
	if r.Removed != left || r.Withheld != optedOut || r.LeaversUnknown {
		t.Errorf("%d removed, %d withheld", r.Removed, r.Withheld)
	}
	w.checkMembers(t, slices.Concat(addresses(rows + joined)[left:rows-optedOut], addresses(rows + joined)[rows:], strangers(30)))
}

// A run that sends everything although the changes are known reads no list unless
// somebody left, and removes whoever did among any number of strangers.
func TestMirrorSendsEverything(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(1000)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	w.AddMembers(w.listID, strangers(900)...)
	e.SendEverything = true
	if r := w.runMirror(t, e); r.Exported != 1000 || !r.Everything || w.readsOfList() != 0 {
		t.Errorf("%d sent, %d pages of members read", r.Exported, w.readsOfList())
	}
	source.rows = source.rows[20:]
	if r := w.runMirror(t, e); r.Exported != 980 || r.Removed != 20 {
		t.Errorf("%d sent, %d removed", r.Exported, r.Removed)
	}
	w.checkMembers(t, slices.Concat(addresses(1000)[20:], strangers(900)))
}
