package databrickstest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/databrickstest"
)

const statements = "/api/2.0/sql/statements"

// send makes a request and decodes the answer.
func send(t *testing.T, s *databrickstest.Server, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	return sendAs(t, s, s.Token, method, path, body)
}

func sendAs(t *testing.T, s *databrickstest.Server, token, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	status, text := do(t, r)
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return status, answer
}

func do(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// follow downloads what a link leads to.
func follow(t *testing.T, link, authorization string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", link, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return do(t, r)
}

func text(value any) string {
	b, _ := json.Marshal(value)
	return string(b)
}

func buyers(rows int) databrickstest.Result {
	return databrickstest.Result{
		Query: "FROM buyers", Rows: rows, PageRows: 2, Args: 1, Polls: 1,
		Columns: []databrickstest.Column{{Name: "id", Type: "BIGINT"}, {Name: "paid", Type: "DECIMAL(10,2)"}, {Name: "tags", Type: "ARRAY<STRING>"}},
		Row:     func(i int) []any { return []any{fmt.Sprint(i), "1.50", nil} },
	}
}

func execution(statement, more string) string {
	return `{"warehouse_id":"abcdef0123456789","statement":"` + statement + `","wait_timeout":"10s","on_wait_timeout":"CONTINUE",` +
		`"parameters":[{"name":"p1","type":"STRING","value":"a"}]` + more + `}`
}

func TestExternalLinks(t *testing.T) {
	t.Parallel()
	s := databrickstest.Start(t)
	s.Register(buyers(3))
	_, running := send(t, s, "POST", statements, execution("SELECT * FROM buyers WHERE x = :p1", `,"disposition":"EXTERNAL_LINKS"`))
	if text(running["status"]) != `{"state":"RUNNING"}` || running["manifest"] != nil {
		t.Fatalf("running: %v", running)
	}
	id := running["statement_id"].(string)
	_, done := send(t, s, "GET", statements+"/"+id, "")
	const manifest = `{"chunks":[{"chunk_index":0,"row_count":2,"row_offset":0},{"chunk_index":1,"row_count":1,"row_offset":2}],"format":"JSON_ARRAY","schema":{"column_count":3,"columns":[` +
		`{"name":"id","position":0,"type_name":"LONG","type_text":"BIGINT"},{"name":"paid","position":1,"type_name":"DECIMAL","type_precision":10,"type_scale":2,"type_text":"DECIMAL(10,2)"},` +
		`{"name":"tags","position":2,"type_name":"ARRAY","type_text":"ARRAY\u003cSTRING\u003e"}]},"total_chunk_count":2,"total_row_count":3,"truncated":false}`
	if text(done["manifest"]) != manifest {
		t.Errorf("manifest: %s", text(done["manifest"]))
	}
	link := done["result"].(map[string]any)["external_links"].([]any)[0].(map[string]any)
	address := link["external_link"].(string)
	if status, body := follow(t, address, ""); status != 200 || body != "[[\"0\",\"1.50\",null],\n[\"1\",\"1.50\",null]]" {
		t.Errorf("download: %d %s", status, body)
	}
	if !strings.HasPrefix(address, s.StorageURL) || s.StorageURL == s.URL {
		t.Errorf("the link leads to %s", address)
	}
	if status, body := follow(t, address, "Bearer "+s.Token); status != 400 || s.Downloads() != 1 {
		t.Errorf("with a token: %d %s", status, body)
	}
	s.ExpireLinks()
	if status, body := follow(t, address, ""); status != 403 || !strings.Contains(body, "Request has expired") {
		t.Errorf("expired: %d %s", status, body)
	}
	_, again := send(t, s, "GET", statements+"/"+id+"/result/chunks/0", "")
	address = again["external_links"].([]any)[0].(map[string]any)["external_link"].(string)
	if status, _ := follow(t, address, ""); status != 200 {
		t.Errorf("a new link: %d", status)
	}
	_, last := send(t, s, "GET", link["next_chunk_internal_link"].(string), "")
	if link := last["external_links"].([]any)[0].(map[string]any); link["chunk_index"] != 1.0 || link["next_chunk_internal_link"] != nil {
		t.Errorf("last chunk: %v", last)
	}
	if got := s.Statements(); len(got) != 1 || got[0].Args[0].Name != "p1" || len(s.Running()) != 0 {
		t.Errorf("%+v, running %v", got, s.Running())
	}
}

func TestInlineAndDescribe(t *testing.T) {
	t.Parallel()
	s := databrickstest.Start(t)
	result := buyers(3)
	result.Polls = 0
	s.Register(result, databrickstest.Result{Query: "DELETE FROM buyers", Kind: "DELETE"})
	_, answer := send(t, s, "POST", statements+"/", execution("SELECT * FROM buyers", ""))
	id := answer["statement_id"].(string)
	want := `{"chunk_index":0,"data_array":[["0","1.50",null],["1","1.50",null]],"next_chunk_index":1,"next_chunk_internal_link":"` +
		statements + "/" + id + `/result/chunks/1?row_offset=2","row_count":2,"row_offset":0}`
	if text(answer["result"]) != want {
		t.Errorf("inline: %s", text(answer["result"]))
	}
	_, answer = send(t, s, "POST", statements, execution("DESCRIBE QUERY SELECT * FROM buyers", ""))
	if got := text(answer["result"]); !strings.Contains(got, `[["id","bigint",null],["paid","decimal(10,2)",null],["tags","array\u003cstring\u003e",null]]`) {
		t.Errorf("describe: %s", got)
	}
	_, answer = send(t, s, "POST", statements, execution("DESCRIBE QUERY DELETE FROM buyers", ""))
	if !strings.Contains(text(answer["status"]), "PARSE_SYNTAX_ERROR") || s.Written() != 0 {
		t.Errorf("describe a write: %v", answer)
	}
	_, answer = send(t, s, "POST", statements, execution("SELECT * FROM buyers", `,"row_limit":1`))
	if manifest := answer["manifest"].(map[string]any); manifest["truncated"] != true || manifest["total_row_count"] != 1.0 {
		t.Errorf("limited: %v", manifest)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	s := databrickstest.Start(t)
	endless := buyers(1)
	endless.Endless = true
	s.Register(endless, databrickstest.Result{Query: "FORM", Fail: &databrickstest.Syntax}, databrickstest.Result{Query: "denied", Fail: &databrickstest.NoWarehouse})
	_, answer := send(t, s, "POST", statements, execution("SELECT * FROM buyers", ""))
	path := statements + "/" + answer["statement_id"].(string)
	if status, body := send(t, s, "POST", path+"/cancel", ""); status != 200 || len(body) != 0 {
		t.Errorf("cancel: %d %v", status, body)
	}
	if _, answer := send(t, s, "GET", path, ""); text(answer["status"]) != `{"state":"CANCELED"}` || len(s.Running()) != 0 {
		t.Errorf("after the cancel: %v", answer)
	}
	status, answer := send(t, s, "POST", statements, execution("SELECT 1 FORM t", ""))
	if got, _ := answer["status"].(map[string]any); status != 200 || got["state"] != "FAILED" || got["sql_state"] != "42601" || got["error"] == nil {
		t.Errorf("syntax: %d %v", status, answer)
	}
	if status, answer := send(t, s, "POST", statements, execution("SELECT denied", "")); status != 403 || answer["error_code"] != "PERMISSION_DENIED" {
		t.Errorf("denied: %d %v", status, answer)
	}
	waiting := strings.Replace(execution("SELECT * FROM buyers", ""), "CONTINUE", "CANCEL", 1)
	if _, answer := send(t, s, "POST", statements, waiting); text(answer["status"]) != `{"state":"CANCELED"}` {
		t.Errorf("on_wait_timeout=CANCEL: %v", answer)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := databrickstest.Start(t)
	s.Register(buyers(1))
	good := execution("SELECT * FROM buyers", "")
	for _, test := range []struct {
		name, token, body string
		status            int
		code              string
	}{
		{"unknown token", "x", good, 401, "UNAUTHENTICATED"},
		{"wrong personal token", "dapi-other", good, 403, "403"},
		{"unknown field", s.Token, execution("SELECT", `,"rows":1`), 400, "MALFORMED_REQUEST"},
		{"another warehouse", s.Token, strings.Replace(good, "abcdef", "fedcba", 1), 400, "INVALID_PARAMETER_VALUE"},
		{"too short a wait", s.Token, strings.Replace(good, `"10s"`, `"4s"`, 1), 400, "INVALID_PARAMETER_VALUE"},
		{"a complex parameter", s.Token, strings.Replace(good, `"STRING"`, `"ARRAY<STRING>"`, 1), 400, "INVALID_PARAMETER_VALUE"},
	} {
		if status, answer := sendAs(t, s, test.token, "POST", statements, test.body); status != test.status || answer["error_code"] != test.code {
			t.Errorf("%s: %d %v", test.name, status, answer)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := databrickstest.Start(t)
	for _, test := range []struct {
		secret, scope string
		status        int
	}{{"wrong", "all-apis", 401}, {s.ClientSecret, "sql", 400}, {s.ClientSecret, "all-apis", 200}} {
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {test.scope}}
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/oidc/v1/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(s.ClientID, test.secret)
		if status, body := do(t, r); status != test.status {
			t.Errorf("%+v: %d %s", test, status, body)
		}
	}
	token := s.Valid()[0]
	if status, _ := sendAs(t, s, token, "GET", statements+"/none", ""); status != 404 {
		t.Errorf("before the end: %d", status)
	}
	s.Expire()
	if status, _ := sendAs(t, s, token, "GET", statements+"/none", ""); status != 401 {
		t.Errorf("after the end: %d", status)
	}
}
