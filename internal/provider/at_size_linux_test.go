//go:build atsize

package provider

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// troubles are the faults of one request that every apply meets.
var troubles = []simulator.Fault{
	{Status: 429, Header: http.Header{"Retry-After": {"0"}}},
	{Status: 500, Header: http.Header{"Retry-After": {"0"}}, Body: `{"errors":[{"code":"error","title":"A server error occurred."}]}`},
	{Status: 503, Header: http.Header{"Retry-After": {"0"}}, Body: "<html>"},
	{DropBefore: true},
	{DropAfter: true},
	{Truncate: true},
	{Status: 200},
	{Delay: 50 * time.Millisecond, Truncate: true},
}

// TestAccAtSize runs the provider, built with the race detector, as users do: a mirror of
// several batches, on a list of many pages, with every kind of trouble.
func TestAccAtSize(t *testing.T) {
	t.Parallel()
	if !race.Enabled {
		t.Fatal("this test is to run under the race detector: make test-cli")
	}
	concurrent(t)
	for name, env := range map[string][]string{"without a log": nil, "with a log": {"TF_LOG=TRACE"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newSizeTrial(t, env...).run()
		})
	}
}

// sizeTrial is an export at size, and what is looked for in all that it writes.
type sizeTrial struct {
	*env
	c     *cli
	races string // the folder of the reports of the race detector
}

const (
	sizePeople    = 16_000
	sizeLeavers   = 200
	sizeJoiners   = 300
	sizeStrangers = 3000
)

func newSizeTrial(t *testing.T, env ...string) *sizeTrial {
	t.Helper()
	s := &sizeTrial{env: newEnvWith(t, simulator.Options{QueueDelay: 20 * time.Millisecond, ProcessDelay: 20 * time.Millisecond}), races: t.TempDir()}
	t.Cleanup(s.wantNoRaces) // also after the failure of the apply that a race has ended
	s.AddMembers(s.list.ID, strangersOf(sizeStrangers)...)
	config := s.mirroring(peopleRows(0, sizePeople)).
		with(exportBlock, "membership_check", `"full"`).
		without(providerBlock, "api_key")
	s.c = newCLI(t, config, append([]string{envAPIKey + "=" + mainKey, "GORACE=halt_on_error=1 log_path=" + filepath.Join(s.races, "race")}, env...)...)
	return s
}

func strangersOf(n int) (emails []string) {
	for i := range n {
		emails = append(emails, fmt.Sprintf("stranger%d@example.com", i))
	}
	return emails
}

func (s *sizeTrial) run() {
	s.trouble(0, laterImport)
	s.FailEmail(emailOf(7), "invalid", "Email is blocked")
	s.CancelJobs(3) // one or more of which the run knows: the answers of some are lost
	s.c.fail("Klaviyo Cancelled Imports", append([]string{"apply", "-auto-approve"}, quiet...)...)
	s.check()

	s.trouble(5, laterImport)
	s.FailForNow(500, 2)
	s.apply("Profiles That Klaviyo Refused")
	s.wantTroubled()
	s.want(0, sizePeople)

	s.trouble(3, removal) // at other requests
	s.segment(peopleHeader + peopleRows(sizeLeavers, sizePeople+sizeJoiners))
	s.apply("Apply complete")
	s.wantTroubled()
	s.want(sizeLeavers, sizePeople+sizeJoiners)

	revoked := false
	s.OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && !revoked {
			revoked = true
			s.RevokeKey(mainKey)
		}
	})
	s.segment(strings.ReplaceAll(peopleHeader+peopleRows(sizeLeavers, sizePeople+sizeJoiners), ",P", ",Q")) // everything is sent
	s.c.fail("API Key Refused", append([]string{"apply", "-auto-approve"}, quiet...)...)
	s.check()
	s.AddKey(mainKey)
	s.apply("Apply complete")
	s.want(sizeLeavers, sizePeople+sizeJoiners)
	s.wantFirstName(emailOf(sizePeople), fmt.Sprint("Q", sizePeople))
	s.c.terraformRun("No changes", "plan")
	s.check()
}

// Requests that not every apply makes.
var (
	laterImport = simulator.Fault{Method: http.MethodPost, Path: importsPath, Nth: 2}
	removal     = simulator.Fault{Method: http.MethodDelete}
)

// trouble has two requests of each kind, and of the others given, meet the troubles from
// the first one on.
func (s *sizeTrial) trouble(first int, others ...simulator.Fault) {
	paths := append([]simulator.Fault{
		{Path: "/api/accounts"},
		{Path: "/api/list[s]"},
		{Path: "/api/profiles"},
		{Path: "/api/lists/*/profiles", Nth: 5},
		{Method: http.MethodPost, Path: importsPath},
		{Method: http.MethodGet, Path: importsPath, Nth: 3},
	}, others...)
	for i, at := range paths {
		for j := range 2 {
			fault := troubles[(first+i+j*3)%len(troubles)]
			fault.Method, fault.Path, fault.Nth = at.Method, at.Path, at.Nth+j
			s.Inject(fault)
		}
	}
}

// wantTroubled fails with the faults that no request has met.
func (s *sizeTrial) wantTroubled() {
	s.t.Helper()
	for _, fault := range s.Pending() {
		s.t.Errorf("no request has met the fault %+v", fault)
	}
}

func (s *sizeTrial) apply(words string) {
	s.t.Helper()
	s.c.terraformRun(words, "apply", "-auto-approve")
	s.check()
}

// want checks who is on the list: the people of the segment but the one whom Klaviyo does
// not take, and the strangers.
func (s *sizeTrial) want(from, to int) {
	s.t.Helper()
	want := strangersOf(sizeStrangers)
	for number := from; number < to; number++ {
		if number != 7 {
			want = append(want, emailOf(number))
		}
	}
	s.wantMembers(want...)
}

// wantNoRaces fails with what the race detector has found in the provider.
func (s *sizeTrial) wantNoRaces() {
	s.t.Helper()
	reports, err := filepath.Glob(filepath.Join(s.races, "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, report := range reports {
		text, err := os.ReadFile(report)
		s.t.Errorf("the race detector reports, %v:\n%s", err, text)
	}
}

var (
	crashed  = regexp.MustCompile(`(?i)did not respond|plugin crashed|panic:|fatal error:|DATA RACE|failed to exit gracefully`)
	personal = regexp.MustCompile(`(?i)\b(p|stranger)\d+(@|%40)example`)
)

// check looks for what must not be in anything that was written, and for a provider that
// has outlived Terraform.
func (s *sizeTrial) check() {
	s.t.Helper()
	s.c.wantNoProvider()
	out := decoded(s.c.output.String())
	for what, pattern := range map[string]*regexp.Regexp{"a crash": crashed, "an address": personal, "the key": regexp.MustCompile(strings.TrimPrefix(mainKey, "pk_"))} {
		if at := pattern.FindStringIndex(out); at != nil {
			s.t.Fatalf("the output holds %s: ...%s...", what, out[max(at[0]-500, 0):min(at[1]+1500, len(out))])
		}
	}
	s.c.output.Reset() // a log is long, and is searched once
}
