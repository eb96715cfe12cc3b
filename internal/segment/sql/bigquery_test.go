//nolint:paralleltest // credentials come from the environment, which newBigQuery sets
package sql_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/bigquerytest"
)

// newBigQuery starts a stand-in whose credentials are those of the environment.
func newBigQuery(t *testing.T) *bigquerytest.Server {
	t.Helper()
	server := bigquerytest.Start(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", credentialsFile(t, server.Credentials()))
	return server
}

func credentialsFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bigqueryURL(server *bigquerytest.Server, parameters string) string {
	return "bigquery://" + server.Project + "/crm?endpoint=" + server.URL + parameters
}

const bigqueryPeople = "SELECT email, name FROM people"

// bigqueryRows registers n rows.
func bigqueryRows(n int) bigquerytest.Result {
	return bigquerytest.Result{
		Query: "FROM people", Columns: []bigquerytest.Column{{Name: "email", Type: "STRING"}, {Name: "name", Type: "STRING"}}, Bytes: 5 << 20,
		Rows: n, Row: func(i int) []any { return []any{fmt.Sprintf("person%d@example.com", i), strings.Repeat("x", 100)} },
	}
}

// Every type arrives as it should, through the whole of a row.
func TestBigQuery_types(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigquerytest.Result{
		Query: "FROM people",
		Columns: []bigquerytest.Column{
			{Name: "id", Type: "INTEGER"},
			{Name: "price", Type: "NUMERIC(10,2)"},
			{Name: "at", Type: "TIMESTAMP"},
			{Name: "tags", Type: "STRING", Repeated: true},
			{Name: "home", Type: "RECORD", Fields: []bigquerytest.Column{{Name: "city", Type: "STRING"}, {Name: "zip", Type: "INTEGER"}}},
			{Name: "doc", Type: "JSON"},
			{Name: "photo", Type: "BYTES"},
			{Name: "vip", Type: "BOOLEAN"},
		},
		Rows: 2, Row: func(i int) []any {
			if i == 1 {
				return []any{nil, nil, nil, nil, nil, nil, nil, nil}
			}
			return []any{"9007199254740993", "12.50", time.Date(2026, 11, 24, 15, 30, 0, 250_000_000, time.UTC), []any{"a", "b"}, []any{"Málaga", "29001"}, `{"a":1}`, "AAEC", "true"}
		},
	})
	rows := openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "vip", "doc", "home", "tags", "at", "price", "id")
	if got := rows.JSON(); !slices.Equal(got, []bool{true, true, true, true, false, true, true}) {
		t.Errorf("JSON are %v", got)
	}
	wantRows(t, rows, []string{"true", `{"a":1}`, `{"city":"Málaga","zip":29001}`, `["a","b"]`, "2026-11-24T15:30:00.25Z", "12.50", "9007199254740993"},
		[]string{"", "", "", "[]", "", "", ""})
	_, err := sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}.Open(t.Context(), []string{"photo"})
	wantError(t, err, "query", `The column "photo" is of the type BYTES, which cannot be mapped`)
}

// What the URL says is sent along, args beside the query, which arrives as it is
// written, and nothing runs before a dry run.
func TestBigQuery_statement(t *testing.T) {
	server := newBigQuery(t)
	result := bigqueryRows(1)
	result.Args = 2
	server.Register(result)
	query := "SELECT email, name FROM people # ?\nWHERE score >= ? AND name = ?;"
	source := sql.Source{URL: bigqueryURL(server, "&location=europe-west1&statement_timeout=90s"), Query: query, Args: []*string{texts("it's")[0], nil}, MaxBytesBilled: 10 << 20}
	wantRows(t, openSQL(t, source, "email"), []string{"person0@example.com"})
	statements := server.Statements()
	if len(statements) != 3 || !statements[0].DryRun || !statements[1].DryRun || statements[2].DryRun {
		t.Fatalf("statements %+v", statements)
	}
	run := statements[2]
	if want := map[string]string{"defaultDataset": "crm", "jobTimeoutMs": "90000", "location": "europe-west1", "maximumBytesBilled": "10485760", "priority": ""}; fmt.Sprint(run.Options) != fmt.Sprint(want) {
		t.Errorf("options %v, want %v", run.Options, want)
	}
	if run.Text != query || len(run.Args) != 2 || run.Args[0].Value != "it's" || run.Args[1].Value != nil || run.Args[0].Type != "STRING" {
		t.Errorf("%q with %+v", run.Text, run.Args)
	}
	for _, r := range server.Requests() {
		if got := r.Query.Get("formatOptions.timestampOutputFormat"); strings.Contains(r.Path, "/queries/") && (got != "ISO8601_STRING" || r.Query.Get("location") != "europe-west1") {
			t.Errorf("results are requested with %v", r.Query)
		}
	}
	_, err := sql.Source{URL: bigqueryURL(server, ""), Query: query, Args: texts("1")}.Open(t.Context(), []string{"email"})
	wantError(t, err, "args", "The query has 2 parameters, and there are 1 args")
}

