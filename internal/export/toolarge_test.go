package export_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// A profile that is too large by itself is one row that is not exported. The
// others are.
func TestRunLeavesOutAProfileThatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	large := []int{5, 13, 14, 16, 18} // more than there may be where nothing is small enough
	proxy := newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		body, _ := io.ReadAll(r.Body)
		if slices.ContainsFunc(large, func(i int) bool { return bytes.Contains(body, []byte(`"`+address(i)+`"`)) }) {
			rw.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		replay(rw, record(next, r))
	})
	r, err := w.export(people(20)).Run(t.Context(), newClient(t, proxy, 2), export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounting(t, r)
	var small []string
	var rows []export.Row
	for i := range 20 {
		if slices.Contains(large, i) {
			rows = append(rows, export.Row{Segment: "s1", Number: int64(i + 1)})
		} else {
			small = append(small, address(i))
		}
	}
	w.checkMembers(t, small)
	if len(r.Refused.Reasons()) != 1 || r.Refused.Total != 5 || r.Exported != 15 {
		t.Fatalf("result %+v", r)
	}
	reason := r.Refused.Reasons()[0]
	if reason.Code != string(profile.ProfileTooLarge) || !slices.Equal(reason.First, rows) {
		t.Errorf("reason %+v", reason)
	}
}

// Where nothing is small enough the rows are not to blame, and the run does not
// go through all of them.
func TestRunGivesUpWhereEverythingIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.Inject(simulator.Fault{Method: "POST", Times: -1, Status: 413})
	_, err := w.export(people(64)).Run(t.Context(), w.client, export.RunOptions{})
	asError(t, err, nil, "Every Import Is Too Large", "413", "bytes (row 4 of segment \"s1\")", "proxy")
	if n := len(w.imports()); n > 12 {
		t.Errorf("%d imports", n)
	}
}
