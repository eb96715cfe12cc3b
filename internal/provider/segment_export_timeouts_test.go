package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// A database that does not answer ends a plan when its time is up, and the
// statement ends with it.
func TestAccSegmentExport_readTimeout(t *testing.T) {
	t.Parallel()
	sleep := map[string]string{"postgres": "SELECT pg_sleep(60)::text AS email", "mysql": "SELECT SLEEP(60) AS email"}
	running := map[string]string{
		"postgres": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
		"mysql":    "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
	}
	onEachServer(t, func(t *testing.T, w *env, db *sqltest.Database) {
		config := w.export(threeCSV).
			with(exportBlock, "segment", sqlSegment(fmt.Sprintf("url = %q", hclText(db.URL())), fmt.Sprintf("query = %q", sleep[db.Scheme]))).
			with(exportBlock, "data_matching", `{ email = "email" }`).
			without(exportBlock, "attributes").
			with(exportBlock, "timeouts", `{ read = "5s" }`)
		w.run(refused(config, "Time Is Up", `name = "vip"`, `timeouts.read of 5s is over, and segment "vip" was still being read.`,
			"Nothing was sent", "Look at the database", "raise timeouts.read"))
		w.wantImports(0)
		for deadline := time.Now().Add(time.Minute); db.Value(running[db.Scheme]) != "0"; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a statement is left on the server")
			}
		}
	})
}

// The time for a plan is also that for what it asks Klaviyo.
func TestAccSegmentExport_readTimeoutOfKlaviyo(t *testing.T) {
	concurrent(t)
	t.Parallel()
	w := newEnv(t)
	w.OnRequest(func(r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/lists") {
			<-r.Context().Done()
		}
	})
	w.run(refused(w.export(threeCSV).with(exportBlock, "timeouts", `{ read = "5s" }`),
		"Time Is Up", "timeouts.read of 5s is over, and the list was still being read.", "Klaviyo may be slow to answer", "raise timeouts.read"))
	w.wantImports(0)
}

// silentServer serves a segment until it is switched to give no answer.
type silentServer struct {
	*httptest.Server

	mu      sync.Mutex
	silent  bool
	once    bool // silent until the first client has given up
	ignored int  // requests that got no answer
}

func newSilentServer(t *testing.T) *silentServer {
	t.Helper()
	s := &silentServer{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements [http.Handler].
func (s *silentServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	silent := s.silent
	if silent {
		s.ignored++
	}
	s.mu.Unlock()
	if silent {
		<-r.Context().Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.silent = s.silent && !s.once
		return
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(threeCSV))
}

func (s *silentServer) hush(once bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent, s.once, s.ignored = true, once, 0
}

// speak ends the silence and returns how many requests it has swallowed.
func (s *silentServer) speak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = false
	return s.ignored
}

// A source that falls silent after it was exported is waited for once, not by
// the refresh and again by the plan. Where only the refresh looks, it warns.
func TestAccSegmentExport_readTimeoutOfARefresh(t *testing.T) {
	t.Parallel()
	w, s := newEnv(t), newSilentServer(t)
	config := w.export(threeCSV).
		with(exportBlock, "segment", fileSegment(s.URL+"/vip.csv")).
		with(exportBlock, "timeouts", `{ read = "5s" }`)
	c := newCLI(t, config)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	const message = `timeouts.read of 5s is over, and segment "vip" was still being read.`

	s.hush(false)
	c.fail("Time Is Up", "plan", "-no-color", "-input=false")
	once := s.speak()
	s.hush(false)
	c.run(message, "plan", "-no-color", "-input=false", "-refresh-only")
	if refreshing := s.speak(); refreshing == 0 || once != refreshing {
		t.Errorf("a refresh and a plan wait for %d requests, a refresh alone for %d", once, refreshing)
	}
	c.run("No changes", "plan", "-no-color", "-input=false")
	w.wantImports(1)
}

// A plan that may take longer than the refresh did looks for itself.
func TestAccSegmentExport_readTimeoutRaised(t *testing.T) {
	t.Parallel()
	w, s := newEnv(t), newSilentServer(t)
	config := w.export(threeCSV).
		with(exportBlock, "segment", fileSegment(s.URL+"/vip.csv")).
		with(exportBlock, "timeouts", `{ read = "5s" }`)
	c := newCLI(t, config)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")

	s.hush(true)
	c.write("main.tf", strings.Replace(c.read("main.tf"), `read = "5s"`, `read = "10m"`, 1))
	c.run("1 to change", "plan", "-no-color", "-input=false")
	if s.speak() == 0 {
		t.Error("the refresh was answered")
	}
}

// An export whose state was written before there was timeouts.read is as it was.
func TestAccSegmentExport_stateWithoutReadTimeout(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, w.export(threeCSV).with(exportBlock, "timeouts", `{ create = "2h" }`))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	state := c.read("terraform.tfstate")
	older := regexp.MustCompile(`"read": ?null,`).ReplaceAllString(state, "")
	if older == state {
		t.Fatalf("the state holds no timeouts.read:\n%s", state)
	}
	c.write("terraform.tfstate", older)
	c.run("No changes", "plan", "-no-color", "-input=false")
}
