package klaviyo_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

func TestEveryRequestCarriesItsHeaders(t *testing.T) {
	t.Parallel()
	eachCall(t, func(t *testing.T, _ string, c call) {
		a := serve(t, klaviyo.Options{UserAgent: "terraform-provider-klaviyo/1.2.3"}, document)
		if err := c.do(t.Context(), a.Client); err != nil {
			t.Fatal(err)
		}
		got := a.only(t)
		want := map[string]string{
			"Authorization": "Klaviyo-API-Key " + testKey, "Revision": "2026-07-15", "Accept": "application/vnd.api+json",
			"User-Agent": "terraform-provider-klaviyo/1.2.3",
		}
		if got.body != "" {
			want["Content-Type"] = "application/vnd.api+json"
		}
		for name, value := range want {
			if all := got.header.Values(name); len(all) != 1 || all[0] != value {
				t.Errorf("%s: %q, want %q", name, all, value)
			}
		}
		if got.length != int64(len(got.body)) {
			t.Errorf("Content-Length %d for %d bytes", got.length, len(got.body))
		}
	})
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		method, path string
		query        url.Values
		body         string
	}{
		"Account":       {"GET", "/api/accounts", nil, ""},
		"List":          {"GET", "/api/lists/Y6nRLr", nil, ""},
		"ListWithCount": {"GET", "/api/lists/Y6nRLr", url.Values{"additional-fields[list]": {"profile_count"}}, ""},
		"ListsNamed":    {"GET", "/api/lists", url.Values{"filter": {`equals(name,"VIP")`}}, ""},
		"CreateList":    {"POST", "/api/lists", nil, `{"data":{"type":"list","attributes":{"name":"VIP"}}}`},
		"UpdateList":    {"PATCH", "/api/lists/Y6nRLr", nil, `{"data":{"type":"list","id":"Y6nRLr","attributes":{"name":"VIP"}}}`},
		"DeleteList":    {"DELETE", "/api/lists/Y6nRLr", nil, ""},
		"FlowTriggers":  {"GET", "/api/lists/Y6nRLr/flow-triggers", nil, ""},
		"Members": {"GET", "/api/lists/Y6nRLr/profiles", url.Values{
			"filter":          {"greater-or-equal(joined_group_at,2026-08-01T12:00:00Z),less-than(joined_group_at,2026-08-01T13:00:00Z)"},
			"fields[profile]": {"email,phone_number,external_id,joined_group_at"}, "page[size]": {"100"}, "sort": {"joined_group_at"},
		}, ""},
		"MembersAmong": {"GET", "/api/lists/Y6nRLr/profiles", url.Values{
			"filter": {`any(email,["a@example.com"])`}, "fields[profile]": {"email"}, "page[size]": {"100"},
		}, ""},
		"OptOuts": {"GET", "/api/profiles", url.Values{
			"filter": {`equals(subscriptions.email.marketing.list_suppressions.list_id,"Y6nRLr"),` +
				"greater-or-equal(subscriptions.email.marketing.list_suppressions.timestamp,2026-08-01T12:00:00Z)," +
				"less-than(subscriptions.email.marketing.list_suppressions.timestamp,2026-08-01T13:00:00Z)"},
			"fields[profile]": {"email"}, "page[size]": {"100"},
		}, ""},
		"Suppressions": {"GET", "/api/profiles", url.Values{
			"filter":                     {`any(email,["a@example.com"])`},
			"additional-fields[profile]": {"subscriptions"}, "fields[profile]": {"email"}, "page[size]": {"100"},
		}, ""},
		"Suppressed": {"GET", "/api/profiles", url.Values{
			"filter": {"greater-or-equal(subscriptions.email.marketing.suppression.timestamp,2026-08-01T12:00:00Z)," +
				"less-than(subscriptions.email.marketing.suppression.timestamp,2026-08-01T13:00:00Z)"},
			"additional-fields[profile]": {"subscriptions"}, "fields[profile]": {"email"}, "page[size]": {"100"},
		}, ""},
		"ImportJob":       {"GET", "/api/profile-bulk-import-jobs/job-1", nil, ""},
		"ImportJobs":      {"GET", "/api/profile-bulk-import-jobs", url.Values{"page[size]": {"100"}, "sort": {"-created_at"}}, ""},
		"CheckReadScopes": {"GET", "/api/profile-bulk-import-jobs", url.Values{"page[size]": {"1"}, "sort": {"-created_at"}}, ""},
		"UnfinishedImportJobs": {"GET", "/api/profile-bulk-import-jobs", url.Values{
			"filter": {`any(status,["queued","processing"])`}, "page[size]": {"100"}, "sort": {"created_at"},
		}, ""},
		"ImportJobLists": {"GET", "/api/profile-bulk-import-jobs/job-1/relationships/lists", nil, ""},
		"ImportErrors":   {"GET", "/api/profile-bulk-import-jobs/job-1/import-errors", url.Values{"page[size]": {"100"}}, ""},
		"Consents": {"GET", "/api/profiles", url.Values{
			"filter": {`any(email,["a@example.com"])`}, "additional-fields[profile]": {"subscriptions"}, "fields[profile]": {"email,phone_number"}, "page[size]": {"100"},
		}, ""},
		"ConsentsByPhone": {"GET", "/api/profiles", url.Values{
			"filter": {`any(phone_number,["+34600111222"])`}, "additional-fields[profile]": {"subscriptions"}, "fields[profile]": {"email,phone_number"}, "page[size]": {"100"},
		}, ""},
		"Subscribe": {
			"POST", "/api/profile-subscription-bulk-create-jobs", nil,
			`{"data":{"type":"profile-subscription-bulk-create-job","attributes":{"historical_import":true,"profiles":{"data":[{"type":"profile","attributes":{` +
				`"email":"a@example.com","subscriptions":{"email":{"marketing":{"consent":"SUBSCRIBED","consented_at":"2026-08-01T12:00:00Z"}}}}}]}},` +
				`"relationships":{"list":{"data":{"type":"list","id":"Y6nRLr"}}}}}`,
		},
		"ImportProfiles": {
			"POST", "/api/profile-bulk-import-jobs", nil,
			`{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[{}]}},"relationships":{"lists":{"data":[{"type":"list","id":"Y6nRLr"}]}}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, klaviyo.Options{}, document)
			if err := calls()[name].do(t.Context(), a.Client); err != nil {
				t.Fatal(err)
			}
			got := a.only(t)
			if want.query == nil {
				want.query = url.Values{}
			}
			if got.method != want.method || got.path != want.path || !reflect.DeepEqual(got.query, want.query) {
				t.Errorf("%s %s %v, want %s %s %v", got.method, got.path, got.query, want.method, want.path, want.query)
			}
			if want.body == "" && got.body != "" || want.body != "" && !sameJSON(t, got.body, want.body) {
				t.Errorf("body %s, want %s", got.body, want.body)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Errorf("%s is not JSON: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestPathElementsAreEscaped(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"Y6nRLr":       "/api/lists/Y6nRLr",
		"a/b":          "/api/lists/a%2Fb",
		"../accounts":  "/api/lists/..%2Faccounts",
		"a?b=c#d":      "/api/lists/a%3Fb=c%23d",
		"a b":          "/api/lists/a%20b",
		"a%2Fb":        "/api/lists/a%252Fb",
		"ä":            "/api/lists/%C3%A4",
		"http://x/y":   "/api/lists/http:%2F%2Fx%2Fy",
		"x\r\nHost: y": "/api/lists/x%0D%0AHost:%20y",
	} {
		a := serve(t, klaviyo.Options{}, answer(200, listBody))
		if _, err := a.List(t.Context(), id); err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		if got := a.only(t); got.path != want || len(got.query) != 0 {
			t.Errorf("%q asks for %s %v, want %s", id, got.path, got.query, want)
		}
	}
}

// An id that a path swallows must not turn into a request for something else.
func TestDotsAndNothingAreNoPathElements(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", ".", ".."} {
		a := serve(t, klaviyo.Options{RetryTimeout: -1}, answer(http.StatusNoContent, ""))
		_ = a.DeleteList(t.Context(), id)
		for _, got := range a.received() {
			t.Errorf("deleting the list %q asks for %s %s", id, got.method, got.path)
		}
	}
}

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"", "/"} {
		for _, path := range []string{"", basePath} {
			a := serve(t, klaviyo.Options{}, answer(200, listBody))
			c := client(t, a.url+path+suffix, klaviyo.Options{}, a)
			if _, err := c.List(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			want := "/api/lists/x"
			if path == "" {
				want = "outside of the base path: " + want
			}
			if got := a.only(t); got.path != want {
				t.Errorf("%s%s: path %s, want %s", path, suffix, got.path, want)
			}
		}
	}
}
