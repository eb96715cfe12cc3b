package export_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// mirroring is an export that removes from the list whom it has put there, up to all.
func mirroring(e *export.Export) *export.Export {
	e.TrackChanges, e.Mirror, e.Safeguards.MaxRemovedPercent = true, export.MirrorExported, 100
	return e
}

// runMirror is runOn for a mirror.
func (w *env) runMirror(t *testing.T, e *export.Export) *export.Result {
	t.Helper()
	r := w.runOn(t, e)
	e.AcknowledgedKeys = r.AcknowledgedKeys
	return r
}

// removals are the requests that removed somebody from the list.
func (w *env) removals() []simulator.Request {
	return slices.DeleteFunc(w.Requests(), func(r simulator.Request) bool { return r.Method != http.MethodDelete })
}

// strangers are people whom nobody exported.
func strangers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("stranger%d@example.com", i))
	}
	return all
}

// Whoever leaves the segment is removed from the list, a thousand a request; strangers
// stay, and everybody keeps their consent.
func TestMirrorRemovesWhoLeft(t *testing.T) {
	t.Parallel()
	const rows, left = 30_000, 2100
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, strangers(7)...)
	source := people(rows)
	e := mirroring(w.export(source))
	if r := w.runMirror(t, e); r.Removed != 0 || r.LeaversUnknown || len(w.removals()) != 0 {
		t.Errorf("the first run removed %d", r.Removed)
	}
	source.rows = source.rows[left:]
	r := w.runMirror(t, e)
	if r.Removed != left || r.LeaversUnknown || r.Exported != 0 || r.ListProfileCount != rows-left+7 {
		t.Errorf("%d removed, %d exported, %d on the list", r.Removed, r.Exported, r.ListProfileCount)
	}
	w.checkMembers(t, slices.Concat(addresses(rows)[left:], strangers(7)))
	if n := len(w.removals()); n != 3 {
		t.Errorf("%d requests to remove", n)
	}
	if _, ok := w.Profile(address(0)); !ok {
		t.Error("who left is gone from the account")
	}
	before := len(w.Requests())
	w.runMirror(t, e)
	for _, request := range w.Requests()[before:] {
		if strings.HasSuffix(request.Path, "/profiles") && request.Method == http.MethodGet && strings.Contains(request.Path, "/lists/") {
			t.Errorf("the list is read although nobody left: %s", request.Path)
		}
	}
}

// When too much has changed to be listed, whom this export has put on the list is
// still told from strangers.
func TestMirrorRemovesWhoLeftAmongManyChanges(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(2000)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	w.AddMembers(w.listID, strangers(20)...)
	w.RemoveMembers(w.listID, address(1), address(1500))
	source.rows = source.rows[1000:]
	for _, row := range source.rows {
		row[3] = "changed"
	}
	r := w.runMirror(t, e)
	if !r.Everything || r.Removed != 999 || r.LeaversUnknown {
		t.Errorf("everything %t, %d removed", r.Everything, r.Removed)
	}
	w.checkMembers(t, slices.Concat(addresses(2000)[1000:], strangers(20)))
}

// Who is on the list and is then refused with other values is still removed from it,
// whether the changes are listed or too many.
func TestMirrorRemovesWhoWasRefusedWithOtherValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		everything bool // is sent when the values are refused
		changed    int
	}{"listed": {false, 0}, "too many": {false, 400}, "everything": {true, 0}, "everything, then too many": {true, 400}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(500)
			e := mirroring(w.export(source))
			w.runMirror(t, e)
			w.FailEmail(address(0), "invalid", "Nobody wants that.")
			source.rows[0][3] = "refused"
			e.SendEverything = tc.everything
			if r := w.runMirror(t, e); r.Everything != tc.everything || r.Refused.Total != 1 {
				t.Errorf("everything %t, %d refused", r.Everything, r.Refused.Total)
			}
			e.SendEverything = false
			checkSent(t, "once more", w.runMirror(t, e), false, 0, 1, 499)
			source.rows = source.rows[1:]
			for _, row := range source.rows[:tc.changed] {
				row[3] = "changed"
			}
			if r := w.runMirror(t, e); r.Removed != 1 || r.Everything != (tc.changed > 0) {
				t.Errorf("%d removed, everything %t", r.Removed, r.Everything)
			}
			w.checkMembers(t, addresses(500)[1:])
		})
	}
}

