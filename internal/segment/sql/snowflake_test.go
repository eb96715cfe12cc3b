package sql_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/snowflaketest"
)

// snowflakeURL is the URL of a stand-in, with a token and further parameters.
func snowflakeURL(s *snowflaketest.Server, parameters string) string {
	return "snowflake://" + s.User + ":" + s.PAT + "@" + s.Account + "/CRM/PUBLIC?endpoint=" + url.QueryEscape(s.URL) + parameters
}

const snowflakeQuery = "SELECT email, n FROM people"

// snowflakePeople is a result of so many rows.
func snowflakePeople(rows, partition int) snowflaketest.Result {
	return snowflaketest.Result{
		Query: snowflakeQuery, Columns: []snowflaketest.Column{{Name: "EMAIL", Type: "text(100)"}, {Name: "N", Type: "fixed(38,0)"}}, Rows: rows, PageRows: partition,
		Row: func(i int) []any { return []any{"person" + strconv.Itoa(i) + "@example.com", strconv.Itoa(i)} },
	}
}

func snowflakeSource(s *snowflaketest.Server) sql.Source {
	return sql.Source{URL: snowflakeURL(s, ""), Query: snowflakeQuery}
}

func TestSnowflake_partitions(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	result := snowflakePeople(25, 10)
	result.EmptyPages, result.Polls = []int{1}, 2
	s.Register(result)
	rows := openSQL(t, sql.Source{URL: snowflakeURL(s, "&warehouse=reporting&role=%22Reader%22&statement_timeout=90s"), Query: snowflakeQuery + "; -- the end"}, "N", "EMAIL")
	all, err := segmenttest.ReadAll(rows)
	if err != nil || len(all) != 25 || all[24][0] != "24" || all[10][1] != "person10@example.com" {
		t.Errorf("%d rows, %v", len(all), err)
	}
	statements := s.Statements()
	if len(statements) != 2 || statements[0].Text != "SELECT * FROM (\n"+snowflakeQuery+"\n) WHERE FALSE LIMIT 0" || statements[1].Text != snowflakeQuery {
		t.Errorf("statements %+v", statements)
	}
	for _, statement := range statements {
		for name, want := range map[string]string{
			"database": "CRM", "schema": "PUBLIC", "warehouse": "REPORTING", "role": "Reader", "timeout": "90", "multi_statement_count": "1", "query_tag": "terraform-provider-klaviyo",
		} {
			if got := statement.Options[name]; got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	}
	if n := s.MostPagesAtOnce(); n != 1 {
		t.Errorf("%d partitions are fetched at once", n)
	}
	rows.Close()
	if len(s.Cancelled()) > 0 {
		t.Errorf("what has ended is cancelled: %v", s.Cancelled())
	}
}

func TestSnowflake_types(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	columns := []snowflaketest.Column{
		{Name: "A", Type: "fixed(38,2)"},
		{Name: "B", Type: "text(9)"},
		{Name: "C", Type: "boolean"},
		{Name: "D", Type: "date"},
		{Name: "E", Type: "timestamp_tz"},
		{Name: "F", Type: "variant"},
		{Name: "G", Type: "binary(9)"},
		{Name: "H", Type: "geography"},
	}
	s.Register(snowflaketest.Result{Query: "FROM t", Columns: columns, Rows: 3, Row: func(i int) []any {
		return [][]any{
			{"-12.50", "a \"b\"\n", "true", "18262", "1616173619.000000000 960", "{\"a\": \"\\\"\"}", "00ff", "{}"},
			{nil, nil, nil, nil, nil, nil, nil, nil},
			{"0", "", "false", "0", "0.000000000 1440", "[1,undefined]", "", "{}"},
		}[i]
	}})
	source := sql.Source{URL: snowflakeURL(s, ""), Query: "SELECT * FROM t"}
	rows := openSQL(t, source, "A", "B", "C", "D", "E", "F")
	if got := fmt.Sprint(rows.JSON()); got != "[true false true false false true]" {
		t.Errorf("JSON %s", got)
	}
	for _, want := range [][]string{{"-12.50", "a \"b\"\n", "true", "2020-01-01", "2021-03-19T09:06:59-08:00", `{"a": "\""}`}, {"", "", "", "", "", ""}} {
		if row, err := rows.Next(nil); err != nil || fmt.Sprintf("%q", row) != fmt.Sprintf("%q", want) {
			t.Errorf("%q, %v; want %q", row, err, want)
		}
	}
	_, err := rows.Next(nil)
	var bad *segment.RowError
	if !errors.As(err, &bad) || !strings.Contains(err.Error(), `has in the column "F" a value that is not JSON`) {
		t.Fatal(err)
	}
	if cells := bad.Cells; len(cells) != 6 || cells[0] != "0" || cells[2] != "false" || cells[5] != "" {
		t.Errorf("cells %q", cells)
	}
	for name, of := range map[string]string{"G": "BINARY", "H": "GEOGRAPHY"} {
		before := len(s.Statements())
		_, err := source.Open(t.Context(), []string{"A", name})
		wantError(t, err, "query", `The column "`+name+`" is of the type `+of+", which cannot be mapped")
		if n := len(s.Statements()) - before; n != 1 {
			t.Errorf("%d statements were sent", n)
		}
	}
}

// A missing column is found by the description, before the query runs.
func TestSnowflake_missingColumn(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	s.Register(snowflakePeople(3, 0))
	_, err := snowflakeSource(s).Open(t.Context(), []string{"email"})
	if err == nil || !strings.Contains(err.Error(), `"EMAIL", "N"`) {
		t.Errorf("%v", err)
	}
	if statements := s.Statements(); len(statements) != 1 || !strings.HasSuffix(statements[0].Text, "LIMIT 0") {
		t.Errorf("statements %+v", statements)
	}
}

func TestSnowflake_args(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	result := snowflakePeople(1, 0)
	result.Args = 3
	s.Register(result)
	source := snowflakeSource(s)
	source.Query += " WHERE a = ? AND b = '?' AND c = ? -- ?\n AND d = ?"
	injection := "'; DELETE FROM people --"
	source.Args = []*string{&injection, nil, new(string)}
	all, err := segmenttest.ReadAll(openSQL(t, source, "EMAIL"))
	if err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	for _, statement := range s.Statements() {
		if got := fmt.Sprint(statement.Args); got != "[{ TEXT "+injection+"} { TEXT <nil>} { TEXT }]" || strings.Contains(statement.Text, "DELETE") {
			t.Errorf("args %s of %q", got, statement.Text)
		}
	}
	before := len(s.Requests())
	source.Args = source.Args[:2]
	_, err = source.Open(t.Context(), []string{"EMAIL"})
	wantError(t, err, "args", "The query has 3 parameters, and there are 2 args")
	if n := len(s.Requests()); n != before {
		t.Error("a request was sent")
	}
}

// A key pair signs in; a token that the server does not take any more is renewed.
func TestSnowflake_key(t *testing.T) {
	s := snowflaketest.Start(t)
	s.Register(snowflakePeople(30, 10))
	t.Setenv("SNOWFLAKE_PRIVATE_KEY", s.PrivateKey)
	source := sql.Source{URL: strings.Replace(snowflakeURL(s, ""), ":"+s.PAT, "", 1), Query: snowflakeQuery}
	rows := openSQL(t, source, "N")
	if _, err := rows.Next(nil); err != nil {
		t.Fatal(err)
	}
	s.ExpireTokens()
	if all, err := segmenttest.ReadAll(rows); err != nil || len(all) != 29 {
		t.Errorf("%d rows, %v", len(all), err)
	}
	source.URL = strings.Replace(source.URL, s.User, "somebody", 1)
	_, err := source.Open(t.Context(), []string{"N"})
	wantError(t, err, "url", "refuses the private key of SNOWFLAKE_PRIVATE_KEY: JWT token is invalid.", "(code 390144)", "RSA_PUBLIC_KEY_FP as SHA256:")
}

func TestSnowflake_wrongToken(t *testing.T) {
	s := snowflaketest.Start(t)
	t.Setenv("SNOWFLAKE_TOKEN", "Hu5h")
	source := sql.Source{URL: strings.Replace(snowflakeURL(s, ""), ":"+s.PAT, "", 1), Query: snowflakeQuery}
	_, err := source.Open(t.Context(), []string{"N"})
	wantError(t, err, "url", "refuses the token of SNOWFLAKE_TOKEN: Invalid OAuth access token.", "may have expired")
	source.URL = strings.Replace(snowflakeURL(s, ""), s.PAT, "Hu5h", 1)
	_, err = source.Open(t.Context(), []string{"N"})
	wantError(t, err, "url", "refuses the token in the URL: Programmatic access token is invalid.")
	t.Setenv("SNOWFLAKE_TOKEN", s.OAuthToken)
	s.Register(snowflakePeople(1, 0))
	source.URL = strings.Replace(snowflakeURL(s, ""), ":"+s.PAT, "", 1)
	if all, err := segmenttest.ReadAll(openSQL(t, source, "N")); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestSnowflake_failures(t *testing.T) {
	t.Parallel()
	notFound := snowflaketest.Failure{Code: "100038", State: "22018", Message: "Numeric value 'ada@example.com' is not recognized"}
	for name, c := range map[string]struct {
		fail     snowflaketest.Failure
		argument string
		words    []string
	}{
		"syntax":    {snowflaketest.Syntax, "query", []string{"syntax error line 1, column 8 unexpected 'FORM'", "code 001003"}},
		"forbidden": {snowflaketest.Forbidden, "query", []string{"'CRM.PUBLIC.BUYERS' does not exist or not authorized", "lacks SELECT"}},
		"no select": {snowflaketest.NotSelect, "query", []string{"line 1, column 1 unexpected 'DELETE'"}},
		"warehouse": {snowflaketest.Warehouse, "url", []string{"no warehouse to run the query on", "Add warehouse="}},
		"time":      {snowflaketest.Timeout, "query", []string{"took too long", "raise statement_timeout"}},
		"row":       {notFound, "query", []string{"Numeric value (hidden) is not recognized"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := snowflaketest.Start(t)
			result := snowflakePeople(3, 0)
			result.Fail = &c.fail
			s.Register(result)
			_, err := snowflakeSource(s).Open(t.Context(), []string{"N"})
			wantError(t, err, c.argument, c.words...)
			if len(s.Cancelled()) > 0 {
				t.Error("a statement that has failed was cancelled")
			}
		})
	}
}

// No row is lost without an error: the partition fails, its body is cut with and
// without the connection, and rows are missing.
func TestSnowflake_rowsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  snowflaketest.Fault
		result func(*snowflaketest.Result)
		words  []string
	}{
		"failed": {result: func(r *snowflaketest.Result) {
			r.FailAt = &snowflaketest.FailAt{Page: 2, Failure: snowflaketest.Timeout}
		}, words: []string{"After row 20: ", "took too long"}},
		"cut":       {fault: snowflaketest.Fault{Path: "partition=1", Cut: 60}, words: []string{"After row 1", "was lost before the last row"}},
		"cut clean": {fault: snowflaketest.Fault{Path: "partition=1", Cut: 60, Clean: true}, words: []string{"After row 1", "was lost before the last row"}},
		"no JSON":   {fault: snowflaketest.Fault{Path: "partition=1", Status: 200, Body: "<html>"}, words: []string{"After row 10: ", "was lost before the last row"}},
		"too few":   {fault: snowflaketest.Fault{Path: "partition=1", Status: 200, Body: `{"data":[["a","1"]]}`}, words: []string{"After row 11: ", "1 of the 10 rows of partition 1"}},
		"no rows":   {fault: snowflaketest.Fault{Path: "partition=1", Status: 200, Body: `{}`}, words: []string{"After row 10: ", "0 of the 10 rows of partition 1"}},
		"columns":   {fault: snowflaketest.Fault{Path: "partition=1", Status: 200, Body: `{"data":[["a"]]}`}, words: []string{"After row 10: ", "was lost"}},
		"refused":   {fault: snowflaketest.Fault{Path: "partition=1", Status: 400, Body: "<html>"}, words: []string{"After row 10: ", "Snowflake refuses the query: status 400"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := snowflaketest.Start(t)
			result := snowflakePeople(30, 10)
			if c.result != nil {
				c.result(&result)
			} else {
				s.Break(c.fault)
			}
			s.Register(result)
			_, err := segmenttest.ReadAll(openSQL(t, snowflakeSource(s), "N"))
			var e interface{ Error() string } = err
			if err == nil {
				t.Fatal("no error")
			}
			for _, word := range c.words {
				if !strings.Contains(e.Error(), word) {
					t.Errorf("%v does not say %q", err, word)
				}
			}
		})
	}
}

