package export_test

import (
	"net/http"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A list that has fewer members than profiles were acknowledged is short, unless it is
// because people opted out, before the run or since.
func TestRunFindsAShortList(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		optOuts export.OptOuts
		lose    []string // are removed from the list at the end of the second run
		want    int64
	}{
		"opted out":                            {export.WithholdOptOuts, nil, 0},
		"opted out, and lost":                  {export.WithholdOptOuts, []string{address(1), address(2)}, 2},
		"lost, where opt-outs are ignored":     {export.IgnoreOptOuts, []string{address(1)}, 2},
		"opted out of everything is no reason": {export.WithholdListOptOuts, []string{address(1)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			source := people(10)
			e := tracking(w.export(source))
			e.OptOuts = tc.optOuts
			if r := w.runOn(t, e); r.Short != 0 {
				t.Errorf("after the first run the list is short by %d", r.Short)
			}
			w.Unsubscribe(w.listID, "stranger@example.com")
			w.Unsubscribe(w.listID, address(8)) // has changed, so the run withholds it
			source.rows[8][3] = "changed"
			w.RemoveMembers(w.listID, address(9)) // has not, so the run does not look
			w.SuppressEverything(address(9), "UNSUBSCRIBE")
			w.OnRequest(func(r *http.Request) {
				if r.URL.Query().Has("additional-fields[list]") {
					w.RemoveMembers(w.listID, tc.lose...)
				}
			})
			if r := w.runOn(t, e); r.Everything || r.Short != tc.want {
				t.Errorf("short by %d, want %d: %+v", r.Short, tc.want, r)
			}
		})
	}
}