// Pages are read one after the other, whatever their size, and the end of the last
// one is the end.
func TestBigQuery_pages(t *testing.T) {
	server := newBigQuery(t)
	result := bigqueryRows(2503)
	result.PageRows, result.EmptyPages, result.Polls = 1000, []int{0, 2}, 2
	server.Register(result)
	all, err := segmenttest.ReadAll(openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email"))
	if err != nil || len(all) != 2503 || all[2502][0] != "person2502@example.com" {
		t.Errorf("%d rows, %v", len(all), err)
	}
	if n := server.MostPagesAtOnce(); n != 1 {
		t.Errorf("%d pages at once", n)
	}
	if len(server.Cancelled()) > 0 || len(server.Running()) > 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
	server.Register(bigqueryRows(0))
	wantRows(t, openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email"))
}

// A million rows are never in memory.
func TestBigQuery_streams(t *testing.T) {
	race.SkipHeap(t)
	server := newBigQuery(t)
	result := bigqueryRows(1_000_000)
	result.PageRows = 100_000
	server.Register(result)
	wantFlatHeap(t, openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email", "name"), 1_000_000)
}

// wantFlatHeap reads all rows, while the heap stays small.
func wantFlatHeap(t *testing.T, rows segment.Rows, want int) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var row []string
	for n := 1; ; n++ {
		var err error
		row, err = rows.Next(row[:0])
		if errors.Is(err, io.EOF) {
			if n != want+1 {
				t.Errorf("%d rows", n-1)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if n%(want/4) == want/8 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Fatalf("the heap has grown by %d bytes after %d rows", grown, n)
			}
		}
	}
}

func TestBigQuery_refused(t *testing.T) {
	for name, tc := range map[string]struct {
		query    string
		result   bigquerytest.Result
		argument string
		words    []string
	}{
		"first word":   {"DELETE FROM people WHERE true", bigquerytest.Result{}, "query", []string{"begins with DELETE", "not sent to the database"}},
		"dry run":      {"SELECT 1 AS email FROM people", bigquerytest.Result{Kind: "SCRIPT"}, "query", []string{`not a SELECT for BigQuery but "SCRIPT"`, "It was not run"}},
		"syntax":       {"SELECT email\nFORM people", bigquerytest.Result{Fail: &bigquerytest.Syntax}, "query", []string{"BigQuery refuses the query", `got identifier "FORM" at [1:10] (invalidQuery)`}},
		"permission":   {bigqueryPeople, bigquerytest.Result{Fail: &bigquerytest.Forbidden}, "query", []string{"BigQuery denies access", "roles/bigquery.dataViewer", "crm.buyers"}},
		"no table":     {bigqueryPeople, bigquerytest.Result{Fail: &bigquerytest.NotFound}, "query", []string{"does not find what the query reads", "location"}},
		"quota":        {bigqueryPeople, bigquerytest.Result{Fail: &bigquerytest.Quota}, "query", []string{"needs more than the project", "quotaExceeded"}},
		"column":       {"SELECT mail FROM people", bigquerytest.Result{Columns: []bigquerytest.Column{{Name: "mail", Type: "STRING"}}}, "", []string{`no column "email"`}},
		"time limit":   {bigqueryPeople, bigquerytest.Result{Fail: &bigquerytest.Timeout}, "query", []string{"which took too long", "statement_timeout"}},
		"ended later":  {bigqueryPeople, failsAt(0, bigquerytest.Timeout), "query", []string{"which took too long"}},
		"value of row": {bigqueryPeople, failsAt(1, bigquerytest.Failure{Name: "invalidQuery", Message: "Bad int64 value: ann@example.com"}), "query", []string{"After row 1000: BigQuery refuses the query: Bad int64 value (invalidQuery)"}},
		"backend":      {bigqueryPeople, failsAt(1, bigquerytest.Failure{Name: "jobBackendError", Message: "Retry the job"}), "url", []string{"After row 1000: ", "cannot run the query now"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newBigQuery(t)
			if tc.result.Rows == 0 {
				tc.result.Query = "people"
			}
			if tc.result.Columns == nil {
				tc.result.Columns = []bigquerytest.Column{{Name: "email", Type: "STRING"}}
			}
			server.Register(tc.result)
			rows, err := sql.Source{URL: bigqueryURL(server, ""), Query: tc.query}.Open(t.Context(), []string{"email"})
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
				if !s.DryRun && tc.result.FailAt == nil {
					t.Errorf("it was run: %q", s.Text)
				}
			}
		})
	}
}

func failsAt(page int, failure bigquerytest.Failure) bigquerytest.Result {
	result := bigqueryRows(2000)
	result.FailAt = &bigquerytest.FailAt{Page: page, Failure: failure}
	return result
}

func TestBigQuery_access(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigqueryRows(1))
	open := func(address string) error {
		_, err := sql.Source{URL: address, Query: bigqueryPeople}.Open(t.Context(), []string{"email"})
		return err
	}
	wantError(t, open("bigquery://other-project?endpoint="+server.URL), "query", "BigQuery denies access", "other-project", "roles/bigquery.jobUser")
	wantError(t, open("bigquery://example-project?endpoint=http://127.0.0.1:1"), "url", "No server listens at 127.0.0.1:1")
	server.Break(bigquerytest.Fault{Path: "/jobs", Status: http.StatusUnauthorized, Times: -1})
	wantError(t, open(bigqueryURL(server, "")), "url", "BigQuery refuses the credentials", "GOOGLE_APPLICATION_CREDENTIALS")
	server.Mend()
	server.Break(bigquerytest.Fault{Path: "/token", Status: http.StatusBadRequest, Times: -1})
	wantError(t, open(bigqueryURL(server, "")), "url", "Google refuses the credentials", "GOOGLE_APPLICATION_CREDENTIALS")
	server.Mend()
	server.Break(bigquerytest.Fault{Path: "/jobs", Status: http.StatusTeapot, Times: -1, Body: "<html>Hu5h</html>"})
	wantError(t, open(bigqueryURL(server, "")), "url", "answers 418, and does not say why")
	server.Mend()
	server.NoJobs = true
	wantError(t, open(bigqueryURL(server, "")), "query", "bigquery.jobs.create", "roles/bigquery.jobUser")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", credentialsFile(t, []byte("not JSON Hu5h")))
	wantError(t, open(bigqueryURL(server, "")), "url", "no usable credentials for BigQuery")
}

