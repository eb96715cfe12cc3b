package snowflaketest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/snowflaketest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

// send makes a request with the headers that the documents demand, unless change takes them away.
func send(t *testing.T, s *snowflaketest.Server, method, path, body string, change func(*http.Request)) (*http.Response, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.PAT)
	r.Header.Set("X-Snowflake-Authorization-Token-Type", "PROGRAMMATIC_ACCESS_TOKEN")
	r.Header.Set("User-Agent", "stand-in/1.0")
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return answer, decoded
}

func numbers(rows, page int) snowflaketest.Result {
	return snowflaketest.Result{
		Query: "SELECT id FROM t", Columns: []snowflaketest.Column{{Name: "ID", Type: "fixed(38,0)"}, {Name: "NAME", Type: "text(100)"}}, Rows: rows, PageRows: page,
		Row: func(i int) []any { return []any{fmt.Sprint(i), nil} },
	}
}

func TestStatement(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	result := numbers(5, 2)
	result.Polls = 1
	s.Register(result)

	const id = "e4ce975e-f7ff-4b5e-b15e-bf25f59371ae"
	const statement = `{"statement":"SELECT id FROM t WHERE x = ?","timeout":10,"warehouse":"WH","bindings":{"1":{"type":"TEXT","value":"a"}}}`
	answer, body := send(t, s, "POST", "/api/v2/statements?async=true&requestId="+id, statement, nil)
	if answer.StatusCode != 202 || body["code"] != "333334" {
		t.Fatalf("submitted: %d %v", answer.StatusCode, body)
	}
	handle := body["statementHandle"].(string)
	if _, again := send(t, s, "POST", "/api/v2/statements?async=true&retry=true&requestId="+id, statement, nil); again["statementHandle"] != handle {
		t.Errorf("a retry ran the statement again: %v", again)
	}
	if answer, body := send(t, s, "GET", "/api/v2/statements/"+handle, "", nil); answer.StatusCode != 202 || body["code"] != "333333" {
		t.Errorf("running: %d %v", answer.StatusCode, body)
	}
	answer, body = send(t, s, "GET", "/api/v2/statements/"+handle, "", nil)
	text, _ := json.Marshal(body["resultSetMetaData"])
	const metadata = `{"format":"jsonv2","numRows":5,"partitionInfo":[{"compressedSize":60,"rowCount":2,"uncompressedSize":200},` +
		`{"compressedSize":60,"rowCount":2,"uncompressedSize":200},{"compressedSize":30,"rowCount":1,"uncompressedSize":100}],"rowType":[` +
		`{"byteLength":null,"collation":null,"database":"","length":null,"name":"ID","nullable":true,"precision":38,"scale":0,"schema":"","table":"","type":"fixed"},` +
		`{"byteLength":100,"collation":null,"database":"","length":100,"name":"NAME","nullable":true,"precision":null,"scale":null,"schema":"","table":"","type":"text"}]}`
	if answer.StatusCode != 200 || body["code"] != "090001" || string(text) != metadata || fmt.Sprint(body["data"]) != "[[0 <nil>] [1 <nil>]]" {
		t.Errorf("first partition: %d %v\n%s", answer.StatusCode, body, text)
	}
	answer, body = send(t, s, "GET", "/api/v2/statements/"+handle+"?partition=2", "", nil)
	if !answer.Uncompressed || fmt.Sprint(body) != "map[data:[[4 <nil>]]]" || !strings.Contains(answer.Header.Get("Link"), `?partition=1>;rel="prev"`) {
		t.Errorf("last partition: %v %v", answer.Header, body)
	}
	got := s.Statements()
	if len(got) != 1 || got[0].Args[0].Value != "a" || got[0].Options["timeout"] != "10" || got[0].Options["warehouse"] != "WH" || len(s.Running()) != 0 {
		t.Errorf("statements: %+v, running %v", got, s.Running())
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	endless := numbers(1, 1)
	endless.Endless = true
	s.Register(endless, snowflaketest.Result{Query: "FORM", Fail: &snowflaketest.Syntax})

	_, body := send(t, s, "POST", "/api/v2/statements", `{"statement":"SELECT id FROM t"}`, nil)
	path := "/api/v2/statements/" + body["statementHandle"].(string)
	if len(s.Running()) != 1 {
		t.Errorf("running: %v", s.Running())
	}
	if answer, body := send(t, s, "POST", path+"/cancel", "", nil); answer.StatusCode != 200 || body["message"] != "successfully canceled" {
		t.Errorf("cancel: %d %v", answer.StatusCode, body)
	}
	if answer, body := send(t, s, "GET", path, "", nil); answer.StatusCode != 422 || body["sqlState"] != "57014" || len(s.Running()) != 0 {
		t.Errorf("after the cancel: %d %v", answer.StatusCode, body)
	}
	if answer, body := send(t, s, "POST", "/api/v2/statements", `{"statement":"SELECT * FORM t"}`, nil); answer.StatusCode != 422 || body["code"] != "001003" || body["statementHandle"] == nil {
		t.Errorf("syntax error: %d %v", answer.StatusCode, body)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	s.Register(numbers(1, 1))
	const good = `{"statement":"SELECT id FROM t"}`
	for _, test := range []struct {
		name, path, body string
		change           func(*http.Request)
		status           int
		code             any
	}{
		{"no token", "", good, func(r *http.Request) { r.Header.Del("Authorization") }, 401, "390101"},
		{"wrong token", "", good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, "394400"},
		{"wrong type of token", "", good, func(r *http.Request) { r.Header.Set("X-Snowflake-Authorization-Token-Type", "OAUTH") }, 401, "390303"},
		{"no user agent", "", good, func(r *http.Request) { r.Header["User-Agent"] = nil }, 400, "391903"},
		{"wrong type of body", "", good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "391901"},
		{"unknown field", "", `{"statement":"SELECT id FROM t","rows":1}`, nil, 400, "391900"},
		{"gap in bindings", "", `{"statement":"SELECT id FROM t","bindings":{"2":{"type":"TEXT","value":"a"}}}`, nil, 400, "391900"},
		{"retry without an id", "?retry=true", good, nil, 400, "391900"},
	} {
		if answer, body := send(t, s, "POST", "/api/v2/statements"+test.path, test.body, test.change); answer.StatusCode != test.status || body["code"] != test.code {
			t.Errorf("%s: %d %v", test.name, answer.StatusCode, body)
		}
	}
	s.Break(snowflaketest.Fault{Status: 429, RetryAfter: 7})
	if answer, _ := send(t, s, "POST", "/api/v2/statements", good, nil); answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "7" {
		t.Errorf("throttled: %d %v", answer.StatusCode, answer.Header)
	}
}

func TestKeyPair(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	s.Register(numbers(1, 1))
	fingerprint := "." + standin.TestKey().Fingerprint
	subject := s.Account + "." + s.User
	now := time.Now().Unix()
	for _, test := range []struct {
		name, issuer, subject string
		issued, expires       int64
		status                int
	}{
		{"good", subject + fingerprint, subject, now, now + 3000, 200},
		{"issuer without fingerprint", subject, subject, now, now + 3000, 401},
		{"account in lower case", strings.ToLower(subject) + fingerprint, strings.ToLower(subject), now, now + 3000, 401},
		{"expired", subject + fingerprint, subject, now - 100, now - 1, 401},
		{"older than an hour", subject + fingerprint, subject, now - 3601, now + 3000, 401},
	} {
		token, err := standin.TestKey().Sign(map[string]any{"iss": test.issuer, "sub": test.subject, "iat": test.issued, "exp": test.expires})
		if err != nil {
			t.Fatal(err)
		}
		answer, body := send(t, s, "POST", "/api/v2/statements", `{"statement":"SELECT id FROM t"}`, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("X-Snowflake-Authorization-Token-Type", "KEYPAIR_JWT")
		})
		if answer.StatusCode != test.status || test.status == 401 && body["code"] != "390144" {
			t.Errorf("%s: %d %v", test.name, answer.StatusCode, body)
		}
	}
}