// A request without an answer is repeated, and its statement runs once.
func TestSnowflake_repeats(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	s.Register(snowflakePeople(20, 10))
	s.Break(
		snowflaketest.Fault{Method: "POST", After: 1, Lose: true},
		snowflaketest.Fault{Method: "GET", Path: "partition=1", Status: 503},
	)
	all, err := segmenttest.ReadAll(openSQL(t, snowflakeSource(s), "N"))
	if err != nil || len(all) != 20 {
		t.Errorf("%d rows, %v", len(all), err)
	}
	if statements := s.Statements(); len(statements) != 2 {
		t.Errorf("%d statements ran", len(statements))
	}
}

// Ctrl-C ends the statement on the server: while it runs, and while the answer that
// has its handle is under way.
func TestSnowflake_cancelled(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*snowflaketest.Fault{"running": nil, "submitted": {Method: "POST", After: 1, Hang: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := snowflaketest.Start(t)
			result := snowflakePeople(1, 0)
			result.Endless = true
			s.Register(result)
			posts := 2
			if fault != nil {
				s.Break(*fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				defer cancel()
				for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && (s.Count("POST", "/statements") < posts || fault == nil && len(s.Running()) == 0); {
					time.Sleep(time.Millisecond)
				}
			}()
			_, err := snowflakeSource(s).Open(ctx, []string{"N"})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if len(s.Cancelled()) != 1 || len(s.Running()) != 0 {
				t.Errorf("cancelled %v, running %v", s.Cancelled(), s.Running())
			}
		})
	}
}

