package export_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// withdrawing is an export that has run, and knows whom it has put on the list.
func (w *env) withdrawing(t *testing.T, source *table) *export.Export {
	t.Helper()
	e := w.export(source)
	e.TrackChanges, e.KeepKeys = true, true
	w.runMirror(t, e)
	return e
}

// gone is a segment that cannot be read any more.
func (s *table) gone() {
	s.before = func(context.Context, int) error { return errors.New("the file is gone") }
}

// Whoever was exported is removed from the list, whether the segments can still be read or
// not, and whoever has left or joined them since. Others stay, and nobody is unsubscribed
// or deleted.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	const rows = 3000
	for name, tc := range map[string]struct {
		before    func(source *table)
		strangers int
	}{
		"unchanged":              {func(*table) {}, 2500},
		"some have left":         {func(s *table) { s.rows = s.rows[100:] }, 2500},
		"segment gone":           {(*table).gone, 60},
		"too much has changed":   {func(s *table) { s.rows = s.rows[:1] }, 60},
		"no row can be exported": {func(s *table) { s.columns = []string{"email", "phone", "n", "text", "more"} }, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(rows)
			e := w.withdrawing(t, source)
			w.AddMembers(w.listID, strangers(tc.strangers)...)
			w.AddMembers(w.listID, "new@example.com")
			source.rows = append(slices.Clone(source.rows), []string{"new@example.com", "", "", ""}) // was never exported
			w.RemoveMembers(w.listID, address(7))
			w.Unsubscribe(w.listID, address(8))
			tc.before(source)
			done, err := e.Withdraw(t.Context(), w.client)
			if err != nil || done.Removed != rows-2 {
				t.Fatalf("%d removed, %v", done.Removed, err)
			}
			w.checkMembers(t, append(strangers(tc.strangers), "new@example.com"))
			if _, ok := w.Profile(address(9)); !ok || len(w.imports()) != 1 || len(w.removals()) != 3 {
				t.Errorf("%d imports, %d removals", len(w.imports()), len(w.removals()))
			}
		})
	}
}

// Where nothing tells strangers from people of the export, nobody is removed.
func TestWithdrawOfUnknown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before    func(e *export.Export)
		strangers int
		says      string
	}{
		"too many strangers":           {func(*export.Export) {}, 400, "the segments cannot be read"},
		"no keys":                      {func(e *export.Export) { e.AcknowledgedKeys = nil }, 0, "the segments cannot be read"},
		"no sketches":                  {func(e *export.Export) { e.Acknowledged, e.AcknowledgedKeys = nil, nil }, 0, "does not tell what the last run has sent"},
		"changed too much and no keys": {func(e *export.Export) { e.AcknowledgedKeys, e.Segments[0].Source = nil, people(1) }, 0, "changed too much"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(1000)
			e := w.withdrawing(t, source)
			source.gone()
			w.AddMembers(w.listID, strangers(tc.strangers)...)
			tc.before(e)
			done, err := e.Withdraw(t.Context(), w.client)
			asError(t, err, []string{"on_destroy"}, "Not Known Whom The Export Put On The List", tc.says, `on_destroy = "keep"`, "Apply the export once more", "Nobody was removed from the list")
			if done.Removed != 0 || len(w.removals()) != 0 {
				t.Errorf("%d removed", done.Removed)
			}
		})
	}
}

// A list that is gone has no members; a key of another account is another matter.
func TestWithdrawFromAListThatIsGone(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.withdrawing(t, people(10))
	e.Destination.AccountID = "OtherA"
	_, err := e.Withdraw(t.Context(), w.client)
	asError(t, err, []string{"destination"}, "API Key Of Another Account", "Nobody was removed from the list")
	e.Destination.AccountID = accountID
	w.DeleteList(w.listID)
	if done, err := e.Withdraw(t.Context(), w.client); err != nil || done.Removed != 0 {
		t.Errorf("%d removed, %v", done.Removed, err)
	}
}

