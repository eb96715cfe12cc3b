package klaviyo_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

const (
	testKey = "pk_0123456789abcdef_test"

	// basePath is not the root, so that a path that forgets it fails its test.
	basePath = "/proxy/klaviyo"

	listBody = `{"data":{"type":"list","id":"Y6nRLr","attributes":{"name":"VIP","opt_in_process":"double_opt_in","created":"2026-01-02T03:04:05+00:00","updated":"2026-02-03T04:05:06+00:00","profile_count":17}}}`
	jobBody  = `{"data":{"type":"profile-bulk-import-job","id":"job-1","attributes":{"status":"queued","failed_count":null}}}`
)

// received is a request as the server got it.
type received struct {
	method, path string // the path escaped, below basePath
	query        url.Values
	header       http.Header
	length       int64
	body         string
}

// api is a server that answers as a test tells it, and a client of it that
// does not really wait.
type api struct {
	*klaviyo.Client
	url string

	mu       sync.Mutex
	requests []received
	waits    []time.Duration
}

// serve starts a server that answers its n-th request with the n-th answer, and
// all further ones with the last.
func serve(t *testing.T, options klaviyo.Options, answers ...http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = []byte("broken: " + err.Error())
		}
		answers[min(a.record(r, string(body)), len(answers)-1)](w, r)
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	a.Client = client(t, server.URL+basePath+"/", options, a)
	return a
}

// client makes a client whose waits are noted instead of waited.
func client(t *testing.T, base string, options klaviyo.Options, note *api) *klaviyo.Client {
	t.Helper()
	options.BaseURL = base
	if options.APIKey == "" {
		options.APIKey = testKey
	}
	c, err := klaviyo.New(options)
	if err != nil {
		t.Fatal(err)
	}
	c.SetSleep(func(ctx context.Context, d time.Duration) error {
		note.mu.Lock()
		defer note.mu.Unlock()
		note.waits = append(note.waits, d)
		return ctx.Err()
	})
	return c
}

// record notes a request and returns its position.
func (a *api) record(r *http.Request, body string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	path, below := strings.CutPrefix(r.URL.EscapedPath(), basePath)
	if !below {
		path = "outside of the base path: " + path
	}
	a.requests = append(a.requests, received{r.Method, path, r.URL.Query(), r.Header.Clone(), r.ContentLength, body})
	return len(a.requests) - 1
}

func (a *api) received() []received {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

func (a *api) waited() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.waits)
}

// only returns the one request that there was.
func (a *api) only(t *testing.T) received {
	t.Helper()
	all := a.received()
	if len(all) != 1 {
		t.Fatalf("%d requests, want one", len(all))
	}
	return all[0]
}

// answer is a document with a status; header are names and values by turns.
func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", klaviyo.MediaType)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// problem is a JSON:API error document with one error.
func problem(status int, code, detail, pointer string) http.HandlerFunc {
	return answer(status, `{"errors":[{"id":"e-1","status":1,"code":"`+code+`","title":"Title.","detail":"`+detail+`","source":{"pointer":"`+pointer+`"},"links":{},"meta":{}}]}`)
}

const htmlPage = "<!doctype html><html><body><h1>Bad gateway</h1></body></html>"

func html(status int) http.HandlerFunc { return answer(status, htmlPage, "Content-Type", "text/html") }

// drop hangs up without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// truncate announces more than it sends.
func truncate(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// hang answers nothing until the client has left.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// raw answers with bytes that need not be HTTP.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
	}
}

// call is one method of the client.
type call struct {
	operation string
	do        func(context.Context, *klaviyo.Client) error
}

