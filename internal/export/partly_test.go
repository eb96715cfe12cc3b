package export_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A run says that it was sent partly if Klaviyo has accepted anything, wherever it
// fails, and not if nothing was sent.
func TestRunTellsThatItWasPartlySent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		faults []simulator.Fault
		partly bool
	}{
		"at the first import":        {[]simulator.Fault{{Method: http.MethodPost, Path: jobsPath, Status: http.StatusForbidden}}, false},
		"at the account":             {[]simulator.Fault{{Method: http.MethodGet, Path: "/api/accounts", Status: http.StatusForbidden}}, false},
		"while the jobs are polled":  {[]simulator.Fault{{Method: http.MethodGet, Path: jobsPath, Nth: 2, Status: http.StatusForbidden}}, true},
		"at an import that may have": {[]simulator.Fault{{Method: http.MethodPost, Path: jobsPath, DropAfter: true}, {Method: http.MethodPost, Path: jobsPath, Status: http.StatusForbidden}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			for _, f := range tc.faults {
				w.Inject(f)
			}
			_, err := w.export(people(20)).Run(t.Context(), w.client, export.RunOptions{})
			if err == nil {
				t.Fatal("the run did not fail")
			}
			if partly := errors.As(err, new(*export.PartlySent)); partly != tc.partly {
				t.Errorf("partly sent: %t (%v)", partly, err)
			}
		})
	}
}

// Whoever a run of changes was to send that failed has changed for the next run, even if
// the segment is again what it was; and who was added has left.
func TestPartlySentIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	source := people(100)
	source.rows[7][3] = "first"
	e := mirroring(w.export(source))
	w.runMirror(t, e)
	before := source.rows
	source.rows = append(slices.Clone(before), people(101).rows[100])
	source.rows[7] = slices.Clone(before[7])
	source.rows[7][3] = "changed"
	w.Inject(simulator.Fault{Method: http.MethodGet, Path: jobsPath, Nth: 2, Status: http.StatusForbidden})
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	var failed *export.PartlySent
	if !errors.As(err, &failed) || failed.Acknowledged == nil {
		t.Fatalf("error %v", err)
	}
	e.Acknowledged, e.AcknowledgedKeys, e.MayHaveJoined = failed.Acknowledged, failed.AcknowledgedKeys, failed.MayHaveJoined
	if s, err := e.Survey(t.Context()); err != nil || e.Joining(s) != 1 || len(s.Changes.Removed) != 0 {
		t.Errorf("%d join, %v", e.Joining(s), err)
	}

	source.rows = before

	// A full send that fails, too, does not forget who may have joined.
	joined := e.MayHaveJoined
	e.SendEverything = true
	w.Inject(simulator.Fault{Method: http.MethodGet, Path: jobsPath, Nth: 2, Status: http.StatusForbidden})
	if _, err = e.Run(t.Context(), w.client, export.RunOptions{}); !errors.As(err, &failed) || failed.Acknowledged != nil || !slices.Equal(failed.MayHaveJoined, joined) {
		t.Fatalf("error %v", err)
	}
	e.SendEverything = false

	r := w.runMirror(t, e)
	if checkSent(t, "after the failure", r, false, 0, 1, 99); r.Removed != 1 {
		t.Errorf("%d removed", r.Removed)
	}
	w.checkMembers(t, addresses(100))
	if p, _ := w.Profile(address(7)); p.Properties["text"] != "first" {
		t.Error("Klaviyo has the values of the run that failed")
	}
}