func TestSnowflake_unreachable(t *testing.T) {
	t.Parallel()
	source := sql.Source{URL: "snowflake://ada:secret@acme-main/db?endpoint=http%3A%2F%2F127.0.0.1%3A1", Query: snowflakeQuery}
	_, err := source.Open(t.Context(), []string{"N"})
	wantError(t, err, "url", "No server listens at 127.0.0.1:1: connection refused")
}

func TestSnowflake_noAccount(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	s.Break(snowflaketest.Fault{Status: 404, Body: "<html>"})
	_, err := snowflakeSource(s).Open(t.Context(), []string{"N"})
	wantError(t, err, "url", "There is no account of Snowflake at 127.0.0.1:")
}

func TestSnowflake_version(t *testing.T) {
	t.Parallel()
	s := snowflaketest.Start(t)
	s.Register(snowflaketest.Result{Query: "last_altered", Columns: []snowflaketest.Column{{Name: "LAST_ALTERED", Type: "timestamp_ltz"}}, Rows: 1, Row: func(int) []any { return []any{"1616173619.000000000"} }})
	source := snowflakeSource(s)
	source.VersionQuery = "SELECT last_altered FROM information_schema.tables"
	first, err := source.Version(t.Context())
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	s.Register(snowflaketest.Result{Query: "last_altered", Columns: []snowflaketest.Column{{Name: "LAST_ALTERED", Type: "timestamp_ltz"}}, Rows: 1, Row: func(int) []any { return []any{"1616173620.000000000"} }})
	if second, err := source.Version(t.Context()); err != nil || second == first {
		t.Errorf("%q, %v", second, err)
	}
}

// A million rows are never in memory, however few the partitions are.
func TestSnowflake_streams(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	race.SkipHeap(t)
	s := snowflaketest.Start(t)
	s.Register(snowflakePeople(1_000_000, 500_000))
	wantFlatHeap(t, openSQL(t, snowflakeSource(s), "EMAIL", "N"), 1_000_000)
}