// When neither is known, nobody is removed, and the result says so.
func TestMirrorRemovesNobodyWhereItDoesNotKnowWho(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(1000)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	w.AddMembers(w.listID, strangers(600)...)
	source.rows = source.rows[500:]
	if r := w.runMirror(t, e); r.Removed != 0 || !r.LeaversUnknown {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, slices.Concat(addresses(1000), strangers(600)))
}

// Everybody who is not in the segments is removed if that is wanted.
func TestMirrorOfAll(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.AddMembers(w.listID, strangers(1200)...)
	e := mirroring(w.export(people(1500)))
	e.Mirror = export.MirrorAll
	if r := w.runMirror(t, e); r.Removed != 1200 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, addresses(1500))
}

// Too many are not removed: before anything is sent where that is known, else
// before anybody is removed.
func TestMirrorRefusesToRemoveTooMany(t *testing.T) {
	t.Parallel()
	t.Run("known", func(t *testing.T) {
		t.Parallel()
		w := newEnv(t, simulator.Options{})
		source := people(1000)
		e := mirroring(w.export(source))
		e.Safeguards.MaxRemovedPercent = 3
		w.runMirror(t, e)
		source.rows = source.rows[30:]
		if _, err := e.Survey(t.Context()); err != nil {
			t.Error(err)
		}
		w.runMirror(t, e)
		source.rows = source.rows[30:]
		before := len(w.imports())
		_, err := e.Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, removedLimit, tooManyRemoved, "30 members", "3.1 %", "3 % are allowed", "Nothing was sent")
		if len(w.imports()) != before || len(w.removals()) != 1 {
			t.Error("something was sent")
		}
		w.checkMembers(t, addresses(1000)[30:])
	})
	t.Run("known in the end", func(t *testing.T) {
		t.Parallel()
		w := newEnv(t, simulator.Options{})
		w.AddMembers(w.listID, strangers(100)...)
		e := mirroring(w.export(people(100)))
		e.Mirror, e.Safeguards.MaxRemovedPercent = export.MirrorAll, 25
		_, err := e.Run(t.Context(), w.client, export.RunOptions{})
		asError(t, err, removedLimit, tooManyRemoved, "100 members", "50 %", "All profiles were sent")
		if len(w.removals()) != 0 {
			t.Error("somebody was removed")
		}
	})
}

// Somebody whom a reading lacks, while the run goes on, is on the list again after the next
// run, which is due.
func TestMirrorOfSegmentsThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	const rows = 300
	for name, lacking := range map[string]int64{"as they are sent": 2, "as they are subscribed": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{KeepBodies: true})
			whole := consenting(rows + 1)
			short := consenting(rows + 1)
			short.rows = slices.Delete(short.rows, 5, 6)
			e := w.subscribing("single_opt_in", consenting(rows), klaviyo.ChannelEmail)
			e.Mirror, e.Safeguards.MaxRemovedPercent = export.MirrorAll, 100
			if lacking == 2 {
				e.Subscription = nil
			}
			next(e, w.run(t, e))
			e.Segments[0].Source = &lacks{whole: whole, short: short, at: lacking}
			r := w.run(t, e)
			if r.Removed != 1 || r.Unsure == nil || r.Acknowledged != nil {
				t.Errorf("%d removed, unsure %v, acknowledged %t", r.Removed, r.Unsure, r.Acknowledged != nil)
			}
			next(e, r)
			e.Segments[0].Source = whole
			if r := w.run(t, e); !r.Everything || r.Removed != 0 || r.Unsure != nil {
				t.Errorf("everything %t, %d removed, unsure %v", r.Everything, r.Removed, r.Unsure)
			}
			w.checkMembers(t, addresses(rows+1))
		})
	}
}

// lacks is a segment that lacks a row when it is opened for a time, counted from 1.
type lacks struct {
	whole, short *table
	at           int64
	opened       atomic.Int64
}

func (l *lacks) Open(ctx context.Context, names []string) (segment.Rows, error) {
	if l.opened.Add(1) == l.at {
		return l.short.Open(ctx, names)
	}
	return l.whole.Open(ctx, names)
}

func (l *lacks) Version(context.Context) (string, error) { return "", nil }

