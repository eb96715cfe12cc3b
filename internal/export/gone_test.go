package export_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A list that is deleted once everybody has arrived, and before its members are
// counted, leaves nobody exported to anywhere.
func TestRunWhoseListIsDeletedInTheEnd(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	w.OnRequest(func(r *http.Request) {
		if r.URL.Query().Has("additional-fields[list]") {
			w.DeleteList(w.listID)
		}
	})
	r, err := w.export(people(3)).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"list_id"}, "List Not Found", w.listID, "All profiles were sent")
	if !klaviyo.IsNotFound(err) || strings.Contains(err.Error(), "othing was sent") {
		t.Errorf("error %v", err)
	}
	if r != nil || len(w.imports()) != 1 {
		t.Errorf("%d imports, result %+v", len(w.imports()), r)
	}
}

// A list that is deleted before members are removed from it is named, and the error does not
// ask to apply again as things are.
func TestRunWhoseListIsDeletedBeforeTheRemoval(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := tracking(w.export(people(40)))
	e.Mirror, e.Safeguards.MaxRemovedPercent = export.MirrorExported, 50
	w.runMirror(t, e)
	e.Segments[0].Source = people(30)
	w.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodDelete {
			w.DeleteList(w.listID)
		}
	})
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"list_id"}, "List Not Found", w.listID, "0 members were removed from the list", "Once this is put right, apply again")
}

// Klaviyo says of a list that is not there that its flows are not found.
func TestCheckFlowsOfAListThatIsGone(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := w.export(people(3))
	looked := 0
	w.OnRequest(func(r *http.Request) {
		if r.URL.Query().Get("include") == "flow-triggers" {
			if looked++; looked == 2 { // the first makes sure that the list is there
				w.DeleteList(w.listID)
			}
		}
	})
	_, err := e.Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, []string{"list_id"}, "List Not Found", w.listID)
	if n := len(w.imports()); n != 0 {
		t.Errorf("%d imports", n)
	}
	err = e.CheckFlows(t.Context(), w.client, 3)
	asError(t, err, []string{"list_id"}, "List Not Found", w.listID)
	if !klaviyo.IsNotFound(err) {
		t.Errorf("%v hides Klaviyo's answer", err)
	}
}
