package export_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// spoil makes a row one that is rejected although its address is valid.
var spoil = map[string]func(e *export.Export, row []string){
	"not UTF-8": func(_ *export.Export, row []string) { row[3] = "caf\xe9" },
	"external id too long": func(e *export.Export, row []string) {
		e.Mapping.ExternalID, row[3] = "text", strings.Repeat("1", 256)
	},
	"too large": func(_ *export.Export, row []string) { row[3] = strings.Repeat("x", profile.MaxSize) },
	"invalid property": func(e *export.Export, row []string) {
		e.Mapping.Properties["n"] = profile.Property{Column: "n", Type: profile.Number, OnInvalid: profile.RejectRow}
		row[2] = "many"
	},
}

// Whoever has a row in the segments stays on the list, though the row is rejected.
func TestMirrorKeepsWhoseRowIsRejected(t *testing.T) {
	t.Parallel()
	for cause, spoil := range spoil {
		for name, scope := range map[string]export.Mirror{"exported": export.MirrorExported, "all": export.MirrorAll} {
			t.Run(cause+", "+name, func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{})
				source := people(500)
				e := mirroring(w.export(source))
				e.Mirror = scope
				spoil(e, slices.Clone(source.rows[0])) // so that the mapping is the same all the time
				w.runMirror(t, e)
				spoil(e, source.rows[0])
				e.Safeguards.MaxRemovedPercent = 0
				s, err := e.Survey(t.Context())
				if err != nil || len(s.Changes.Removed) != 0 || s.RejectedPeople != 1 {
					t.Fatalf("%+v, %v", s, err)
				}
				for range 2 {
					if r := w.runMirror(t, e); r.Removed != 0 || r.Left != 0 || r.Rejected.Total != 1 || r.LeaversUnknown {
						t.Errorf("%d removed, %d left, %d rejected", r.Removed, r.Left, r.Rejected.Total)
					}
					w.checkMembers(t, addresses(500))
				}
				_, m, err := e.Compare(t.Context(), w.client)
				if err != nil || m.Strangers != 0 || m.Missing != 0 || m.Members != 500 {
					t.Errorf("membership %+v, %v", m, err)
				}
			})
		}
	}
}

// Once a rejected row is put right, its profile has changed and is not new; once it is
// gone, its person is removed. That holds whatever the run sends in which the row is rejected.
func TestMirrorAfterARejectedRow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		everything bool // is sent while the row is rejected
		changed    int  // rows that change then
		joined     int  // and that are new
		strangers  int
		segments   bool // are a property
	}{
		"listed":                     {},
		"other segments":             {segments: true},
		"another size":               {joined: 10},
		"everything":                 {everything: true},
		"too many":                   {changed: 400},
		"too many, another size":     {changed: 400, joined: 10},
		"too many, strangers":        {changed: 400, strangers: 20},
		"too many, and the segments": {changed: 400, segments: true},
	} {
		for then, left := range map[string]bool{"left": true, "put right": false} {
			t.Run(name+", "+then, func(t *testing.T) {
				t.Parallel()
				const rows = 2000
				w := newEnv(t, simulator.Options{})
				salts := byte(0)
				source := people(rows)
				e := mirroring(w.export(source))
				e.NewSalt = func() sketch.Salt { salts++; return sketch.Salt{salts} }
				if tc.segments {
					e.SegmentProperty = "segments"
				}
				w.runMirror(t, e)
				w.AddMembers(w.listID, append(strangers(tc.strangers), "rejected@example.com")...)
				source.rows = people(rows + tc.joined).rows
				for _, row := range source.rows[10 : 10+tc.changed] {
					row[3] = "changed"
				}
				text := source.rows[0][3]
				source.rows[0][3] = "\xff"
				source.rows = append(source.rows, []string{"rejected@example.com", "", "1", "\xff"}) // was never exported
				e.SendEverything = tc.everything
				if r := w.runMirror(t, e); r.Removed != 0 || r.LeaversUnknown || r.Everything != (tc.everything || tc.changed > 0) {
					t.Fatalf("%d removed, everything %t", r.Removed, r.Everything)
				}
				e.SendEverything = false
				total := rows + tc.joined
				members := slices.Concat(addresses(total), strangers(tc.strangers), []string{"rejected@example.com"})
				w.checkMembers(t, members)
				source.rows = source.rows[:total]
				if !left {
					source.rows[0][3] = text
					checkSent(t, "put right", w.runMirror(t, e), false, 0, 1, int64(total-1))
					w.checkMembers(t, members)
					return
				}
				source.rows = source.rows[1:]
				if r := w.runMirror(t, e); r.Removed != 1 || r.Left != 1 {
					t.Errorf("%d removed, %d left", r.Removed, r.Left)
				}
				w.checkMembers(t, members[1:])
			})
		}
	}
}