// Whatever fails or interrupts it, it goes on when it is done again.
func TestWithdrawGoesOn(t *testing.T) {
	t.Parallel()
	const rows = 9500
	for name, readable := range map[string]bool{"segment readable": true, "segment gone": false} {
		for how, interrupt := range map[string]bool{"failed": false, "interrupted": true} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{})
				source := people(rows)
				e := w.withdrawing(t, source)
				w.AddMembers(w.listID, strangers(30)...)
				if !readable {
					source.gone()
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				var seen atomic.Int32
				if interrupt {
					w.OnRequest(func(r *http.Request) {
						if r.Method == http.MethodDelete && seen.Add(1) == 6 {
							stop()
						}
					})
				} else {
					w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 6, Status: http.StatusForbidden})
				}
				done, err := e.Withdraw(ctx, w.client)
				if err == nil || !done.Begun || done.Removed == 0 || done.Removed >= rows || !strings.Contains(err.Error(), "Destroy again") {
					t.Fatalf("%d removed, %v", done.Removed, err)
				}
				if interrupt != strings.Contains(err.Error(), "Export Interrupted") {
					t.Error(err)
				}
				e.AcknowledgedKeys, e.Leaving = done.Left, done.Leaving
				if _, err := e.Withdraw(t.Context(), w.client); err != nil {
					t.Fatal(err)
				}
				w.checkMembers(t, strangers(30))
			})
		}
	}
}

// Whom a failed run may have put on the list is removed, too, whether the segments still
// have them or not.
func TestWithdrawAfterAFailedRun(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(source *table){
		"still there": func(*table) {},
		"left":        func(source *table) { source.rows = source.rows[:10] },
		"gone":        (*table).gone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			w.client = newClient(t, w.URL, -1)
			source := people(10)
			e := w.withdrawing(t, source)
			w.AddMembers(w.listID, strangers(5)...)
			source.rows = people(13).rows
			w.Inject(simulator.Fault{Method: http.MethodPost, DropAfter: true})
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			if !errors.As(err, new(*export.PartlySent)) {
				t.Fatalf("error %v", err)
			}
			keepFailed(e, err)
			w.checkMembers(t, slices.Concat(addresses(13), strangers(5)))
			change(source)
			if done, err := e.Withdraw(t.Context(), w.client); err != nil || done.Removed != 13 {
				t.Errorf("%d removed, %v", done.Removed, err)
			}
			w.checkMembers(t, strangers(5))
		})
	}
}

// Whom a mirror had not removed yet when it failed is removed as well.
func TestWithdrawAfterAnUnfinishedRemoval(t *testing.T) {
	t.Parallel()
	race.SkipLarge(t)
	for name, tc := range map[string]struct{ rows, left, changed int }{"listed": {40_000, 2_500, 0}, "all changed": {20_000, 8_500, 7_500}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(tc.rows)
			e := mirroring(w.export(source))
			e.KeepKeys = true
			w.runMirror(t, e)
			w.AddMembers(w.listID, strangers(30)...)
			source.rows = source.rows[tc.left:]
			for i := range tc.changed {
				source.rows[i][3] = "changed"
			}
			w.Inject(simulator.Fault{Method: http.MethodDelete, Nth: 2, Status: http.StatusForbidden})
			_, err := e.Run(t.Context(), w.client, export.RunOptions{})
			var u *export.UnfinishedRemoval
			if !errors.As(err, &u) || u.Listed != (tc.changed == 0) {
				t.Fatalf("error %v", err)
			}
			keepFailed(e, err)
			if _, err := e.Withdraw(t.Context(), w.client); err != nil {
				t.Fatal(err)
			}
			w.checkMembers(t, strangers(30))
		})
	}
}

