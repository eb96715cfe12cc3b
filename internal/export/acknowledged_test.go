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

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

var countsPattern = regexp.MustCompile(`"(total|completed|failed)_count": ?(\d+|null)`)

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
		counts      string // of the job: total, completed and failed
		errors      string // of the import
		exported    int64
		reasons     string // of the failed, by code, and whether they failed for now
		unconfirmed int64
	}{
		"all":                                     {"10 10 0", nameless(0), 10, "", 0},
		"no counts, no errors":                    {"10 null null", nameless(0), 10, "", 0},
		"fewer, without a failure":                {"10 7 0", nameless(0), 7, "", 3},
		"fewer, and the failures are not known":   {"10 7 null", nameless(1), 7, "c 1 for now", 2},
		"none":                                    {"10 0 0", nameless(0), 0, "", 10},
		"failed, the completed are not known":     {"10 null 4", nameless(4), 6, "c 4 for now", 0},
		"failed, without a reason":                {"10 6 4", nameless(0), 6, "not_imported 4 for now", 0},
		"failed ones count, and are not counted":  {"10 10 null", named, 9, "c 1", 0},
		"failed ones count as completed":          {"10 10 1", named, 9, "c 1", 0},
		"two reasons for one nameless profile":    {"10 9 1", nameless(2), 9, "c 1 for now", 0},
		"a failure that is not counted":           {"10 null null", named, 9, "c 1", 0},
		"two are named, one is counted":           {"10 9 1", two, 8, "c 2", 0},
		"named, and counted as one":               {"10 9 1", named, 9, "c 1", 0},
		"more failures than profiles":             {"10 0 50", nameless(0), 0, "not_imported 10 for now", 0},
		"more errors than profiles":               {"10 null null", nameless(13), 0, "c 10 for now", 0},
		"more completed than there are profiles":  {"10 99 0", nameless(0), 10, "", 0},
		"negative":                                {"-10 -10 -1", nameless(0), 10, "", 0},
		"a total of fewer, and nothing else":      {"4 null null", nameless(0), 4, "", 6},
		"a total of fewer, of which none failed":  {"4 null 0", nameless(0), 4, "", 6},
		"a total of fewer, and a failure":         {"4 null null", named, 3, "c 1", 6},
		"a total of fewer, and all are completed": {"4 10 0", nameless(0), 10, "", 0},
		"a total of more":                         {"40 10 0", nameless(0), 10, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, simulator.Options{})
			proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/import-errors"):
					answer.Body = bytes.NewBufferString(tc.errors)
				case isPoll(r):
					counts := strings.Fields(tc.counts)
					answer.Body = bytes.NewBufferString(countsPattern.ReplaceAllStringFunc(answer.Body.String(), func(count string) string {
						name, _, _ := strings.Cut(count, ":")
						return name + ":" + counts[slices.Index([]string{`"total_count"`, `"completed_count"`, `"failed_count"`}, name)]
					}))
				}
			})
			w.client = newClient(t, proxy, impatient)
			r := w.runListing(t, w.export(people(rows)))
			var reasons []string
			for _, reason := range r.Refused.Reasons() {
				reasons = append(reasons, fmt.Sprint(reason.Code, " ", reason.Count))
			}
			for _, reason := range r.Untaken.Reasons() {
				reasons = append(reasons, fmt.Sprint(reason.Code, " ", reason.Count, " for now"))
			}
			slices.Sort(reasons)
			if got := strings.Join(reasons, ", "); r.Exported != tc.exported || r.Unconfirmed.Total() != tc.unconfirmed || got != tc.reasons {
				t.Errorf("%d exported, %d not confirmed, failed (%s); want %d, %d (%s)", r.Exported, r.Unconfirmed.Total(), got, tc.exported, tc.unconfirmed, tc.reasons)
			}
		})
	}
}
