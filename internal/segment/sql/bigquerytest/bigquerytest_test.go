package bigquerytest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/bigquerytest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

const (
	bearer = "https://www.googleapis.com/auth/bigquery"
	base   = "/bigquery/v2/projects/example-project"
)

// send makes a request and decodes the answer.
func send(t *testing.T, s *bigquerytest.Server, token, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func text(value any) string {
	b, _ := json.Marshal(value)
	return string(b)
}

// reason is the reason of an error.
func reason(answer map[string]any) string {
	problem, _ := answer["error"].(map[string]any)
	list, _ := problem["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprint(list[0].(map[string]any)["reason"])
}

func buyers(rows int) bigquerytest.Result {
	return bigquerytest.Result{
		Query: "FROM buyers", Rows: rows, PageRows: 2, Bytes: 5000, Args: 1,
		Columns: []bigquerytest.Column{
			{Name: "id", Type: "INTEGER"},
			{Name: "seen", Type: "TIMESTAMP"},
			{Name: "tags", Type: "STRING", Repeated: true},
			{Name: "address", Type: "RECORD", Fields: []bigquerytest.Column{{Name: "city", Type: "STRING"}}},
		},
		Row: func(i int) []any {
			return []any{fmt.Sprint(i), time.Unix(1_600_000_000, 500_000_000), []any{"a", "b"}, []any{nil}}
		},
	}
}

const query = `"query":{"query":"SELECT * FROM buyers WHERE x = ?","useLegacySql":false,"parameterMode":"POSITIONAL",` +
	`"queryParameters":[{"parameterType":{"type":"STRING"},"parameterValue":{"value":"a"}}]}`

func TestDryRun(t *testing.T) {
	t.Parallel()
	s := bigquerytest.Start(t)
	s.Register(buyers(5))
	token := s.Mint(bearer)
	status, answer := send(t, s, token, "POST", "/jobs", `{"configuration":{"dryRun":true,`+strings.Replace(query, `{"parameterType":{"type":"STRING"},"parameterValue":{"value":"a"}}`, "", 1)+`}}`)
	statistics, _ := answer["statistics"].(map[string]any)
	const want = `{"cacheHit":false,"schema":{"fields":[{"mode":"NULLABLE","name":"id","type":"INTEGER"},{"mode":"NULLABLE","name":"seen","type":"TIMESTAMP"},` +
		`{"mode":"REPEATED","name":"tags","type":"STRING"},{"fields":[{"mode":"NULLABLE","name":"city","type":"STRING"}],"mode":"NULLABLE","name":"address","type":"RECORD"}]},` +
		`"statementType":"SELECT","totalBytesBilled":"0","totalBytesProcessed":"5000","totalBytesProcessedAccuracy":"PRECISE","undeclaredQueryParameters":[{"parameterType":{"type":"STRING"}}]}`
	if status != 200 || text(statistics["query"]) != want || text(answer["jobReference"]) != `{"location":"US","projectId":"example-project"}` {
		t.Errorf("%d %s", status, text(answer))
	}
	if len(s.Running()) != 0 {
		t.Errorf("a dry run runs: %v", s.Running())
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	s := bigquerytest.Start(t)
	result := buyers(3)
	result.Polls, result.EmptyPages = 1, []int{1}
	s.Register(result)
	token := s.Mint(bearer)
	const job = `{"jobReference":{"projectId":"example-project","jobId":"mine-1","location":"europe-west1"},"configuration":{` + query + `}}`
	if status, answer := send(t, s, token, "POST", "/jobs", job); status != 200 || text(answer["status"]) != `{"state":"RUNNING"}` {
		t.Fatalf("%d %v", status, answer)
	}
	if status, answer := send(t, s, token, "POST", "/jobs", job); status != 409 || reason(answer) != "duplicate" {
		t.Errorf("again: %d %v", status, answer)
	}
	if status, answer := send(t, s, token, "GET", "/queries/mine-1", ""); status != 404 || reason(answer) != "notFound" {
		t.Errorf("without the location: %d %v", status, answer)
	}
	const pages = "/queries/mine-1?location=europe-west1&formatOptions.timestampOutputFormat=ISO8601_STRING"
	if _, answer := send(t, s, token, "GET", pages, ""); answer["jobComplete"] != false || answer["schema"] != nil {
		t.Errorf("running: %v", answer)
	}
	_, first := send(t, s, token, "GET", pages, "")
	const row = `{"f":[{"v":"0"},{"v":"2020-09-13T12:26:40.500000000000Z"},{"v":[{"v":"a"},{"v":"b"}]},{"v":{"f":[{"v":null}]}}]}`
	rows, _ := first["rows"].([]any)
	if first["jobComplete"] != true || first["totalRows"] != "3" || len(rows) != 2 || text(rows[0]) != row {
		t.Errorf("first page: %s", text(first))
	}
	next := func(page map[string]any) string {
		return pages + "&pageToken=" + url.QueryEscape(fmt.Sprint(page["pageToken"]))
	}
	_, second := send(t, s, token, "GET", next(first), "")
	if second["rows"] != nil || second["pageToken"] == nil {
		t.Errorf("empty page: %v", second)
	}
	_, third := send(t, s, token, "GET", next(second), "")
	if rows, _ := third["rows"].([]any); len(rows) != 1 || third["pageToken"] != nil {
		t.Errorf("last page: %s", text(third))
	}
	if status, _ := send(t, s, token, "GET", next(second), ""); status != 200 {
		t.Errorf("the newest token cannot be used again after a lost answer: %d", status)
	}
	if status, answer := send(t, s, token, "GET", next(first), ""); status != 400 || reason(answer) != "invalid" {
		t.Errorf("an old token: %d %v", status, answer)
	}
	if got := s.Statements(); len(got) != 1 || got[0].Args[0].Value != "a" || len(s.Running()) != 0 {
		t.Errorf("%+v, running %v", got, s.Running())
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	s := bigquerytest.Start(t)
	endless := buyers(1)
	endless.Endless = true
	s.Register(endless, bigquerytest.Result{Query: "FORM", Fail: &bigquerytest.Syntax})
	token := s.Mint(bearer)
	_, job := send(t, s, token, "POST", "/jobs", `{"configuration":{`+query+`}}`)
	id := job["jobReference"].(map[string]any)["jobId"].(string)
	if status, answer := send(t, s, token, "POST", "/jobs/"+id+"/cancel", ""); status != 200 || answer["kind"] != "bigquery#jobCancelResponse" {
		t.Errorf("cancel: %d %v", status, answer)
	}
	if status, answer := send(t, s, token, "GET", "/queries/"+id, ""); status != 499 || reason(answer) != "stopped" || len(s.Running()) != 0 {
		t.Errorf("after the cancel: %d %v", status, answer)
	}
	const bad = `"query":{"query":"SELECT * FORM","useLegacySql":false}`
	if status, answer := send(t, s, token, "POST", "/jobs", `{"configuration":{"dryRun":true,`+bad+`}}`); status != 400 || reason(answer) != "invalidQuery" {
		t.Errorf("dry run: %d %v", status, answer)
	}
	if status, answer := send(t, s, token, "POST", "/jobs", `{"configuration":{`+bad+`}}`); status != 200 || answer["status"].(map[string]any)["errorResult"] == nil {
		t.Errorf("insert: %d %v", status, answer)
	}
	limited := strings.Replace(query, `"useLegacySql"`, `"maximumBytesBilled":"4999","useLegacySql"`, 1)
	_, job = send(t, s, token, "POST", "/jobs", `{"configuration":{`+limited+`}}`)
	id = job["jobReference"].(map[string]any)["jobId"].(string)
	if status, answer := send(t, s, token, "GET", "/queries/"+id, ""); status != 400 || reason(answer) != "bytesBilledLimitExceeded" {
		t.Errorf("too many bytes: %d %v", status, answer)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := bigquerytest.Start(t)
	s.Register(buyers(1))
	token, readOnly := s.Mint(bearer), s.Mint("https://www.googleapis.com/auth/cloud-platform.read-only")
	for _, test := range []struct {
		name, token, path, body string
		status                  int
		reason                  string
	}{
		{"no token", "", "/jobs", "{}", 401, "authError"},
		{"a scope that cannot write jobs", readOnly, "/jobs", "{}", 403, "insufficientPermissions"},
		{"unknown field", token, "/jobs", `{"configuration":{"query":{"query":"SELECT","sql":1}}}`, 400, "badRequest"},
		{"unknown parameter", token, "/jobs?page=1", "{}", 400, "badRequest"},
		{"no query", token, "/jobs", `{"configuration":{}}`, 400, "invalid"},
		{"legacy SQL by default", token, "/jobs", `{"configuration":{"query":{"query":"SELECT * FROM buyers"}}}`, 400, "invalidQuery"},
		{"parameters without a mode", token, "/jobs", `{"configuration":{` + strings.Replace(query, "POSITIONAL", "", 1) + `}}`, 400, "invalid"},
		{"missing parameters", token, "/queries", `{"query":"SELECT * FROM buyers","useLegacySql":false}`, 400, "invalidQuery"},
	} {
		if status, answer := send(t, s, test.token, "POST", test.path, test.body); status != test.status || reason(answer) != test.reason {
			t.Errorf("%s: %d %v", test.name, status, answer)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := bigquerytest.Start(t)
	var file struct {
		TokenURI    string `json:"token_uri"`
		ClientEmail string `json:"client_email"`
	}
	if err := json.Unmarshal(s.Credentials(), &file); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	for _, test := range []struct {
		name, audience string
		expires        int64
		status         int
	}{
		{"good", file.TokenURI, now + 3600, 200},
		{"longer than an hour", file.TokenURI, now + 3601, 400},
		{"another audience", "https://oauth2.googleapis.com/token", now + 3600, 400},
	} {
		assertion, err := standin.TestKey().Sign(map[string]any{"iss": file.ClientEmail, "scope": bearer, "aud": test.audience, "iat": now, "exp": test.expires})
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
		r, err := http.NewRequestWithContext(t.Context(), "POST", file.TokenURI, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.status || test.status == 400 && body["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v", test.name, answer.StatusCode, body)
		}
	}
	token := s.Valid()[0]
	if status, _ := send(t, s, token, "GET", "/jobs/none", ""); status != 404 {
		t.Errorf("before the end: %d", status)
	}
	s.Expire()
	if status, answer := send(t, s, token, "GET", "/jobs/none", ""); status != 401 || reason(answer) != "authError" {
		t.Errorf("after the end: %d %v", status, answer)
	}
}
