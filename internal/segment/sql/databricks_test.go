//nolint:paralleltest // credentials come from the environment, which newDatabricks sets
package sql_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/databrickstest"
)

// newDatabricks starts a stand-in whose token is that of the environment.
func newDatabricks(t *testing.T) *databrickstest.Server {
	t.Helper()
	server := databrickstest.Start(t)
	t.Setenv("DATABRICKS_TOKEN", server.Token)
	for _, name := range []string{"DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"} {
		t.Setenv(name, "")
	}
	return server
}

func databricksURL(server *databrickstest.Server, parameters string) string {
	return "databricks://dbc-1.cloud.databricks.com/sql/1.0/warehouses/" + server.Warehouse + "?endpoint=" + server.URL + parameters
}

const databricksPeople = "SELECT email, name FROM people"

// databricksRows registers n rows.
func databricksRows(n int) databrickstest.Result {
	return databrickstest.Result{
		Query: "people", Columns: []databrickstest.Column{{Name: "email", Type: "STRING"}, {Name: "name", Type: "STRING"}},
		Rows: n, Row: func(i int) []any { return []any{fmt.Sprintf("person%d@example.com", i), strings.Repeat("x", 100)} },
	}
}

func readDatabricks(t *testing.T, address string) ([][]string, error) {
	t.Helper()
	rows, err := sql.Source{URL: address, Query: databricksPeople}.Open(t.Context(), []string{"email"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

func TestDatabricks_types(t *testing.T) {
	server := newDatabricks(t)
	server.Register(databrickstest.Result{
		Query: "FROM people",
		Columns: []databrickstest.Column{
			{Name: "id", Type: "BIGINT"},
			{Name: "price", Type: "DECIMAL(10,2)"},
			{Name: "at", Type: "TIMESTAMP"},
			{Name: "tags", Type: "ARRAY<STRING>"},
			{Name: "home", Type: "STRUCT<city: STRING, zip: INT>"},
			{Name: "counts", Type: "MAP<STRING, BIGINT>"},
			{Name: "photo", Type: "BINARY"},
			{Name: "vip", Type: "BOOLEAN"},
		},
		Rows: 2, Row: func(i int) []any {
			if i == 1 {
				return []any{nil, nil, nil, nil, nil, nil, nil, nil}
			}
			return []any{"9007199254740993", "12.50", "2026-11-24T15:30:00.250Z", `["a","b"]`, `{"city":"Málaga","zip":"29001"}`, `{"x":"1"}`, "AAEC", "true"}
		},
	})
	rows := openSQL(t, sql.Source{URL: databricksURL(server, ""), Query: databricksPeople}, "vip", "counts", "home", "tags", "at", "price", "id")
	wantRows(t, rows, []string{"true", `{"x":1}`, `{"city":"Málaga","zip":29001}`, `["a","b"]`, "2026-11-24T15:30:00.25Z", "12.50", "9007199254740993"}, make([]string, 7))
	_, err := sql.Source{URL: databricksURL(server, ""), Query: databricksPeople}.Open(t.Context(), []string{"photo"})
	wantError(t, err, "query", `The column "photo" is of the type binary, which cannot be mapped`)
}

// What the URL says is sent along, args beside the query, and nothing runs before it
// is described.
func TestDatabricks_statement(t *testing.T) {
	server := newDatabricks(t)
	result := databricksRows(1)
	result.Args = 2
	server.Register(result)
	query := "SELECT email, name FROM people -- :p9\nWHERE score >= :p1 AND name = :p2 AND doc:p7 IS NULL;"
	source := sql.Source{URL: databricksURL(server, "&catalog=main&schema=crm"), Query: query, Args: []*string{texts("it's")[0], nil}}
	wantRows(t, openSQL(t, source, "email"), []string{"person0@example.com"})
	statements := server.Statements()
	if len(statements) != 2 || statements[0].Text != "DESCRIBE QUERY\n"+strings.TrimSuffix(query, ";") || statements[1].Text != strings.TrimSuffix(query, ";") {
		t.Fatalf("statements %+v", statements)
	}
	for _, s := range statements {
		if s.Options["catalog"] != "main" || s.Options["schema"] != "crm" || s.Options["wait_timeout"] != "0s" || s.Options["format"] != "JSON_ARRAY" {
			t.Errorf("options %v", s.Options)
		}
		if len(s.Args) != 2 || s.Args[0].Name != "p1" || s.Args[0].Value != "it's" || s.Args[1].Name != "p2" || s.Args[1].Value != nil {
			t.Errorf("args %+v", s.Args)
		}
	}
	_, err := sql.Source{URL: databricksURL(server, ""), Query: query, Args: texts("1")}.Open(t.Context(), []string{"email"})
	wantError(t, err, "args", "The query has 2 parameters, and there are 1 args", ":p1")
}

// Chunks are read one after the other, without the credentials of Databricks.
func TestDatabricks_chunks(t *testing.T) {
	server := newDatabricks(t)
	result := databricksRows(2503)
	result.PageRows, result.EmptyPages, result.Polls = 1000, []int{1}, 3
	server.Register(result)
	server.LinkHeaders = map[string]string{"X-Amz-Server-Side-Encryption-Customer-Key": "key"}
	all, err := readDatabricks(t, databricksURL(server, ""))
	if err != nil || len(all) != 2503 || all[2502][0] != "person2502@example.com" {
		t.Errorf("%d rows, %v", len(all), err)
	}
	if n := server.MostPagesAtOnce(); n != 1 {
		t.Errorf("%d chunks at once", n)
	}
	for _, r := range server.Requests() {
		if strings.HasPrefix(r.Path, "/results/") && r.Header.Get("Authorization") != "" {
			t.Error("credentials have reached the storage")
		}
	}
	if len(server.Cancelled()) > 0 || len(server.Running()) > 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
	server.Register(databricksRows(0))
	if all, err = readDatabricks(t, databricksURL(server, "")); err != nil || len(all) > 0 {
		t.Errorf("%d rows, %v", len(all), err)
	}
}

func TestDatabricks_streams(t *testing.T) {
	race.SkipHeap(t)
	server := newDatabricks(t)
	result := databricksRows(1_000_000)
	result.PageRows = 100_000
	server.Register(result)
	wantFlatHeap(t, openSQL(t, sql.Source{URL: databricksURL(server, ""), Query: databricksPeople}, "email", "name"), 1_000_000)
}

// A link that has expired is fetched again, by its time or since it is refused.
func TestDatabricks_linkExpired(t *testing.T) {
	for name, expire := range map[string]func(*databrickstest.Server){
		"by its time": func(s *databrickstest.Server) { s.LinkLifetime = 10 * time.Second },
		"refused with 403": func(s *databrickstest.Server) {
			s.Break(databrickstest.Fault{Path: "/results/", Status: http.StatusForbidden})
		},
		"refused with 400": func(s *databrickstest.Server) {
			s.Break(databrickstest.Fault{Path: "/results/", After: 1, Status: http.StatusBadRequest})
		},
		"storage, 503": func(s *databrickstest.Server) {
			s.Break(databrickstest.Fault{Path: "/results/", After: 1, Status: http.StatusServiceUnavailable})
		},
		"storage, connection": func(s *databrickstest.Server) { s.Break(databrickstest.Fault{Path: "/results/", After: 1, Lose: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			server := newDatabricks(t)
			server.Register(databricksRows(2500))
			expire(server)
			all, err := readDatabricks(t, databricksURL(server, ""))
			if err != nil || len(all) != 2500 {
				t.Errorf("%d rows, %v", len(all), err)
			}
			if again := server.Count(http.MethodGet, "/chunks/0"); name == "by its time" && again != 1 {
				t.Errorf("the link to the first chunk is fetched %d times", again)
			}
		})
	}
	server := newDatabricks(t)
	server.Register(databricksRows(2500))
	server.Break(databrickstest.Fault{Path: "/results/", After: 1, Status: http.StatusForbidden, Times: -1})
	_, err := readDatabricks(t, databricksURL(server, ""))
	wantError(t, err, "url", "After row 1000: The storage of Databricks refuses a part of the result: it answers 403")
}

func TestDatabricks_refused(t *testing.T) {
	for name, tc := range map[string]struct {
		query    string
		result   databrickstest.Result
		argument string
		words    []string
	}{
		"first word":   {"DELETE FROM people", databrickstest.Result{}, "query", []string{"begins with DELETE", "not sent to the database"}},
		"description":  {"SELECT email FROM people", databrickstest.Result{Kind: "DELETE"}, "query", []string{"Databricks refuses the query: [PARSE_SYNTAX_ERROR]"}},
		"syntax":       {"SELECT email FORM people", databrickstest.Result{Fail: &databrickstest.Failure{State: "42601", Message: "[PARSE_SYNTAX_ERROR] Syntax error at or near 'FORM'. SQLSTATE: 42601 (line 2, pos 9)\n\n== SQL ==\nDESCRIBE QUERY\nSELECT"}}, "query", []string{"Syntax error at or near 'FORM' (SQLSTATE 42601), at line 1, column 10."}},
		"permission":   {databricksPeople, databrickstest.Result{Fail: &databrickstest.Forbidden}, "query", []string{"may not read what it names", "USE SCHEMA", "(SQLSTATE 42501)"}},
		"no table":     {databricksPeople, databrickstest.Result{Fail: &databrickstest.NotFound}, "query", []string{"TABLE_OR_VIEW_NOT_FOUND", "at line 1, column 15"}},
		"time limit":   {databricksPeople, databricksFailsAt(0, databrickstest.Timeout), "query", []string{"which took too long", "STATEMENT_TIMEOUT"}},
		"value of row": {databricksPeople, databricksFailsAt(0, databrickstest.Failure{Code: "BAD_REQUEST", State: "22018", Message: "[CAST_INVALID_INPUT] The value 'ann@example.com' of the type STRING cannot be cast to INT. SQLSTATE: 22018"}), "query", []string{"[CAST_INVALID_INPUT] The value", "(SQLSTATE 22018)"}},
		"no warehouse": {databricksPeople, databrickstest.Result{Fail: &databrickstest.NoWarehouse}, "url", []string{"denies access to the SQL warehouse", "Can use", "(PERMISSION_DENIED)"}},
		"truncated":    {databricksPeople, truncated(), "query", []string{"has cut the result"}},
		"chunk gone":   {databricksPeople, databricksFailsAt(1, databrickstest.Failure{Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "gone"}), "url", []string{"After row 1000: Databricks no longer has the result of the query"}},
		"column":       {"SELECT mail FROM people", databrickstest.Result{Columns: []databrickstest.Column{{Name: "mail", Type: "STRING"}}}, "", []string{`no column "email"`}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newDatabricks(t)
			tc.result.Query = "people"
			if tc.result.Columns == nil {
				tc.result.Columns = []databrickstest.Column{{Name: "email", Type: "STRING"}}
			}
			server.Register(tc.result)
			rows, err := sql.Source{URL: databricksURL(server, ""), Query: tc.query}.Open(t.Context(), []string{"email"})
			if err == nil {
				_, err = segmenttest.ReadAll(rows)
				rows.Close()
			}
			var missing *segment.MissingColumnsError
			if tc.argument != "" {
				wantError(t, err, tc.argument, tc.words...)
			} else if !errors.As(err, &missing) || !strings.Contains(err.Error(), tc.words[0]) {
				t.Errorf("error %v", err)
			}
			for _, s := range server.Statements() {
				if !strings.HasPrefix(s.Text, "DESCRIBE QUERY") && tc.result.FailAt == nil && !tc.result.Truncated {
					t.Errorf("it was run: %q", s.Text)
				}
			}
			if server.Written() > 0 {
				t.Error("something was written")
			}
		})
	}
}

func databricksFailsAt(page int, failure databrickstest.Failure) databrickstest.Result {
	result := databricksRows(2000)
	result.FailAt = &databrickstest.FailAt{Page: page, Failure: failure}
	return result
}

func truncated() databrickstest.Result {
	result := databricksRows(10)
	result.Truncated = true
	return result
}

func TestDatabricks_access(t *testing.T) {
	server := newDatabricks(t)
	server.Register(databricksRows(2500))
	read := func(address string) error {
		_, err := readDatabricks(t, address)
		return err
	}
	token := strings.Replace(databricksURL(server, ""), "://", "://token:dapi-Hu5h@", 1)
	wantError(t, read(token), "url", "refuses the token of the URL: Invalid access token (403)")
	wantError(t, read(strings.Replace(databricksURL(server, ""), server.URL, "http://127.0.0.1:1", 1)), "url", "No server listens at 127.0.0.1:1")
	wantError(t, read(strings.Replace(databricksURL(server, ""), server.Warehouse, "0123", 1)), "url", "has no SQL warehouse \"0123\"")
	server.Break(databrickstest.Fault{Path: "/statements", Status: http.StatusTeapot, Body: "<html>Hu5h</html>"})
	wantError(t, read(databricksURL(server, "")), "url", "answers 418, and does not say why")
	principal := strings.Replace(databricksURL(server, ""), "://", "://"+server.ClientID+":"+server.ClientSecret+"@", 1)
	if err := read(principal); err != nil || server.Minted() != 1 {
		t.Errorf("%d tokens, %v", server.Minted(), err)
	}
	server.Break(databrickstest.Fault{Path: "/oidc/", Status: http.StatusServiceUnavailable})
	if err := read(principal); err != nil || server.Minted() != 2 {
		t.Errorf("%d tokens, %v", server.Minted(), err)
	}
	server.Break(databrickstest.Fault{Path: "/chunks/", Status: http.StatusUnauthorized})
	if err := read(principal); err != nil || server.Minted() != 4 {
		t.Errorf("%d tokens, %v", server.Minted(), err)
	}
	wantError(t, read(strings.Replace(principal, server.ClientSecret, "Hu5h", 1)), "url", "refuses the service principal of the URL", "OAuth")
}

// A cancelled query ends on the server, too.
func TestDatabricks_cancelled(t *testing.T) {
	server := newDatabricks(t)
	result := databricksRows(10)
	result.Endless = true
	server.Register(result)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := sql.Source{URL: databricksURL(server, ""), Query: databricksPeople}.Open(ctx, []string{"email"})
		ended <- err
	}()
	waitUntil(t, func() bool { return server.Count(http.MethodGet, "/statements/") > 0 && len(server.Running()) == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(server.Cancelled()) != 1 || len(server.Running()) != 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
}

// Nor is a statement left behind whose id was not known yet.
func TestDatabricks_cancelledWhileSubmitting(t *testing.T) {
	server := newDatabricks(t)
	result := databricksRows(10)
	result.Endless = true
	server.Register(result)
	ctx, cancel := context.WithCancel(t.Context())
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	var submitted atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/statements") && submitted.Add(1) == 2 { // after the description
			r = r.WithContext(context.WithoutCancel(r.Context())) // the service has the request
			cancel()
			<-ctx.Done()
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	_, err = sql.Source{URL: strings.Replace(databricksURL(server, ""), server.URL, proxy.URL, 1), Query: databricksPeople}.Open(ctx, []string{"email"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(server.Cancelled()) != 1 || len(server.Running()) != 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
}

func TestDatabricks_faults(t *testing.T) {
	for name, fault := range map[string]databrickstest.Fault{
		"submit, 429":     {Method: http.MethodPost, Path: "/statements", Status: http.StatusTooManyRequests, RetryAfter: 1},
		"describe, 504":   {Method: http.MethodPost, Path: "/statements", Status: http.StatusGatewayTimeout},
		"submit, 503":     {Method: http.MethodPost, Path: "/statements", After: 1, Status: http.StatusServiceUnavailable, RetryAfter: 1},
		"poll, 503":       {Method: http.MethodGet, Path: "/statements/", After: 1, Status: http.StatusServiceUnavailable},
		"poll, lost":      {Method: http.MethodGet, Path: "/statements/", After: 1, Lose: true},
		"next link, lost": {Method: http.MethodGet, Path: "/chunks/", Lose: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := newDatabricks(t)
			server.Register(databricksRows(2500))
			server.Break(fault)
			all, err := readDatabricks(t, databricksURL(server, ""))
			if err != nil || len(all) != 2500 || len(server.Statements()) != 2 {
				t.Errorf("%d rows by %d statements, %v", len(all), len(server.Statements()), err)
			}
		})
	}
}

// A query that Databricks may have begun is not submitted again, since each is paid for.
func TestDatabricks_submittedOnce(t *testing.T) {
	server := newDatabricks(t)
	server.Register(databricksRows(10))
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		before := len(server.Statements())
		forward := httputil.NewSingleHostReverseProxy(target)
		var submitted atomic.Int64
		forward.ModifyResponse = func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/statements") && submitted.Add(1) == 2 { // after the description
				r.Body.Close()
				r.StatusCode, r.Body, r.ContentLength, r.Header = status, http.NoBody, 0, http.Header{}
			}
			return nil
		}
		gateway := httptest.NewServer(forward)
		_, err := readDatabricks(t, strings.Replace(databricksURL(server, ""), server.URL, gateway.URL, 1))
		gateway.Close()
		wantError(t, err, "url", fmt.Sprintf("answers %d, so it is not known whether the query has begun", status), "Plan again later")
		if n := len(server.Statements()) - before; n != 2 {
			t.Errorf("%d: %d statements", status, n)
		}
	}
}

// A chunk that ends early, or has fewer rows than it should, is never taken for the
// end of the rows.
func TestDatabricks_cut(t *testing.T) {
	for _, fault := range []databrickstest.Fault{
		{Path: "/results/", After: 1, Cut: 1},
		{Path: "/results/", After: 1, Cut: 5000},
		{Path: "/results/", After: 1, Cut: 5000, Clean: true},
		{Path: "/results/", After: 1, Status: http.StatusOK, Body: `[["a@example.com","x"]]`},
		{Path: "/results/", After: 1, Status: http.StatusOK, Body: `[]`},
	} {
		server := newDatabricks(t)
		server.Register(databricksRows(2000))
		server.Break(fault)
		all, err := readDatabricks(t, databricksURL(server, ""))
		wantError(t, err, "url", fmt.Sprintf("After row %d: ", len(all)), "was lost before the last row")
	}
}

// A table that changes between the description and the query is seen.
func TestDatabricks_columnsChanged(t *testing.T) {
	for _, columns := range [][]databrickstest.Column{{{Name: "email", Type: "INT"}}, {{Name: "email", Type: "STRING"}, {Name: "new", Type: "STRING"}}, {{Name: "other", Type: "STRING"}}} {
		server := newDatabricks(t)
		before, after := databricksRows(1), databricksRows(1)
		before.Columns, after.Columns = []databrickstest.Column{{Name: "email", Type: "STRING"}}, columns
		before.Match = func(statement string) bool { return strings.HasPrefix(statement, "DESCRIBE") }
		server.Register(after, before)
		_, err := readDatabricks(t, databricksURL(server, ""))
		wantError(t, err, "query", "have changed while it was read")
	}
}

// Links lead to https, or to this machine.
func TestDatabricks_plainLink(t *testing.T) {
	server := newDatabricks(t)
	server.Register(databricksRows(2000))
	server.Break(databrickstest.Fault{Path: "/chunks/1", Status: http.StatusOK, Body: `{"external_links":[{"external_link":"http://192.0.2.1/a","row_count":1000}]}`})
	_, err := readDatabricks(t, databricksURL(server, ""))
	wantError(t, err, "url", "that is not https")
}

// The version depends on catalog and schema, which say where a query reads.
func TestDatabricks_version(t *testing.T) {
	server := newDatabricks(t)
	server.Register(databrickstest.Result{Query: "max(", Columns: []databrickstest.Column{{Name: "v", Type: "INT"}}, Rows: 1, Row: func(int) []any { return []any{"1"} }})
	seen := map[string]bool{}
	for _, parameters := range []string{"", "&catalog=main", "&catalog=main&schema=crm", "&catalog=main&schema=crm2"} {
		v, err := sql.Source{URL: databricksURL(server, parameters), Query: databricksPeople, VersionQuery: "SELECT max(updated_at) FROM people"}.Version(t.Context())
		if err != nil || v == "" || seen[v] {
			t.Errorf("%s: version %q, %v", parameters, v, err)
		}
		seen[v] = true
	}
}