// A query that would scan more than it may is not run, and a plan says what one scans.
func TestBigQuery_maxBytesBilled(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigqueryRows(1))
	source := sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople, MaxBytesBilled: 5<<20 - 1}
	_, err := source.Open(t.Context(), []string{"email"})
	wantError(t, err, "max_bytes_billed", "The query would scan 5242880 bytes (5.0 MiB), and max_bytes_billed allows 5242879 bytes (5.0 MiB). It was not run")
	source.VersionQuery = bigqueryPeople
	_, err = source.Version(t.Context())
	wantError(t, err, "max_bytes_billed", "It was not run")
	for _, s := range server.Statements() {
		if !s.DryRun {
			t.Errorf("%q was run", s.Text)
		}
	}
	source.MaxBytesBilled = 5 << 20
	rows := openSQL(t, source, "email")
	wantRows(t, rows, []string{"person0@example.com"})
	want := "BigQuery scans at most 5242880 bytes (5.0 MiB) each time that the query runs; max_bytes_billed allows 5242880 bytes (5.0 MiB)."
	if got := rows.(segment.Noticer).Notices(); !slices.Equal(got, []string{want}) {
		t.Errorf("notices %q", got)
	}
	source.MaxBytesBilled = 0
	if got := openSQL(t, source, "email").(segment.Noticer).Notices(); len(got) > 0 {
		t.Errorf("notices %q without a limit", got)
	}
	_, err = sql.Source{URL: "postgres://127.0.0.1:1/db", Query: "SELECT 1 AS email", MaxBytesBilled: 1}.Open(t.Context(), []string{"email"})
	wantError(t, err, "max_bytes_billed", "only BigQuery does")
}