// A removal that fails half-way fails the run, and the next one removes the rest.
func TestMirrorConverges(t *testing.T) {
	t.Parallel()
	race.SkipLarge(t)
	w := newEnv(t, simulator.Options{})
	source := people(40_000)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	source.rows = source.rows[2500:]
	w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 3, Status: http.StatusForbidden})
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "removed from the list") || !strings.Contains(err.Error(), "Apply again") {
		t.Fatalf("error %v", err)
	}
	if r := w.runMirror(t, e); r.Removed == 0 || r.Removed >= 2500 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, addresses(40_000)[2500:])
}

// Keys of another sketch than the values', as a state has that was edited, end in no panic
// while Klaviyo refuses somebody of a full send.
func TestMirrorWithKeysOfAnotherSalt(t *testing.T) {
	t.Parallel()
	race.SkipLarge(t)
	const rows = 20_000
	w := newEnv(t, simulator.Options{})
	source := people(rows)
	e := mirroring(w.export(source))
	w.runMirror(t, e)

	e.AcknowledgedKeys = sketch.New(sketch.Salt{2}, e.AcknowledgedKeys.Cells())
	for i := range source.rows {
		source.rows[i][3] = "changed"
	}
	w.FailEmail(address(3), "invalid", "Nobody wants them.")
	if r := w.runMirror(t, e); !r.Everything || r.Failed() != 1 || r.Removed != 0 {
		t.Errorf("everything %t, %d failed, %d removed", r.Everything, r.Failed(), r.Removed)
	}
	w.checkMembers(t, addresses(rows))
}

// Whom Klaviyo refuses after a change of all profiles, and has had before, is removed
// once they leave; whom it has never taken is no member of this export.
func TestMirrorKnowsTheRefusedOfAFullSend(t *testing.T) {
	t.Parallel()
	race.SkipLarge(t)
	const rows = 30_000
	w := newEnv(t, simulator.Options{})
	source := people(rows)
	e := mirroring(w.export(source))
	w.runMirror(t, e)

	source.rows = people(rows + 2).rows
	for i := range source.rows {
		source.rows[i][3] = "changed"
	}
	for _, i := range []int{3, 2100, rows} {
		w.FailEmail(address(i), "invalid", "Nobody wants them.")
	}
	w.AddMembers(w.listID, address(rows))
	if r := w.runMirror(t, e); !r.Everything || r.Failed() != 3 {
		t.Fatalf("everything %t, %d failed", r.Everything, r.Failed())
	}
	again := w.runMirror(t, e)
	checkSent(t, "of the refused", again, false, 1, 2, rows-1)

	left := func(row []string) bool { return slices.Contains([]string{address(3), address(rows)}, row[0]) }
	source.rows = slices.DeleteFunc(source.rows, left)
	if r := w.runMirror(t, e); r.Removed != 1 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, slices.DeleteFunc(addresses(rows+2), func(a string) bool { return a == address(3) }))
}

// The list may have two members of one mailbox, if a form has added one of them with
// the letters of its host name. This export has put the other one there.
func TestMirrorOfTwoSpellings(t *testing.T) {
	t.Parallel()
	const form, sent = "a@bücher.example", "a@xn--bcher-kva.example"
	for name, tc := range map[string]struct {
		scope    export.Mirror
		withdraw bool
		stays    []string
	}{
		"exported": {export.MirrorExported, false, []string{form}},
		"all":      {export.MirrorAll, false, nil},
		"destroy":  {export.MirrorExported, true, []string{form}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(20)
			w.AddMembers(w.listID, form)
			source.rows[0][0] = form
			e := mirroring(w.export(source))
			e.Mirror = tc.scope
			r := w.runMirror(t, e)
			w.checkMembers(t, append([]string{form, sent}, addresses(20)[1:]...))
			if r.Removed != 0 {
				t.Errorf("%d removed", r.Removed)
			}
			if tc.withdraw {
				if _, err := e.Withdraw(t.Context(), w.client); err != nil {
					t.Error(err)
				}
				w.checkMembers(t, tc.stays)
				return
			}
			source.rows = source.rows[1:]
			w.runMirror(t, e)
			w.checkMembers(t, append(tc.stays, addresses(20)[1:]...))
		})
	}
}