func drain[T any](all func(func(T, error) bool)) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// calls are all methods that make requests, by their names.
func calls() map[string]call {
	list := klaviyo.List{ID: "Y6nRLr", Name: "VIP"}
	noon := time.Date(2026, 8, 1, 14, 0, 0, 0, time.FixedZone("", 2*60*60))
	hour := klaviyo.TimeRange{From: noon, To: noon.Add(time.Hour)}
	return map[string]call{
		"Account": {"get_accounts", func(ctx context.Context, c *klaviyo.Client) error { _, err := c.Account(ctx); return err }},
		"List":    {"get_list", func(ctx context.Context, c *klaviyo.Client) error { _, err := c.List(ctx, list.ID); return err }},
		"ListWithCount": {"get_list", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.ListWithCount(ctx, list.ID)
			return err
		}},
		"ListsNamed": {"get_lists", func(ctx context.Context, c *klaviyo.Client) error { return drain(c.ListsNamed(ctx, "VIP")) }},
		"CreateList": {"create_list", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.CreateList(ctx, klaviyo.List{Name: "VIP"})
			return err
		}},
		"UpdateList":   {"update_list", func(ctx context.Context, c *klaviyo.Client) error { _, err := c.UpdateList(ctx, list); return err }},
		"DeleteList":   {"delete_list", func(ctx context.Context, c *klaviyo.Client) error { return c.DeleteList(ctx, list.ID) }},
		"FlowTriggers": {"get_flows_triggered_by_list", func(ctx context.Context, c *klaviyo.Client) error { return drain(c.FlowTriggers(ctx, list.ID)) }},
		"Members":      {"get_profiles_for_list", func(ctx context.Context, c *klaviyo.Client) error { return drain(c.Members(ctx, list.ID, hour)) }},
		"MembersAmong": {"get_profiles_for_list", func(ctx context.Context, c *klaviyo.Client) error {
			return drain(c.MembersAmong(ctx, list.ID, []string{"a@example.com"}))
		}},
		"OptOuts": {"get_profiles", func(ctx context.Context, c *klaviyo.Client) error { return drain(c.OptOuts(ctx, list.ID, hour)) }},
		"RemoveMembers": {"remove_profiles_from_list", func(ctx context.Context, c *klaviyo.Client) error {
			return c.RemoveMembers(ctx, list.ID, []string{"P1"})
		}},
		"Lists": {"get_lists", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.Lists(ctx, []string{list.ID})
			return err
		}},
		"Suppressions": {"get_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.Suppressions(ctx, []string{"a@example.com"})
			return err
		}},
		"ProfileIDs": {"get_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.ProfileIDs(ctx, []string{"a@example.com"})
			return err
		}},
		"Suppressed": {"get_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			return drain(c.Suppressed(ctx, hour))
		}},
		"Consents": {"get_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.Consents(ctx, []string{"a@example.com"})
			return err
		}},
		"ConsentsByPhone": {"get_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.ConsentsByPhone(ctx, []string{"+34600111222"})
			return err
		}},
		"Subscribe": {"bulk_subscribe_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.Subscribe(ctx, klaviyo.SubscribeRequest{ListID: list.ID, Historical: true, People: []klaviyo.Subscriber{
				{Email: "a@example.com", Channels: []klaviyo.Channel{klaviyo.ChannelEmail}, ConsentedAt: noon},
			}})
			return err
		}},
		"ImportProfiles": {"bulk_import_profiles", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.ImportProfiles(ctx, list.ID, []byte("{}"))
			return err
		}},
		"ImportJob": {"get_bulk_import_profiles_job", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.ImportJob(ctx, "job-1")
			return err
		}},
		"ImportJobs": {"get_bulk_import_profiles_jobs", func(ctx context.Context, c *klaviyo.Client) error { return drain(c.ImportJobs(ctx, 3)) }},
		"UnfinishedImportJobs": {"get_bulk_import_profiles_jobs", func(ctx context.Context, c *klaviyo.Client) error {
			return drain(c.UnfinishedImportJobs(ctx))
		}},
		"ImportJobLists": {"get_list_ids_for_bulk_import_profiles_job", func(ctx context.Context, c *klaviyo.Client) error {
			_, err := c.ImportJobLists(ctx, "job-1")
			return err
		}},
		"CheckReadScopes": {"get_bulk_import_profiles_jobs", func(ctx context.Context, c *klaviyo.Client) error { return c.CheckReadScopes(ctx) }},
		"ImportErrors": {"get_errors_for_bulk_import_profiles_job", func(ctx context.Context, c *klaviyo.Client) error {
			return drain(c.ImportErrors(ctx, "job-1"))
		}},
	}
}

// eachCall runs a test for every method that makes requests.
func eachCall(t *testing.T, test func(t *testing.T, name string, c call)) {
	t.Helper()
	all := calls()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name, all[name])
		})
	}
}

// document answers every operation with what it is to answer.
func document(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, basePath+"/api/")
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case path == "accounts":
		answer(200, `{"data":[{"type":"account","id":"AbC123","attributes":{}}]}`)(w, r)
	case r.Method == http.MethodGet && (path == "lists" || path == "profiles" || path == "profile-bulk-import-jobs" || strings.Count(path, "/") >= 2):
		answer(200, `{"data":[],"links":{"next":null}}`)(w, r)
	case strings.HasPrefix(path, "lists"):
		answer(200, listBody)(w, r)
	default:
		answer(202, jobBody)(w, r)
	}
}