// An arg that must be a list is refused, since args are texts.
func TestBigQuery_listArg(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigqueryRows(1))
	server.Break(bigquerytest.Fault{Path: "/jobs", Status: http.StatusOK, Body: `{"statistics":{"query":{"undeclaredQueryParameters":[{"parameterType":{"type":"INT64"}},{"parameterType":{"type":"ARRAY"}}]}}}`})
	source := sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople + " WHERE a = ? AND b IN UNNEST(?)", Args: texts("1", "2")}
	_, err := source.Open(t.Context(), []string{"email"})
	wantError(t, err, "args", "expects an ARRAY as its parameter number 2", "SPLIT")
	server.Mend()
	server.Break(bigquerytest.Fault{Path: "/jobs", Status: http.StatusOK, Body: `{"statistics":{"query":{"undeclaredQueryParameters":[{"parameterType":{"type":"INT64"}},{"parameterType":{"type":"DATE"}}]}}}`})
	openSQL(t, source, "email")
	statements := server.Statements()
	if args := statements[len(statements)-1].Args; len(args) != 2 || args[0].Type != "INT64" || args[1].Type != "DATE" {
		t.Errorf("args %+v", args)
	}
}

// A cancelled query ends on the server, too.
func TestBigQuery_cancelled(t *testing.T) {
	server := newBigQuery(t)
	result := bigqueryRows(10)
	result.Endless = true
	server.Register(result)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := sql.Source{URL: bigqueryURL(server, "&location=asia-east1"), Query: bigqueryPeople}.Open(ctx, []string{"email"})
		ended <- err
	}()
	waitUntil(t, func() bool { return len(server.Running()) == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(server.Cancelled()) != 1 || len(server.Running()) != 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
}

func waitUntil(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hangGuard); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to that")
		}
	}
}

// What a network and a busy service do is survived, and never costs a second job.
func TestBigQuery_faults(t *testing.T) {
	for name, fault := range map[string]bigquerytest.Fault{
		"dry run, 503":               {Method: http.MethodPost, Path: "/jobs", Status: http.StatusServiceUnavailable, RetryAfter: 1},
		"dry run, connection lost":   {Method: http.MethodPost, Path: "/jobs", Lose: true},
		"start, 429":                 {Method: http.MethodPost, Path: "/jobs", After: 1, Status: http.StatusTooManyRequests},
		"start, connection lost":     {Method: http.MethodPost, Path: "/jobs", After: 1, Lose: true},
		"page, 500":                  {Path: "/queries/", After: 1, Status: http.StatusInternalServerError},
		"page, rate limit":           {Path: "/queries/", After: 1, Status: http.StatusForbidden},
		"page, connection lost":      {Path: "/queries/", After: 1, Lose: true},
		"tokens, 503":                {Path: "/token", Status: http.StatusServiceUnavailable},
		"first page, nothing at all": {Path: "/queries/", Status: http.StatusBadGateway, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := newBigQuery(t)
			server.Register(bigqueryRows(2500))
			server.Break(fault)
			rows := openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email")
			all, err := segmenttest.ReadAll(rows)
			if err != nil || len(all) != 2500 || all[2499][0] != "person2499@example.com" {
				t.Errorf("%d rows, %v", len(all), err)
			}
			started := 0
			for _, s := range server.Statements() {
				if !s.DryRun {
					started++
				}
			}
			if started != 1 {
				t.Errorf("%d jobs", started)
			}
		})
	}
}

