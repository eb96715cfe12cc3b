package simulator

import "testing"

// Users name operations in faults: each has its own name.
func TestOperations(t *testing.T) {
	t.Parallel()
	all := Operations()
	if len(all) != len(operationIDs) {
		t.Errorf("%d operations, %d names", len(all), len(operationIDs))
	}
	seen := map[string]bool{}
	for _, o := range all {
		if o.ID == "" || seen[o.ID] {
			t.Errorf("%s %s has the name %q", o.Method, o.Path, o.ID)
		}
		seen[o.ID] = true
	}
}
