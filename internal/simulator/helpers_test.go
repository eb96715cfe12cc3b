package simulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const testKey = "pk_test_key"

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t *testing.T, options simulator.Options) *simulator.Server {
	t.Helper()
	s, err := simulator.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddKey(testKey)
	return s
}

// reply is an answer with its document decoded.
type reply struct {
	status int
	header http.Header
	text   string
	Data   json.RawMessage
	Links  map[string]any
	Errors []struct {
		ID, Code, Title, Detail string
		Status                  int
		Source                  struct{ Pointer, Parameter string }
		Links, Meta             map[string]any
	}
	Included []resource
}

type resource struct {
	Type, ID      string
	Attributes    map[string]any
	Relationships map[string]any
	Links         map[string]any
}

func (r reply) one(t *testing.T) resource {
	t.Helper()
	var found resource
	if err := json.Unmarshal(r.Data, &found); err != nil {
		t.Fatalf("status %d, %s: %v", r.status, r.text, err)
	}
	return found
}

func (r reply) all(t *testing.T) []resource {
	t.Helper()
	var found []resource
	if err := json.Unmarshal(r.Data, &found); err != nil {
		t.Fatalf("status %d, %s: %v", r.status, r.text, err)
	}
	return found
}

func (r reply) want(t *testing.T, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %.2000s", r.status, status, r.text)
	}
	return r
}

// refused checks for one error: its status, code and source.
func (r reply) refused(t *testing.T, status int, code, source string) {
	t.Helper()
	r.want(t, status)
	if len(r.Errors) == 0 {
		t.Fatalf("no errors in %s", r.text)
	}
	e := r.Errors[0]
	if e.Code != code || e.Source.Pointer+e.Source.Parameter != source {
		t.Errorf("error %q at %q, want %q at %q", e.Code, e.Source.Pointer+e.Source.Parameter, code, source)
	}
	if e.ID == "" || e.Title == "" || e.Detail == "" || e.Status != status || e.Links == nil || e.Meta == nil {
		t.Errorf("an error with gaps: %s", r.text)
	}
	if media := r.header.Get("Content-Type"); media != "application/vnd.api+json" {
		t.Errorf("Content-Type %q", media)
	}
}

// try sends a request; edit may change it before it goes.
func try(s *simulator.Server, method, path, body string, edit ...func(*http.Request)) (reply, error) {
	if !strings.HasPrefix(path, "http") {
		path = s.URL + path
	}
	request, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Authorization", "Klaviyo-API-Key "+testKey)
	request.Header.Set("revision", simulator.Revision)
	request.Header.Set("Accept", "application/vnd.api+json")
	request.Header.Set("Content-Type", "application/vnd.api+json")
	for _, change := range edit {
		change(request)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	answer := reply{status: response.StatusCode, header: response.Header, text: string(text)}
	if err == nil && strings.Contains(response.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}

func call(t *testing.T, s *simulator.Server, method, path, body string, edit ...func(*http.Request)) reply {
	t.Helper()
	answer, err := try(s, method, path, body, edit...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

func get(t *testing.T, s *simulator.Server, path string, query ...string) reply {
	t.Helper()
	return call(t, s, "GET", path+encode(query...), "")
}

// encode makes a query string of names and values by turns.
func encode(query ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// walk follows links.next to the end and returns the ids in order.
func walk(t *testing.T, s *simulator.Server, path string, query ...string) (ids []string, pages int) {
	t.Helper()
	for next := path + encode(query...); next != ""; pages++ {
		answer := call(t, s, "GET", next, "").want(t, 200)
		for _, one := range answer.all(t) {
			ids = append(ids, one.ID)
		}
		next, _ = answer.Links["next"].(string)
	}
	return ids, pages
}

func addresses(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("p%04d@example.com", i)
	}
	return all
}

// importBody is an import of rows to lists; a row is the attributes of a profile.
func importBody(rows []string, lists ...string) string {
	var profiles, refs []string
	for _, row := range rows {
		profiles = append(profiles, `{"type":"profile","attributes":`+row+`}`)
	}
	for _, id := range lists {
		refs = append(refs, `{"type":"list","id":"`+id+`"}`)
	}
	body := `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[` + strings.Join(profiles, ",") + `]}}`
	if refs != nil {
		body += `,"relationships":{"lists":{"data":[` + strings.Join(refs, ",") + `]}}`
	}
	return body + `}}`
}

func sendImport(t *testing.T, s *simulator.Server, rows []string, lists ...string) reply {
	t.Helper()
	return call(t, s, "POST", "/api/profile-bulk-import-jobs", importBody(rows, lists...))
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}