// A body that ends early is never taken for the end of the rows.
func TestBigQuery_cut(t *testing.T) {
	for _, clean := range []bool{false, true} {
		for _, cut := range []int{1, 1000, 4000} {
			t.Run(fmt.Sprint(clean, cut), func(t *testing.T) {
				server := newBigQuery(t)
				result := bigqueryRows(2000)
				result.Row = func(i int) []any { return []any{strconv.Itoa(i * 7919 % 104729), strconv.Itoa(i * 104729 % 7919)} } // gzip must not make it short
				server.Register(result)
				server.Break(bigquerytest.Fault{Path: "pageToken", Cut: cut, Clean: clean})
				rows := openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email")
				all, err := segmenttest.ReadAll(rows)
				wantError(t, err, "url", fmt.Sprintf("After row %d: ", len(all)), "was lost before the last row")
			})
		}
	}
}

// A table that changes between the dry run and the query is seen.
func TestBigQuery_columnsChanged(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigqueryRows(1))
	server.Break(bigquerytest.Fault{Path: "/queries/", Status: http.StatusOK, Body: `{"jobComplete":true,"schema":{"fields":[{"name":"name","type":"STRING"},{"name":"email","type":"STRING"}]},"totalRows":"1","rows":[{"f":[{"v":"a"},{"v":"b"}]}]}`})
	_, err := sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}.Open(t.Context(), []string{"email"})
	wantError(t, err, "query", "have changed while it was read")
}

// A page that has fewer rows than BigQuery counts is not taken for the last one.
func TestBigQuery_rowsMissing(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigqueryRows(2000))
	server.Break(bigquerytest.Fault{Path: "pageToken", Status: http.StatusOK, Body: `{"jobComplete":true,"totalRows":"2000","rows":[{"f":[{"v":"a"},{"v":"b"}]}]}`})
	rows := openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email")
	_, err := segmenttest.ReadAll(rows)
	wantError(t, err, "url", "After row 1001: BigQuery has given 1001 of the 2000 rows of the result")
}

// A token that expires among the rows is replaced.
func TestBigQuery_tokenExpired(t *testing.T) {
	server := newBigQuery(t)
	server.Register(bigqueryRows(2500))
	rows := openSQL(t, sql.Source{URL: bigqueryURL(server, ""), Query: bigqueryPeople}, "email")
	if _, err := rows.Next(nil); err != nil {
		t.Fatal(err)
	}
	server.Expire()
	all, err := segmenttest.ReadAll(rows)
	if err != nil || len(all) != 2499 || server.Minted() != 2 {
		t.Errorf("%d rows with %d tokens, %v", len(all), server.Minted(), err)
	}
}

// The version is that of the rows, and of where they are read from.
func TestBigQuery_version(t *testing.T) {
	server := newBigQuery(t)
	changed := "1"
	server.Register(bigquerytest.Result{Query: "max(", Columns: []bigquerytest.Column{{Name: "v", Type: "TIMESTAMP"}}, Rows: 1, Row: func(int) []any { return []any{"2026-11-24T15:30:0" + changed + ".000000Z"} }})
	version := func(address string) string {
		t.Helper()
		v, err := sql.Source{URL: address, Query: bigqueryPeople, VersionQuery: "SELECT max(updated_at) FROM people"}.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := version(bigqueryURL(server, ""))
	if first == "" || version(bigqueryURL(server, "")) != first {
		t.Error("the version of the same rows differs")
	}
	if version(strings.Replace(bigqueryURL(server, ""), "/crm", "/crm2", 1)) == first {
		t.Error("another dataset has the same version")
	}
	if changed = "2"; version(bigqueryURL(server, "")) == first {
		t.Error("other rows have the same version")
	}
}
