package trinotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/trinotest"
)

// session is the client's side of a conversation: it keeps headers as a client must.
type session struct {
	*trinotest.Server
	header http.Header
}

func open(t *testing.T) session {
	t.Helper()
	s := session{trinotest.Start(t), http.Header{}}
	s.header.Set("X-Trino-User", s.User)
	s.header.Set("X-Trino-Transaction-Id", "NONE")
	return s
}

// send makes a request; body is nil if the answer is no JSON.
func (s session) send(t *testing.T, method, url, statement string) (answer *http.Response, body map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		r.Header = s.header.Clone()
	}
	answer, err = http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(text, &body)
	return answer, body
}

// run follows a statement to its end and returns the last answer and all rows.
func (s session) run(t *testing.T, statement string) (answer *http.Response, last map[string]any, rows []any) {
	t.Helper()
	answer, body := s.send(t, "POST", s.URL+"/v1/statement", statement)
	for {
		data, _ := body["data"].([]any)
		rows = append(rows, data...)
		next, more := body["nextUri"].(string)
		if !more {
			return answer, body, rows
		}
		answer, body = s.send(t, "GET", next, "")
	}
}

func text(value any) string {
	b, _ := json.Marshal(value)
	return string(b)
}

func buyers(rows int) trinotest.Result {
	return trinotest.Result{
		Query: "FROM buyers", Rows: rows, PageRows: 2, EmptyPages: []int{0, 2}, Polls: 2, Args: 1,
		Columns: []trinotest.Column{{Name: "id", Type: "bigint"}, {Name: "tags", Type: "array(varchar(10))"}, {Name: "at", Type: "timestamp(3) with time zone"}},
		Row:     func(i int) []any { return []any{i, []any{"a"}, nil} },
	}
}

func TestTransaction(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Register(buyers(3), trinotest.Result{Query: "DELETE", Kind: "DELETE", Columns: []trinotest.Column{{Name: "rows", Type: "bigint"}}})

	answer, body, _ := s.run(t, "START TRANSACTION READ ONLY")
	if body["updateType"] != "START TRANSACTION" || answer.Header.Get("X-Trino-Started-Transaction-Id") == "" {
		t.Fatalf("start: %v %v", answer.Header, body)
	}
	s.header.Set("X-Trino-Transaction-Id", answer.Header.Get("X-Trino-Started-Transaction-Id"))
	answer, _, _ = s.run(t, "PREPARE mine FROM\nSELECT * FROM buyers WHERE x = ?")
	if got := answer.Header.Get("X-Trino-Added-Prepare"); got != "mine=SELECT+%2A+FROM+buyers+WHERE+x+%3D+%3F" {
		t.Fatalf("prepare: %q", got)
	}
	s.header.Set("X-Trino-Prepared-Statement", answer.Header.Get("X-Trino-Added-Prepare"))
	_, _, rows := s.run(t, "DESCRIBE INPUT mine")
	if text(rows) != `[[0,"unknown"]]` {
		t.Errorf("input: %s", text(rows))
	}
	_, _, rows = s.run(t, "DESCRIBE OUTPUT mine")
	if len(rows) != 3 || text(rows[1]) != `["tags","","","","array(varchar(10))",0,false]` {
		t.Errorf("output: %s", text(rows))
	}
	_, last, rows := s.run(t, "EXECUTE mine USING 'it''s, a'")
	if text(rows) != `[[0,["a"],null],[1,["a"],null],[2,["a"],null]]` {
		t.Errorf("rows: %s", text(rows))
	}
	const columns = `[{"name":"id","type":"bigint","typeSignature":{"arguments":[],"rawType":"bigint"}},` +
		`{"name":"tags","type":"array(varchar(10))","typeSignature":{"arguments":[{"kind":"TYPE","value":{"arguments":[{"kind":"LONG","value":10}],"rawType":"varchar"}}],"rawType":"array"}},` +
		`{"name":"at","type":"timestamp(3) with time zone","typeSignature":{"arguments":[{"kind":"LONG","value":3}],"rawType":"timestamp with time zone"}}]`
	if text(last["columns"]) != columns {
		t.Errorf("columns: %s", text(last["columns"]))
	}
	if got := s.Statements()[4]; len(got.Args) != 1 || got.Args[0].Value != "'it''s, a'" || got.Options["prepared"] != "SELECT * FROM buyers WHERE x = ?" {
		t.Errorf("recorded: %+v", got)
	}
	_, body, _ = s.run(t, "DELETE FROM t")
	if problem, _ := body["error"].(map[string]any); problem["errorName"] != "READ_ONLY_VIOLATION" || s.Written() != 0 {
		t.Errorf("write: %v", body)
	}
	_, body, _ = s.run(t, "DESCRIBE OUTPUT mine")
	if problem, _ := body["error"].(map[string]any); problem["errorName"] != "TRANSACTION_ALREADY_ABORTED" {
		t.Errorf("after a failure: %v", body)
	}
	answer, _, _ = s.run(t, "ROLLBACK")
	if answer.Header.Get("X-Trino-Clear-Transaction-Id") != "true" || s.OpenTransactions() != 0 || len(s.Running()) != 0 {
		t.Errorf("rollback: %v, running %v", answer.Header, s.Running())
	}
}

