package export_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

var countsPattern = regexp.MustCompile(`"(completed|failed)_count": ?(\d+|null)`)

// Exported is what the finished jobs acknowledge, whatever else Klaviyo says
// and however little that fits together.
func TestRunExportsWhatIsAcknowledged(t *testing.T) {
	t.Parallel()
	const rows = 10
	nameless := func(n int) string {
		one := `{"type":"import-error","id":"x","attributes":{"code":"c","title":"t","detail":"d","source":{"pointer":"/data"},"original_payload":null}}`
		return `{"data":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `],"links":{"next":null}}`
	}
	at := func(row int) string {
		return strings.ReplaceAll(nameless(1), `"/data"`, fmt.Sprintf(`"/data/attributes/profiles/data/%d/attributes/email"`, row))
	}
	two := strings.Replace(at(3), `],"links"`, ","+strings.TrimPrefix(at(4), `{"data":[`)[:len(at(4))-len(`{"data":[],"links":{"next":null}}`)]+`],"links"`, 1)
	named := strings.ReplaceAll(nameless(2), `"/data"`, `"/data/attributes/profiles/data/3/attributes/email"`)
	for name, tc := range map[string]struct {
		completed, failed string // counts of the job
		errors            string // of the import
		exported          int64
		reasons           string // by code
	}{
		"all":                                    {"10", "0", nameless(0), 10, ""},
		"no counts, no errors":                   {"null", "null", nameless(0), 10, ""},
		"fewer, without a failure":               {"7", "0", nameless(0), 7, "not_imported 3"},
		"fewer, and the failures are not known":  {"7", "null", nameless(1), 7, "c 1, not_imported 2"},
		"none":                                   {"0", "0", nameless(0), 0, "not_imported 10"},
		"failed, the completed are not known":    {"null", "4", nameless(4), 6, "c 4"},
		"failed ones count, and are not counted": {"10", "null", named, 9, "c 1"},
		"failed ones count as completed":         {"10", "1", named, 9, "c 1"},
		"two reasons for one nameless profile":   {"9", "1", nameless(2), 9, "c 1"},
		"a failure that is not counted":          {"null", "null", named, 9, "c 1"},
		"two are named, one is counted":          {"9", "1", two, 8, "c 2"},
		"named, and counted as one":              {"9", "1", named, 9, "c 1"},
		"more failures than profiles":            {"0", "50", nameless(0), 0, "not_imported 10"},
		"more errors than profiles":              {"null", "null", nameless(13), 0, "c 10"},
		"more completed than there are profiles": {"99", "0", nameless(0), 10, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/import-errors"):
					answer.Body = bytes.NewBufferString(tc.errors)
				case isPoll(r):
					answer.Body = bytes.NewBufferString(countsPattern.ReplaceAllStringFunc(answer.Body.String(), func(count string) string {
						if strings.HasPrefix(count, `"completed`) {
							return `"completed_count":` + tc.completed
						}
						return `"failed_count":` + tc.failed
					}))
				}
			})
			r, err := w.export(people(rows)).Run(t.Context(), newClient(t, proxy, 2), export.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			checkAccounting(t, r)
			var reasons []string
			for _, reason := range r.Refused.Reasons() {
				reasons = append(reasons, fmt.Sprint(reason.Code, " ", reason.Count))
			}
			slices.Sort(reasons)
			if got := strings.Join(reasons, ", "); r.Exported != tc.exported || r.Refused.Total != rows-tc.exported || got != tc.reasons {
				t.Errorf("%d exported, %d refused (%s); want %d (%s)", r.Exported, r.Refused.Total, got, tc.exported, tc.reasons)
			}
		})
	}
}
