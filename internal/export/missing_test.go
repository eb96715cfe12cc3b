package export_test

import (
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// Who is missing on the list is sent, with whom else the changes name, and nobody
// else.
func TestRunSendsWhoIsMissing(t *testing.T) {
	t.Parallel()
	const rows = 2500
	w := newEnv(t, simulator.Options{KeepBodies: true})
	source := people(rows)
	e := tracking(w.export(source))
	w.runOn(t, e)
	w.RemoveMembers(w.listID, address(3), address(1200), address(rows-1), address(40))
	w.Unsubscribe(w.listID, address(5))
	source.rows[40][3] = "changed"
	source.rows[41][3] = "changed"
	source.rows = append(source.rows, people(rows + 1).rows[rows])

	s, m, err := e.Compare(t.Context(), w.client)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Changes; !m.Listed || m.Missing != 4 || len(c.Added) != 1 || len(c.Updated) != 2 || len(c.Missing) != 4 {
		t.Fatalf("membership %+v, changes %+v", m, c)
	}
	if joining, sends := e.Joining(s), e.Sends(s); joining != 5 || sends != 6 {
		t.Errorf("%d join, %d are sent", joining, sends)
	}
	r, err := e.Run(t.Context(), w.client, export.RunOptions{Surveyed: s})
	if err != nil {
		t.Fatal(err)
	}
	checkSent(t, "after losses", r, false, 1, 5, rows-5)
	if sent := w.bodies(t); len(sent) != 2 || sent[1] != 6 {
		t.Errorf("imports of %v profiles", sent)
	}
	if _, m, err = e.Compare(t.Context(), w.client); err != nil || m.Missing != 0 || m.OptOuts.List != 1 {
		t.Errorf("membership %+v, %v", m, err)
	}
}

// If very many are missing, they are not listed.
func TestCompareListsNotTooMany(t *testing.T) {
	t.Parallel()
	w := newEnv(t, simulator.Options{})
	e := tracking(w.export(people(5001)))
	w.runOn(t, e)
	for i := range 5001 {
		w.RemoveMembers(w.listID, address(i))
	}
	s, m, err := e.Compare(t.Context(), w.client)
	if err != nil || m.Listed || m.Missing != 5001 || len(s.Changes.Missing) != 0 {
		t.Errorf("membership %+v, changes %+v, %v", m, s.Changes, err)
	}
	w.AddMembers(w.listID, address(0))
	if s, m, err = e.Compare(t.Context(), w.client); err != nil || !m.Listed || len(s.Changes.Missing) != 5000 {
		t.Errorf("membership %+v, %v", m, err)
	}
}