func TestErrorsAndCancel(t *testing.T) {
	t.Parallel()
	s := open(t)
	endless := buyers(1)
	endless.Endless, endless.Args = true, 0
	s.Register(endless, trinotest.Result{Query: "FORM", Fail: &trinotest.Syntax})
	answer, body, _ := s.run(t, "PREPARE p FROM SELECT id FORM t")
	problem, _ := body["error"].(map[string]any)
	if answer.StatusCode != 200 || problem["errorName"] != "SYNTAX_ERROR" || text(problem["errorLocation"]) != `{"columnNumber":10,"lineNumber":1}` || problem["errorCode"] != 1.0 {
		t.Errorf("syntax: %d %v", answer.StatusCode, body)
	}
	_, body = s.send(t, "POST", s.URL+"/v1/statement", "SELECT * FROM buyers")
	for range 5 {
		_, body = s.send(t, "GET", body["nextUri"].(string), "")
	}
	next := body["nextUri"].(string)
	if answer, _ := s.send(t, "DELETE", next, ""); answer.StatusCode != 204 || len(s.Cancelled()) != 1 || len(s.Running()) != 0 {
		t.Errorf("cancel: %d, running %v", answer.StatusCode, s.Running())
	}
	_, body = s.send(t, "GET", next, "")
	if problem, _ := body["error"].(map[string]any); problem["errorName"] != "USER_CANCELED" {
		t.Errorf("after the cancel: %v", body)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	s := open(t)
	result := buyers(5)
	result.Args, result.EmptyPages, result.Polls = 0, nil, 0
	s.Register(result)
	_, body := s.send(t, "POST", s.URL+"/v1/statement", "SELECT * FROM buyers")
	_, body = s.send(t, "GET", body["nextUri"].(string), "")
	first := body["nextUri"].(string)
	_, body = s.send(t, "GET", first, "")
	_, again := s.send(t, "GET", first, "")
	if text(again["data"]) != text(body["data"]) || body["data"] == nil {
		t.Errorf("the newest link, again: %s, not %s", text(again["data"]), text(body["data"]))
	}
	s.send(t, "GET", body["nextUri"].(string), "")
	if answer, _ := s.send(t, "GET", first, ""); answer.StatusCode != http.StatusGone {
		t.Errorf("an old link: %d", answer.StatusCode)
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Password, s.Token = "secret", "a.b.c"
	for _, test := range []struct {
		name   string
		change func(http.Header)
		status int
	}{
		{"nothing", func(http.Header) {}, 401},
		{"wrong password", func(h http.Header) { h.Set("Authorization", "Basic cmVhZGVyOng=") }, 401},
		{"password", func(h http.Header) { h.Set("Authorization", "Basic cmVhZGVyOnNlY3JldA==") }, 200},
		{"token", func(h http.Header) { h.Set("Authorization", "Bearer a.b.c") }, 200},
		{"another user", func(h http.Header) { h.Set("Authorization", "Bearer a.b.c"); h.Set("X-Trino-User", "root") }, 403},
		{"unknown header", func(h http.Header) { h.Set("Authorization", "Bearer a.b.c"); h.Set("X-Trino-Database", "x") }, 400},
	} {
		one := session{s.Server, s.header.Clone()}
		test.change(one.header)
		if answer, _ := one.send(t, "POST", s.URL+"/v1/statement", "SELECT 1"); answer.StatusCode != test.status {
			t.Errorf("%s: %d", test.name, answer.StatusCode)
		}
	}
}
