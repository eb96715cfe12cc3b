// Package contract holds what the client sends and what the simulator answers against
// Klaviyo's OpenAPI document, by a validator that others have written. It is a module
// of its own so that the validator reaches neither the provider's dependencies nor
// those of its other tests.
//
// testdata/openapi.json is the part of https://github.com/klaviyo/openapi
// (openapi/stable.json) that the client uses, under the licence beside it.
package contract_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const (
	testKey   = "pk_0123456789abcdef"
	accountID = "SiMu1a" // the simulator's default
)

// env is a simulated Klaviyo, a witness in front of it, and a client that talks to the
// witness.
type env struct {
	*simulator.Server
	*witness
	client *klaviyo.Client
	listID string
}

func newEnv(t *testing.T) *env {
	t.Helper()
	s, err := simulator.Start(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddKey(testKey)
	w := watch(t, loadDocument(t), s.URL)
	return &env{Server: s, witness: w, client: newClient(t, w.url, testKey), listID: s.AddList(simulator.List{Name: "VIP"}).ID}
}

func newClient(t *testing.T, url, key string) *klaviyo.Client {
	t.Helper()
	c, err := klaviyo.New(klaviyo.Options{APIKey: key, BaseURL: url, RetryTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// noViolations fails the test for whatever the witness has found.
func (w *env) noViolations(t *testing.T) {
	t.Helper()
	for _, violation := range w.found() {
		t.Error(violation)
	}
}

// The document is of the revision that the client sends, and says the limits and the
// scopes that the client goes by.
func TestDocument(t *testing.T) {
	t.Parallel()
	document := loadDocument(t)
	if document.Info.Version != klaviyo.Revision {
		t.Errorf("the document is of %s, the client sends %s", document.Info.Version, klaviyo.Revision)
	}
	operations, names := map[string]*openapi3.Operation{}, map[string]string{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			operations[operation.OperationID] = operation
			names[method+" "+strings.Replace(path, "{job_id}", "{id}", 1)] = operation.OperationID
		}
	}
	for _, o := range simulator.Operations() {
		if name, known := names[o.Method+" "+o.Path]; known && name != o.ID {
			t.Errorf("%s %s is %s in the document, and %s in the simulator", o.Method, o.Path, name, o.ID)
		}
	}
	for _, o := range klaviyo.Operations() {
		operation := operations[o.ID]
		if operation == nil {
			t.Errorf("the document has no operation %s", o.ID)
			continue
		}
		limit, _ := operation.Extensions["x-klaviyo-ratelimit"].(map[string]any)
		said := fmt.Sprintf("Burst: `%v`<br>Steady: `%v`", limit["burst"], limit["steady"])
		if o.Variant != "" { // the description alone tells that limit, after the other one
			_, said, _ = strings.Cut(operation.Description, said)
		}
		if want := fmt.Sprintf("Burst: `%d/s`<br>Steady: `%d/m`", o.Burst, o.Steady); !strings.Contains(said, want) {
			t.Errorf("%s%s is limited to %s, in the document to %s", o.ID, o.Variant, want, said)
		}
		var scopes []string
		listed, _ := operation.Extensions["x-klaviyo-scopes"].([]any)
		for _, scope := range listed {
			scopes = append(scopes, fmt.Sprint(scope))
		}
		if slices.Sort(scopes); !slices.Equal(slices.Sorted(slices.Values(o.Scopes)), scopes) {
			t.Errorf("%s needs %q, in the document %q", o.ID, o.Scopes, scopes)
		}
	}
}

// call is one method of the client.
type call func(context.Context, *klaviyo.Client) error

func drain[T any](all func(func(T, error) bool)) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func ignoring[T any](do func(context.Context) (T, error)) func(context.Context) error {
	return func(ctx context.Context) error { _, err := do(ctx); return err }
}

// calls are all methods of the client that make requests, on a list and a job.
func calls(listID, jobID string) map[string]call {
	type c = *klaviyo.Client
	people := []string{"ann@example.com", "o'neil+x@example.com"}
	now := time.Now()
	day := klaviyo.TimeRange{From: now.Add(-24 * time.Hour), To: now}
	resource := []byte(`{"type":"profile","attributes":{"email":"ann@example.com","phone_number":"+34600111222","properties":{"tier":"gold"}}}`)
	subscribe := func(ctx context.Context, client c, r klaviyo.SubscribeRequest) error {
		r.ListID, r.CustomSource = listID, "shop"
		_, err := client.Subscribe(ctx, r)
		return err
	}
	return map[string]call{
		"Account":       func(ctx context.Context, client c) error { return ignoring(client.Account)(ctx) },
		"List":          func(ctx context.Context, client c) error { _, err := client.List(ctx, listID); return err },
		"ListWithCount": func(ctx context.Context, client c) error { _, err := client.ListWithCount(ctx, listID); return err },
		"ListsNamed":    func(ctx context.Context, client c) error { return drain(client.ListsNamed(ctx, `V"I\P`)) },
		"Lists":         func(ctx context.Context, client c) error { _, err := client.Lists(ctx, []string{listID}); return err },
		"CreateList": func(ctx context.Context, client c) error {
			_, err := client.CreateList(ctx, klaviyo.List{Name: "New", OptInProcess: "single_opt_in"})
			return err
		},
		"UpdateList": func(ctx context.Context, client c) error {
			_, err := client.UpdateList(ctx, klaviyo.List{ID: listID, Name: "Renamed"})
			return err
		},
		"DeleteList":   func(ctx context.Context, client c) error { return client.DeleteList(ctx, listID) },
		"FlowTriggers": func(ctx context.Context, client c) error { return drain(client.FlowTriggers(ctx, listID)) },
		"Members":      func(ctx context.Context, client c) error { return drain(client.Members(ctx, listID, day)) },
		"MembersAmong": func(ctx context.Context, client c) error { return drain(client.MembersAmong(ctx, listID, people)) },
		"OptOuts":      func(ctx context.Context, client c) error { return drain(client.OptOuts(ctx, listID, day)) },
		"Suppressed":   func(ctx context.Context, client c) error { return drain(client.Suppressed(ctx, day)) },
		"Suppressions": func(ctx context.Context, client c) error { _, err := client.Suppressions(ctx, people); return err },
		"ProfileIDs":   func(ctx context.Context, client c) error { _, err := client.ProfileIDs(ctx, people); return err },
		"Consents":     func(ctx context.Context, client c) error { _, err := client.Consents(ctx, people); return err },
		"ConsentsByPhone": func(ctx context.Context, client c) error {
			_, err := client.ConsentsByPhone(ctx, []string{"+34600111222"})
			return err
		},
		"RemoveMembers": func(ctx context.Context, client c) error {
			return client.RemoveMembers(ctx, listID, []string{"01ARZ3NDEKTSV4RRFFQ69G5FAV"})
		},
		"Subscribe": func(ctx context.Context, client c) error {
			return subscribe(ctx, client, klaviyo.SubscribeRequest{People: []klaviyo.Subscriber{
				{Email: "ann@example.com", Channels: []klaviyo.Channel{klaviyo.ChannelEmail}},
				{PhoneNumber: "+34600111222", Channels: []klaviyo.Channel{klaviyo.ChannelSMS, klaviyo.ChannelWhatsApp}},
			}})
		},
		"Subscribe, historical": func(ctx context.Context, client c) error {
			return subscribe(ctx, client, klaviyo.SubscribeRequest{Historical: true, People: []klaviyo.Subscriber{
				{Email: "ann@example.com", Channels: []klaviyo.Channel{klaviyo.ChannelEmail}, ConsentedAt: now.Add(-time.Hour)},
			}})
		},
		"ImportProfiles": func(ctx context.Context, client c) error {
			_, err := client.ImportProfiles(ctx, listID, resource)
			return err
		},
		"ImportJob":            func(ctx context.Context, client c) error { _, err := client.ImportJob(ctx, jobID); return err },
		"ImportJobs":           func(ctx context.Context, client c) error { return drain(client.ImportJobs(ctx, 3)) },
		"UnfinishedImportJobs": func(ctx context.Context, client c) error { return drain(client.UnfinishedImportJobs(ctx)) },
		"ImportJobLists":       func(ctx context.Context, client c) error { _, err := client.ImportJobLists(ctx, jobID); return err },
		"CheckReadScopes":      func(ctx context.Context, client c) error { return client.CheckReadScopes(ctx) },
		"ImportErrors":         func(ctx context.Context, client c) error { return drain(client.ImportErrors(ctx, jobID)) },
	}
}

// failing is a fault that answers an error as the document describes it.
func failing(status int) *simulator.Fault {
	return &simulator.Fault{
		Status: status, Header: http.Header{"Content-Type": {mediaType}},
		Body: `{"errors":[{"id":"1","code":"error","title":"It failed.","detail":"It failed."}]}`,
	}
}

// Whatever the client can ask for, and whatever the simulator answers, good or bad, is
// as the document says.
func TestCallsKeepTheContract(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name := range calls("", "") {
		w := newEnv(t)
		w.AddMembers(w.listID, "ann@example.com", "bob@example.com")
		w.Unsubscribe(w.listID, "bob@example.com")
		w.SuppressEverything("cid@example.com", "SPAM_COMPLAINT")
		w.AddFlow(w.listID, simulator.Flow{Name: "Welcome"})
		w.FailEmail("bob@example.com", "invalid", "no")
		// A client does not ask for the lists of its own jobs.
		job, err := newClient(t, w.url, testKey).ImportProfiles(t.Context(), w.listID, []byte(`{"type":"profile","attributes":{"email":"bob@example.com"}}`))
		if err != nil {
			t.Fatal(err)
		}
		w.AddKey("pk_without", "accounts:read")
		answers := []struct {
			status int
			client *klaviyo.Client
			call   call
			fault  *simulator.Fault
		}{
			{http.StatusOK, w.client, calls(w.listID, job.ID)[name], nil},
			{http.StatusUnauthorized, newClient(t, w.url, "pk_unknown"), calls(w.listID, job.ID)[name], nil},
			{http.StatusForbidden, newClient(t, w.url, "pk_without"), calls(w.listID, job.ID)[name], nil},
			{http.StatusNotFound, w.client, calls("NoList", "nojob")[name], nil},
			{http.StatusTooManyRequests, w.client, calls(w.listID, job.ID)[name], failing(http.StatusTooManyRequests)},
			{http.StatusInternalServerError, w.client, calls(w.listID, job.ID)[name], failing(http.StatusInternalServerError)},
		}
		for _, a := range slices.Backward(answers) { // the good one last: it may delete the list
			if a.fault != nil {
				w.Inject(*a.fault)
			}
			err := a.call(t.Context(), a.client)
			var refused *klaviyo.APIError
			if a.status == http.StatusOK && err != nil || err != nil && !errors.As(err, &refused) {
				t.Errorf("%s, where %d is expected: %v", name, a.status, err)
			}
			for _, violation := range w.found() {
				t.Errorf("%s, where %d is expected: %s", name, a.status, violation)
			}
		}
		for key := range w.seen {
			seen[key] = true
		}
	}
	for _, o := range klaviyo.Operations() {
		good, bad := 0, 0
		for key := range seen {
			if id, status, _ := strings.Cut(key, " "); id == o.ID && status < "3" {
				good++
			} else if id == o.ID {
				bad++
			}
		}
		if good == 0 || bad < 3 {
			t.Errorf("%s was answered in %d good and %d bad ways", o.ID, good, bad)
		}
	}
}

// So are whole exports.
func TestExportsKeepTheContract(t *testing.T) {
	t.Parallel()
	const people = 21_000 // three batches, many pages
	w := newEnv(t)
	var text strings.Builder
	text.WriteString("email,phone,first,city,lat,points,joined,tags,yes,since\n")
	for i := range people {
		fmt.Fprintf(&text, "p%d@example.com,+3460%07d,P%d,Müller & Söhne,48.1,%d,2026-01-02,a;b,%t,2025-02-03T04:05:06Z\n", i, i, i, i, i%7 == 0)
	}
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.AddMembers(w.listID, "left1@example.com", "left2@example.com")
	w.SuppressEverything("p5@example.com", "USER_SUPPRESSED")
	w.FailEmail("p8@example.com", "invalid", "no")
	w.RefuseEmail("p9@example.com", "invalid", "no")
	e := &export.Export{
		Mapping: profile.Mapping{
			Email: "email", PhoneNumber: "phone", Attributes: map[string]string{"first_name": "first"},
			Location: map[string]string{"city": "city", "latitude": "lat"},
			Properties: map[string]profile.Property{
				"points": {Column: "points", Type: profile.Number}, "joined": {Column: "joined", Type: profile.Datetime},
				"tags": {Column: "tags", Type: profile.List, Clear: true},
			},
			Consent: &profile.ConsentMapping{Column: "yes", DateColumn: "since"},
		},
		Subscription: &export.Subscription{Channels: []klaviyo.Channel{klaviyo.ChannelEmail, klaviyo.ChannelSMS}, CustomSource: "shop"},
		ListID:       w.listID, Destination: export.Destination{AccountID: accountID, Consent: true}, SegmentProperty: "segments",
		Safeguards:   export.Safeguards{MaxRejectedPercent: 100, MaxRemovedPercent: 100},
		TrackChanges: true, Mirror: export.MirrorAll,
		Segments: []pipeline.Segment{{Name: "all", Source: file.Source{Path: path}}},
	}
	result, err := e.Run(t.Context(), w.client, export.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.noViolations(t)
	if result.Exported != people-3 || result.Removed != 2 || result.Withheld != 1 || result.Refused.Total != 2 {
		t.Errorf("%d exported, %d removed, %d withheld, %d refused", result.Exported, result.Removed, result.Withheld, result.Refused.Total)
	}
	if n := len(w.Members(w.listID)); n != people-3 {
		t.Errorf("the list has %d members", n)
	}
	if got, want := result.Subscriptions.Subscribed, int64(people/7); got != want {
		t.Errorf("%d were subscribed, want %d", got, want)
	}
}

// A wrong name anywhere is found.
func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, path, body string
		want               string
	}{
		"parameter":      {"GET", "/api/profiles?page[number]=2", "", `no parameter "page[number]"`},
		"value":          {"GET", "/api/profiles?additional-fields[profile]=consents", "", "allowed values"},
		"path":           {"GET", "/api/profile-imports", "", "no matching operation"},
		"field":          {"POST", "/api/lists", `{"data":{"type":"list","attributes":{"name":"x","colour":"red"}}}`, "colour"},
		"missing field":  {"POST", "/api/lists", `{"data":{"type":"list","attributes":{}}}`, "name"},
		"nested field":   {"POST", "/api/profile-bulk-import-jobs", `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[{"type":"profile","attributes":{"emial":"a@example.com"}}]}}}}`, "emial"},
		"type":           {"POST", "/api/lists", `{"data":{"type":"lists","attributes":{"name":"x"}}}`, "type"},
		"authentication": {"GET", "/api/lists", "-", "no API key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			r, err := http.NewRequestWithContext(t.Context(), tc.method, w.url+tc.path, strings.NewReader(strings.Trim(tc.body, "-")))
			if err != nil {
				t.Fatal(err)
			}
			if tc.body != "-" {
				r.Header.Set("Authorization", "Klaviyo-API-Key "+testKey)
			}
			r.Header.Set("Revision", klaviyo.Revision)
			r.Header.Set("Content-Type", mediaType)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if found := strings.Join(w.found(), "\n"); !strings.Contains(found, tc.want) {
				t.Errorf("found %q, want %q", found, tc.want)
			}
		})
	}
}