// A good row of the same person makes a profile, before a rejected row or behind it.
func TestMirrorWithARejectedRowBesideAGoodOne(t *testing.T) {
	t.Parallel()
	bad := []string{"P0@Example.com", "", "1", "\xff"}
	for name, at := range map[string]int{"before": 0, "behind": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(20)
			e := mirroring(w.export(source))
			w.runMirror(t, e)
			source.rows = slices.Insert(source.rows, at, bad)
			r := w.runMirror(t, e)
			checkSent(t, "beside", r, false, 0, 0, 20)
			if r.Rejected.Total != 1 || r.Removed != 0 || r.RejectedPeople != 0 {
				t.Errorf("%d rejected, %d removed, %d people", r.Rejected.Total, r.Removed, r.RejectedPeople)
			}
			source.rows = people(20).rows[1:]
			if r := w.runMirror(t, e); r.Removed != 1 {
				t.Errorf("%d removed", r.Removed)
			}
			w.checkMembers(t, addresses(20)[1:])
		})
	}
}

// With only_consented, a rejected row does not keep who says no in another one.
func TestMirrorWithARejectedRowBesideOneWithoutConsent(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(20).saying("yes")
	e := mirroring(w.export(source))
	delete(e.Mapping.Properties, "text")
	e.Mapping.Properties["n"] = profile.Property{Column: "n"}
	e.Mapping.Consent = &profile.ConsentMapping{Column: "text", Only: true}
	w.runMirror(t, e)
	source.rows[0][3] = "no"
	source.rows[1][2] = "\xff"
	source.rows = append(source.rows, []string{address(0), "", "\xff", "yes"})
	if r := w.runMirror(t, e); r.Removed != 1 || r.Rejected.Total != 2 || r.RejectedPeople != 1 {
		t.Errorf("%d removed, %d rejected, %d people", r.Removed, r.Rejected.Total, r.RejectedPeople)
	}
	w.checkMembers(t, addresses(20)[1:])
}

// A destroy removes whom the export has put on the list, though their rows are rejected.
func TestWithdrawOfWhoseRowIsRejected(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		runs int  // while the row is rejected
		gone bool // the segment cannot be read in the end
	}{"since the last run": {0, false}, "in the last run": {1, false}, "in the last two runs": {2, false}, "then gone": {2, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(300)
			e := w.withdrawing(t, source)
			w.AddMembers(w.listID, append(strangers(5), "rejected@example.com")...)
			source.rows[0][3] = "\xff"
			source.rows = append(source.rows, []string{"rejected@example.com", "", "1", "\xff"})
			for range tc.runs {
				w.runMirror(t, e)
			}
			if tc.gone {
				source.gone()
			}
			if done, err := e.Withdraw(t.Context(), w.client); err != nil || done.Removed != 300 {
				t.Errorf("%d removed, %v", done.Removed, err)
			}
			w.checkMembers(t, append(strangers(5), "rejected@example.com"))
		})
	}
}

// Whom a failed run may have put on the list, and whose row is rejected since, stays, and
// is removed later.
func TestRejectedRowAfterAFailedRun(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.client = newClient(t, w.URL, -1)
	source := people(10)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	source.rows = people(13).rows
	w.Inject(simulator.Fault{Method: "POST", DropAfter: true})
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	keepFailed(e, err)
	source.rows[12][3] = "\xff"
	if r := w.runMirror(t, e); r.Removed != 0 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, addresses(13))
	e.MayHaveJoined = nil
	source.rows = source.rows[:12]
	if r := w.runMirror(t, e); r.Removed != 1 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, addresses(12))
}

// The numbers alone do not take people of rejected rows for people who left.
func TestCheckLeavingCountsRejectedPeople(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]export.Mirror{"exported": export.MirrorExported, "all": export.MirrorAll} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(2000)
			e := mirroring(w.export(source))
			e.Mirror, e.Safeguards.MaxRemovedPercent = scope, 10
			w.runMirror(t, e)
			for _, row := range source.rows[:1000] { // too many to be listed
				row[3] = "\xff"
			}
			for _, row := range source.rows[1000:] {
				row[3] = "changed"
			}
			if r := w.runMirror(t, e); r.Removed != 0 || !r.Everything || r.RejectedPeople != 1000 {
				t.Errorf("%d removed, everything %t, %d people", r.Removed, r.Everything, r.RejectedPeople)
			}
			w.checkMembers(t, addresses(2000))
			source.rows = source.rows[5:]
			if r := w.runMirror(t, e); r.Removed != 5 || r.LeaversUnknown {
				t.Errorf("%d removed", r.Removed)
			}
		})
	}
}

// That holds for a row that its source cannot read, too, if the source tells whose it is.
func TestMirrorKeepsWhoseRowIsUnreadable(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(20)
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	source.before = func(_ context.Context, row int) error {
		bad := &segment.RowError{Code: segment.CodeUnreadableValue, Problem: "has a NUL byte"}
		switch row {
		case 0:
			return bad.With([]string{address(0), "", "", ""})
		case 1:
			return bad // is of somebody, nobody knows of whom
		}
		return nil
	}
	if r := w.runMirror(t, e); r.Removed != 1 || r.Rejected.Total != 2 {
		t.Errorf("%d removed, %d rejected", r.Removed, r.Rejected.Total)
	}
	w.checkMembers(t, append(addresses(20)[2:], address(0)))
}