// The keys are kept even if it is not known of everybody whether Klaviyo took them, so
// that whoever is on the list can still be told from strangers.
func TestKeysOfAnUnconfirmedRun(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(500)
	w.MiscountJobs(1, 3)
	e := w.withdrawing(t, source)
	if e.Acknowledged != nil || e.AcknowledgedKeys == nil {
		t.Fatal("the sketches are not those of a run that was not confirmed")
	}
	w.AddMembers(w.listID, strangers(10)...)
	if _, err := e.Withdraw(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	w.checkMembers(t, strangers(10))
}

// interruptedRun is an export of ten people to whom a run that was interrupted has sent
// three more, in a job that stays queued for an hour.
func (k *tracked) interruptedRun(t *testing.T) *export.Export {
	t.Helper()
	source := people(10)
	e := k.withdrawing(t, source)
	source.rows = people(13).saying("changed").rows
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	k.DelayJobs(1, time.Hour)
	k.OnRequest(func(r *http.Request) {
		if isPoll(r) {
			cancel()
		}
	})
	_, err := e.Run(ctx, k.client, export.RunOptions{})
	asError(t, err, nil, "Export Interrupted")
	keepFailed(e, err)
	k.client = newClient(t, k.URL, impatient) // as a new process would have
	return e
}

// onceAsked calls do when it is asked for unfinished jobs for a time, counted from 1.
func (k *tracked) onceAsked(time int32, do func()) {
	var asked atomic.Int32
	k.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == jobsPath && asksForUnfinished(r.URL.RawQuery) && asked.Add(1) == time {
			do()
		}
	})
}

// Klaviyo still does the jobs of a run that was interrupted. They would put everybody back
// on the list who was removed before.
func TestWithdrawWaitsForEarlierJobs(t *testing.T) {
	t.Parallel()
	k := newQuick(t)
	e := k.interruptedRun(t)
	k.AddMembers(k.listID, strangers(5)...)
	k.onceAsked(3, func() {
		if n := len(k.removals()); n != 0 {
			t.Errorf("%d removals before the earlier job is done", n)
		}
		k.ahead.Store(3600)
	})
	if done, err := e.Withdraw(t.Context(), k.client); err != nil || done.Removed != 13 {
		t.Errorf("%d removed, %v", done.Removed, err)
	}
	k.ahead.Store(2 * 3600) // by now Klaviyo has done everything
	k.checkMembers(t, strangers(5))
}

// Whoever is not patient enough learns what a destroy waits for.
func TestWithdrawThatWaitsCanBeInterrupted(t *testing.T) {
	t.Parallel()
	k := newQuick(t)
	e := k.interruptedRun(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	k.onceAsked(3, func() { cancel(errors.New("timeouts.delete of 20m is over")) })
	done, err := e.Withdraw(ctx, k.client)
	asError(t, err, nil, "Export Interrupted", "timeouts.delete of 20m is over.", "Nobody was removed from the list.",
		"It was waiting for 1 earlier import job to this list, which Klaviyo had not finished", "put people back on the list",
		"destroy again later", "raise timeouts", "The last of them expires at")
	if done.Begun || len(k.removals()) != 0 {
		t.Errorf("begun %t, %d removals", done.Begun, len(k.removals()))
	}
}

// What is not found may be a profile that was deleted or merged: the people are still on
// the list.
func TestWithdrawDoesNotTakeAMissingProfileForAMissingList(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.withdrawing(t, people(1500))
	w.Inject(simulator.Fault{
		Method: http.MethodDelete, Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/vnd.api+json"}},
		Body: `{"errors": [{"status": 404, "code": "not_found", "title": "Not found.", "detail": "A profile with id 01ABC does not exist."}]}`,
	})
	done, err := e.Withdraw(t.Context(), w.client)
	if err == nil || !done.Begun || !strings.Contains(err.Error(), "01ABC") {
		t.Errorf("%d removed, %v", done.Removed, err)
	}
	e.AcknowledgedKeys, e.Leaving = done.Left, done.Leaving
	if _, err := e.Withdraw(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	w.checkMembers(t, nil)
}

// A list that is deleted meanwhile is gone.
func TestWithdrawFromAListThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.withdrawing(t, people(1500))
	var once sync.Once
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodDelete {
			once.Do(func() { w.DeleteList(w.listID) })
		}
	})
	if _, err := e.Withdraw(t.Context(), w.client); err != nil {
		t.Error(err)
	}
}
