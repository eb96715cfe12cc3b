package export_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

var createdPattern = regexp.MustCompile(`"created_at":"[^"]*",`)

// A job of which nobody knows when it was created need not be old: those before
// it are looked through, too.
func TestRunFindsItsJobAmongThoseWithoutATime(t *testing.T) {
	t.Parallel()
	for _, created := range []string{``, `"created_at":null,`, `"created_at":"",`, `"created_at":"just now",`} {
		for others, want := range map[int][]string{0: {"jobs"}, 150: {"jobs", "more jobs"}} {
			t.Run(fmt.Sprint(created, " behind ", others), func(t *testing.T) {
				t.Parallel()
				w := newEnv(t, simulator.Options{})
				proxy := newEditor(t, w, func(r *http.Request, answer *httptest.ResponseRecorder) {
					if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, jobsPath) {
						if isPoll(r) && !createdPattern.Match(answer.Body.Bytes()) {
							t.Errorf("there is nothing to take out of %s", answer.Body)
						}
						answer.Body = bytes.NewBuffer(createdPattern.ReplaceAllLiteral(answer.Body.Bytes(), []byte(created)))
					}
				})
				var once sync.Once
				w.OnRequest(func(r *http.Request) {
					if isPoll(r) { // so the job is there
						once.Do(func() { w.AddJobs(others) })
					}
				})
				r, err := w.export(people(50)).Run(t.Context(), newClient(t, proxy, impatient), export.RunOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if checkAccounting(t, r); r.Jobs != 1 || r.Exported != 50 {
					t.Errorf("result %+v", r)
				}
				if got := w.looks(); !slices.Equal(got, want) {
					t.Errorf("asks for %q, want %q", got, want)
				}
			})
		}
	}
}
