package export_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

var removedLimit = []string{"safeguards", "max_removed_percent"}

const tooManyRemoved = "Too Many Members Would Be Removed"

// allEdited are people of whom all have another value than people has.
func allEdited(source *table) [][]string {
	for _, row := range source.rows {
		row[3] = "edited"
	}
	return source.rows
}

// Where the differences are too many to be listed, numbers alone tell that too many would be
// removed, before anything is sent.
func TestMirrorRefusesByNumbersAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scope     export.Mirror
		strangers int
		rows      func() [][]string
		says      []string
	}{
		"a collapse":           {export.MirrorExported, 0, func() [][]string { return allEdited(people(20)) }, []string{"At least 80 members", "80 % of its 100 members", "10 % are allowed"}},
		"strangers":            {export.MirrorExported, 20, func() [][]string { return allEdited(people(20)) }, []string{"At least 80 members", "66.7 % of its 120 members"}},
		"all may go":           {export.MirrorAll, 20, func() [][]string { return allEdited(people(20)) }, []string{"At least 100 members", "83.3 % of its 120 members"}},
		"everybody has edits":  {export.MirrorExported, 0, func() [][]string { return allEdited(people(85)) }, []string{"At least 15 members"}},
		"rows more than once":  {export.MirrorExported, 0, func() [][]string { return append(allEdited(people(20)), people(20).rows...) }, []string{"At least 80 members"}},
		"nobody whom it knows": {export.MirrorExported, 0, func() [][]string { return people(150).rows[100:] }, []string{"At least 50 members"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(100)
			e := mirroring(w.export(source))
			e.Mirror, e.Safeguards.MaxRemovedPercent = tc.scope, 10
			w.runMirror(t, e)
			w.AddMembers(w.listID, strangers(tc.strangers)...)
			source.rows = tc.rows()
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, removedLimit, tooManyRemoved, append(tc.says, "Nothing was sent")...)
			if len(w.imports()) != 1 || len(w.removals()) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

// Numbers alone refuse no run that removes few members, or none.
func TestMirrorIsNotRefusedByNumbers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		people  int
		limit   int64
		change  func(w *env, e *export.Export, source *table)
		unknown bool
	}{
		"those who left had opted out": {100, 10, func(w *env, _ *export.Export, source *table) {
			for i := range 40 {
				w.Unsubscribe(w.listID, address(i))
			}
			source.rows = allEdited(source)[40:]
		}, false},
		"upsert so far": {100, 10, func(_ *env, e *export.Export, source *table) {
			e.AcknowledgedKeys, source.rows = nil, allEdited(source)[80:]
		}, true},
		"too many strangers to find who left": {1000, 25, func(w *env, _ *export.Export, source *table) {
			w.AddMembers(w.listID, strangers(600)...)
			source.rows = source.rows[500:]
		}, true},
		"more people": {100, 10, func(_ *env, _ *export.Export, source *table) { source.rows = allEdited(people(130)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(tc.people)
			e := mirroring(w.export(source))
			e.Safeguards.MaxRemovedPercent = tc.limit
			w.runMirror(t, e)
			tc.change(w, e, source)
			if r := w.runMirror(t, e); r.Removed != 0 || !r.Everything || r.LeaversUnknown != tc.unknown {
				t.Errorf("%d removed, everything %t, unknown %t", r.Removed, r.Everything, r.LeaversUnknown)
			}
		})
	}
	t.Run("first run", func(t *testing.T) {
		t.Parallel()
		w := newEnv(t, simulator.Options{})
		w.AddMembers(w.listID, strangers(300)...)
		e := mirroring(w.export(people(100)))
		e.Safeguards.MaxRemovedPercent = 10
		if r := w.runMirror(t, e); r.Removed != 0 {
			t.Errorf("%d removed", r.Removed)
		}
	})
}

// A run that was refused when everything had been sent does not ask to apply again as things
// are, and the next one is refused before it sends anything.
func TestMirrorIsRefusedOnceMore(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]export.Mirror{"exported": export.MirrorExported, "all": export.MirrorAll} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(100)
			e := mirroring(w.export(source))
			e.Mirror, e.Safeguards.MaxRemovedPercent = scope, 10
			w.runMirror(t, e)
			source.rows = allEdited(people(150))[50:]
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, removedLimit, tooManyRemoved, "50 members of the list", "33.3 %", "All profiles were sent and Klaviyo had finished with them.")
			if strings.Contains(err.Error(), "pply again") || strings.Contains(err.Error(), "by then") || strings.Contains(err.Error(), "At least") {
				t.Errorf("error %v", err)
			}
			var u *export.UnfinishedRemoval
			if !errors.As(err, &u) || u.Left != 50 || u.Acknowledged == nil {
				t.Fatalf("%+v", u)
			}
			e.Acknowledged, e.AcknowledgedKeys, e.RemovalUnfinished, e.Leaving = u.Acknowledged, u.AcknowledgedKeys, !u.Listed, u.Leaving
			sent := len(w.imports())
			_, err = e.Run(t.Context(), w.client, export.RunOptions{})
			asError(t, err, removedLimit, tooManyRemoved, "At least 50 members", "33.3 % of its 150 members", "Nothing was sent")
			if len(w.imports()) != sent || len(w.removals()) != 0 {
				t.Error("something was sent")
			}
			e.Safeguards.MaxRemovedPercent = 34
			if r := w.runMirror(t, e); r.Removed != 50 {
				t.Errorf("%d removed where it is allowed", r.Removed)
			}
			w.checkMembers(t, addresses(150)[50:])
		})
	}
}
