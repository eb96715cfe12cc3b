package sql_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/trinotest"
)

// trinoURL is the URL of a stand-in.
func trinoURL(s *trinotest.Server) string {
	user := s.User
	if s.Password != "" {
		user += ":" + s.Password
	}
	return "trino://" + user + "@" + strings.TrimPrefix(s.URL, "http://") + "/lake/crm"
}

const trinoQuery = "SELECT email, n FROM people"

// trinoPeople is a result of so many rows.
func trinoPeople(rows, page int) trinotest.Result {
	return trinotest.Result{
		Query: trinoQuery, Columns: []trinotest.Column{{Name: "email", Type: "varchar(100)"}, {Name: "n", Type: "bigint"}}, Rows: rows, PageRows: page,
		Row: func(i int) []any { return []any{"person" + strconv.Itoa(i) + "@example.com", i} },
	}
}

func trinoSource(s *trinotest.Server) sql.Source {
	return sql.Source{URL: trinoURL(s), Query: trinoQuery}
}

// statementTexts are the first words of the statements that were sent.
func statementTexts(statements []trinotest.Statement) []string {
	texts := make([]string, len(statements))
	for i, statement := range statements {
		texts[i] = statement.Text
	}
	return texts
}

func TestTrino_pages(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	result := trinoPeople(25, 10)
	result.EmptyPages, result.Polls = []int{0, 2}, 2
	s.Register(result)
	source := sql.Source{URL: trinoURL(s) + "?statement_timeout=90s&role=reader&session_properties=a.b:c", Query: trinoQuery + " ; -- the end"}
	rows := openSQL(t, source, "n", "email")
	all, err := segmenttest.ReadAll(rows)
	if err != nil || len(all) != 25 || all[24][0] != "24" || all[10][1] != "person10@example.com" {
		t.Errorf("%d rows, %v", len(all), err)
	}
	rows.Close()
	statements := s.Statements()
	want := []string{"START TRANSACTION READ ONLY", "PREPARE klaviyo FROM\n" + trinoQuery + " ", "DESCRIBE INPUT klaviyo", "DESCRIBE OUTPUT klaviyo", trinoQuery + " ", "ROLLBACK"}
	if got := statementTexts(statements); !slices.Equal(got, want) {
		t.Errorf("statements %q", got)
	}
	transaction := statements[1].Options["transaction-id"]
	for i, statement := range statements {
		for name, want := range map[string]string{
			"user": "reader", "catalog": "lake", "schema": "crm", "source": "terraform-provider-klaviyo", "role": "system=ROLE%7Breader%7D", "session.query_max_run_time": "90000ms", "session.a.b": "c",
			"client-capabilities": "PARAMETRIC_DATETIME", "transaction-id": map[bool]string{true: "NONE", false: transaction}[i == 0],
		} {
			if got := statement.Options[name]; got != want {
				t.Errorf("%q: %s is %q, want %q", statement.Text, name, got, want)
			}
		}
	}
	if s.OpenTransactions() != 0 || len(s.Cancelled()) > 0 || s.MostPagesAtOnce() > 1 {
		t.Errorf("%d open transactions, cancelled %v, %d pages at once", s.OpenTransactions(), s.Cancelled(), s.MostPagesAtOnce())
	}
}

func TestTrino_types(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	columns := []trinotest.Column{
		{Name: "a", Type: "decimal(38,2)"},
		{Name: "b", Type: "varchar"},
		{Name: "c", Type: "boolean"},
		{Name: "d", Type: "timestamp(3) with time zone"},
		{Name: "e", Type: "array(row(x bigint, y varchar))"},
		{Name: "f", Type: "map(varchar, double)"},
		{Name: "g", Type: "varbinary"},
		{Name: "h", Type: "array(varbinary)"},
	}
	s.Register(trinotest.Result{Query: "FROM t", Columns: columns, Rows: 2, Row: func(i int) []any {
		return [][]any{
			{"12345678901234567890123456789.50", "a \"b\"\n<é>", true, "2026-07-24 15:30:00.250 Europe/Madrid", []any{[]any{1, "x"}, nil}, map[string]any{"k": 0.5}, "AP8=", []any{}},
			{nil, nil, nil, nil, nil, nil, nil, nil},
		}[i]
	}})
	source := sql.Source{URL: trinoURL(s), Query: "SELECT * FROM t"}
	rows := openSQL(t, source, "a", "b", "c", "d", "e", "f")
	if got := fmt.Sprint(rows.JSON()); got != "[true false true false true true]" {
		t.Errorf("JSON %s", got)
	}
	wantRows(t, rows,
		[]string{"12345678901234567890123456789.50", "a \"b\"\n<é>", "true", "2026-07-24T15:30:00.25+02:00", `[{"x":1,"y":"x"},null]`, `{"k":0.5}`},
		[]string{"", "", "", "", "", ""},
	)
	for name, of := range map[string]string{"g": "varbinary", "h": "array(varbinary)"} {
		_, err := source.Open(t.Context(), []string{"a", name})
		wantError(t, err, "query", `The column "`+name+`" is of the type `+of+", which cannot be mapped")
	}
	if n := len(s.Statements()) - 5; n != 2*5 { // each without the query
		t.Errorf("%d statements of the refused", n)
	}
}

func TestTrino_missingColumn(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	s.Register(trinoPeople(3, 0))
	_, err := trinoSource(s).Open(t.Context(), []string{"EMAIL"})
	if err == nil || !strings.Contains(err.Error(), `"email", "n"`) {
		t.Errorf("%v", err)
	}
	if got := statementTexts(s.Statements()); slices.Contains(got, trinoQuery) || s.OpenTransactions() != 0 {
		t.Errorf("statements %q, %d open transactions", got, s.OpenTransactions())
	}
}

// Args are string literals beside the prepared query, which does not change. A long
// query is echoed in the server's own encoding.
func TestTrino_args(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"short": "", "long": " /* " + strings.Repeat("long ", 600) + "*/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trinotest.Start(t)
			result := trinoPeople(1, 0)
			result.Args = 3
			s.Register(result)
			source := trinoSource(s)
			source.Query += " WHERE a = ? AND b = '?' AND c = ? -- ?\n AND d = ?" + more
			injection := "'; DROP TABLE people --"
			source.Args = []*string{&injection, nil, new(string)}
			all, err := segmenttest.ReadAll(openSQL(t, source, "email"))
			if err != nil || len(all) != 1 {
				t.Errorf("%v, %v", all, err)
			}
			statements := s.Statements()
			last := statements[len(statements)-1]
			if want := "EXECUTE klaviyo USING '''; DROP TABLE people --', NULL, ''"; last.Text != want || last.Options["prepared"] != source.Query || len(last.Args) != 3 {
				t.Errorf("%q with args %v of %q", last.Text, last.Args, last.Options["prepared"])
			}
			source.Args = source.Args[:2]
			_, err = source.Open(t.Context(), []string{"email"})
			wantError(t, err, "args", "The query has 3 parameters, and there are 2 args")
		})
	}
}

// Args become the types that Trino finds for the parameters.
func TestTrino_typedArgs(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	result := trinoPeople(1, 0)
	result.Args = 2
	s.Register(result)
	s.Break(trinotest.Fault{Method: "GET", Path: "/executing/20261128_040000_00003", Status: http.StatusOK, Body: `{"id":"x","data":[[0,"bigint"],[1,"varchar(2)"]]}`}) // DESCRIBE INPUT
	source := trinoSource(s)
	source.Query += " WHERE n > ? AND tier = ?"
	source.Args = texts("5", "gold")
	wantRows(t, openSQL(t, source, "n"), []string{"0"})
	statements := s.Statements()
	if got := statements[len(statements)-1].Text; got != "EXECUTE klaviyo USING CAST('5' AS bigint), 'gold'" {
		t.Errorf("%q", got)
	}
}

// A statement that the check of its first words would miss meets the read-only
// transaction.
func TestTrino_readOnly(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	writes := trinoPeople(1, 0)
	writes.Kind = "INSERT"
	s.Register(writes)
	rows, err := trinoSource(s).Open(t.Context(), []string{"n"})
	if err == nil {
		_, err = rows.Next(nil)
		defer rows.Close()
	}
	wantError(t, err, "query", "The query writes, and segments are only read", "READ_ONLY_VIOLATION")
	if s.Written() != 0 {
		t.Error("it was written")
	}
	source := sql.Source{URL: trinoURL(s), Query: `SELECT '\'; DELETE FROM people --'`}
	before := len(s.Requests())
	_, err = source.Open(t.Context(), []string{"n"})
	wantError(t, err, "query", "more than one statement", "It was not sent")
	if len(s.Requests()) != before {
		t.Error("a request was sent")
	}
}

func TestTrino_failures(t *testing.T) {
	t.Parallel()
	quoting := trinotest.Failure{Name: "INVALID_CAST_ARGUMENT", Code: "9", Type: "USER_ERROR", Message: "Cannot cast 'ada@example.com' to BIGINT"}
	for name, c := range map[string]struct {
		fail     trinotest.Failure
		argument string
		words    []string
	}{
		"syntax":    {trinotest.Syntax, "query", []string{"mismatched input 'FORM'", "SYNTAX_ERROR"}},
		"not found": {trinotest.NotFound, "query", []string{"Table 'hive.crm.buyers' does not exist (TABLE_NOT_FOUND)"}},
		"forbidden": {trinotest.Forbidden, "query", []string{"may not do what the query does: Access Denied: Cannot select from columns [id]", "Grant it"}},
		"time":      {trinotest.Timeout, "query", []string{"took too long", "raise statement_timeout"}},
		"queue":     {trinotest.QueueFull, "url", []string{"Too many queued queries", "Plan again later"}},
		"row":       {quoting, "query", []string{"Cannot cast (hidden) to BIGINT"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trinotest.Start(t)
			result := trinoPeople(3, 0)
			result.Fail = &c.fail
			s.Register(result)
			_, err := trinoSource(s).Open(t.Context(), []string{"n"})
			wantError(t, err, c.argument, c.words...)
			if len(s.Cancelled()) > 0 || s.OpenTransactions() != 0 {
				t.Errorf("cancelled %v, %d open transactions", s.Cancelled(), s.OpenTransactions())
			}
		})
	}
}

// No row is lost without an error.
func TestTrino_rowsMissing(t *testing.T) {
	t.Parallel()
	const executing = "/executing/"
	for name, c := range map[string]struct {
		fault  trinotest.Fault
		result func(*trinotest.Result)
		words  []string
	}{
		"failed":    {result: func(r *trinotest.Result) { r.FailAt = &trinotest.FailAt{Page: 2, Failure: trinotest.Timeout} }, words: []string{"After row 20: ", "took too long"}},
		"cut":       {fault: trinotest.Fault{Path: executing, Cut: 200}, words: []string{"was lost before the last row"}},
		"cut clean": {fault: trinotest.Fault{Path: executing, Cut: 200, Clean: true}, words: []string{"was lost before the last row"}},
		"no JSON":   {fault: trinotest.Fault{Path: executing, Status: 200, Body: "<html>"}, words: []string{"was lost before the last row"}},
		"columns":   {fault: trinotest.Fault{Path: executing, Status: 200, Body: `{"id":"x","data":[["a"]]}`}, words: []string{"was lost"}},
		"other":     {fault: trinotest.Fault{Path: executing, Status: 200, Body: `{"id":"x","columns":[{"name":"email","type":"varchar"},{"name":"m","type":"bigint"}],"data":[["a",1]]}`}, words: []string{"changed while it ran"}},
		"type":      {fault: trinotest.Fault{Path: executing, Status: 200, Body: `{"id":"x","columns":[{"name":"email","type":"varchar"},{"name":"n","type":"varbinary"}],"data":[["a",1]]}`}, words: []string{"changed while it ran"}},
		"refused":   {fault: trinotest.Fault{Path: executing, Status: 410}, words: []string{"refuses the request: Gone (status 410)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trinotest.Start(t)
			result := trinoPeople(60, 10)
			if c.result != nil {
				c.result(&result)
			}
			s.Register(result)
			rows := openSQL(t, trinoSource(s), "n")
			if c.result == nil {
				s.Break(c.fault)
			}
			_, err := segmenttest.ReadAll(rows)
			if err == nil {
				t.Fatal("no error")
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %q", err, word)
				}
			}
		})
	}
}

func TestTrino_repeats(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	s.Register(trinoPeople(20, 10))
	s.Break(
		trinotest.Fault{Method: "POST", After: 2, Lose: true},
		trinotest.Fault{Method: "GET", Path: "/executing/", Status: 502},
		trinotest.Fault{Method: "GET", Path: "/executing/", After: 7, Lose: true},
	)
	all, err := segmenttest.ReadAll(openSQL(t, trinoSource(s), "n"))
	if err != nil || len(all) != 20 {
		t.Errorf("%d rows, %v", len(all), err)
	}
}

// Ctrl-C ends the statement on the server, and its transaction.
func TestTrino_cancelled(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*trinotest.Result){
		"running": func(r *trinotest.Result) { r.Endless = true }, "queued": func(r *trinotest.Result) { r.Polls = 1 << 30 }, "reading": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trinotest.Start(t)
			result := trinoPeople(1000, 10)
			s.Register(result)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if change != nil {
				change(&result)
				result.Match = func(statement string) bool { return strings.HasPrefix(statement, "SELECT") }
				go func() {
					defer cancel()
					for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && !isAskedFor(s, trinoQuery); {
						time.Sleep(time.Millisecond)
					}
				}()
				s.Register(result)
			}
			rows, err := trinoSource(s).Open(ctx, []string{"n"})
			for n := 0; err == nil; n++ {
				if _, err = rows.Next(nil); change == nil && n == 15 {
					cancel()
				}
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if rows != nil {
				rows.Close()
			}
			if len(s.Cancelled()) != 1 || slices.Contains(s.Running(), trinoQuery) || s.OpenTransactions() != 0 {
				t.Errorf("cancelled %v, running %q, %d open transactions", s.Cancelled(), s.Running(), s.OpenTransactions())
			}
		})
	}
}

// isAskedFor reports whether the client has asked for the rows of a statement.
func isAskedFor(s *trinotest.Server, text string) bool {
	for _, statement := range s.Statements() {
		if statement.Text == text && s.Count("GET", statement.ID) > 0 {
			return true
		}
	}
	return false
}

func TestTrino_access(t *testing.T) {
	for _, name := range []string{"TRINO_PASSWORD", "TRINO_ACCESS_TOKEN", "TRINO_USER"} {
		t.Setenv(name, "")
	}
	s := trinotest.Start(t)
	s.Password, s.Token = "s3cret", "jwt"
	s.Register(trinoPeople(1, 0))
	source := trinoSource(s)
	wantRows(t, openSQL(t, source, "n"), []string{"0"})

	source.URL = strings.Replace(trinoURL(s), "s3cret", "Hu5h", 1)
	_, err := source.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "refuses user and password of the URL: Access Denied: Invalid credentials (status 401)")

	source.URL = strings.Replace(trinoURL(s), ":s3cret", "", 1)
	_, err = source.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "refuses the user of the URL, without a password: Unauthorized (status 401)")

	t.Setenv("TRINO_ACCESS_TOKEN", "jwt")
	wantRows(t, openSQL(t, source, "n"), []string{"0"})
	source.URL = strings.Replace(source.URL, s.User, "eve", 1)
	_, err = source.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "denies access with the token of TRINO_ACCESS_TOKEN", "cannot impersonate user eve")
}

// Credentials go to no other host, whatever the server says.
func TestTrino_otherHost(t *testing.T) {
	t.Parallel()
	other := trinotest.Start(t)
	for name, next := range map[string]string{"host": other.URL, "scheme": "https"} {
		s := trinotest.Start(t)
		if s.NextHost = next; name == "scheme" {
			s.NextHost = strings.Replace(s.URL, "http:", "https:", 1)
		}
		s.Register(trinoPeople(1, 0))
		_, err := trinoSource(s).Open(t.Context(), []string{"n"})
		wantError(t, err, "url", "the rows are at another address", "http-server.process-forwarded=true")
	}
	if n := len(other.Requests()); n > 0 {
		t.Errorf("%d requests to another host", n)
	}
}

func TestTrino_unreachable(t *testing.T) {
	t.Parallel()
	source := sql.Source{URL: "trino://ada:secret@127.0.0.1:1/lake", Query: trinoQuery}
	_, err := source.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "No server listens at 127.0.0.1:1: connection refused")
}

func TestTrino_noTLS(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	source := trinoSource(s)
	source.URL += "?tls=true"
	_, err := source.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "There is no secure connection to 127.0.0.1:", "ssl-ca=/path/to/ca.pem")
}

func TestTrino_version(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	snapshot := trinotest.Result{Query: "snapshot_id", Columns: []trinotest.Column{{Name: "snapshot_id", Type: "bigint"}}, Rows: 1, Row: func(int) []any { return []any{1} }}
	s.Register(snapshot)
	source := trinoSource(s)
	source.VersionQuery = `SELECT snapshot_id FROM "customers$snapshots"`
	first, err := source.Version(t.Context())
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	snapshot.Row = func(int) []any { return []any{2} }
	s.Register(snapshot)
	if second, err := source.Version(t.Context()); err != nil || second == first {
		t.Errorf("%q, %v", second, err)
	}
}

// A version may be of values that cannot be mapped, as checksum() yields them.
func TestTrino_binaryVersion(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	source := trinoSource(s)
	source.VersionQuery = "SELECT checksum(email), array_agg(hash) FROM people"
	version := func(sum string) string {
		t.Helper()
		s.Register(trinotest.Result{Query: "checksum", Columns: []trinotest.Column{{Name: "_col0", Type: "varbinary"}, {Name: "_col1", Type: "array(varbinary)"}}, Rows: 1, Row: func(int) []any { return []any{sum, []any{"AAE="}} }})
		version, err := source.Version(t.Context())
		if err != nil || version == "" {
			t.Fatalf("version %q, %v", version, err)
		}
		return version
	}
	first := version("1zqJqSkhPHs=")
	if version("1zqJqSkhPHs=") != first || version("2zqJqSkhPHs=") == first {
		t.Error("the version does not follow the value")
	}
}

// A million rows are never in memory.
func TestTrino_streams(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	race.SkipHeap(t)
	s := trinotest.Start(t)
	s.Register(trinoPeople(1_000_000, 500_000))
	wantFlatHeap(t, openSQL(t, trinoSource(s), "email", "n"), 1_000_000)
}

// The certificate of a server is verified, by an authority of one's own too.
func TestTrino_tls(t *testing.T) {
	t.Parallel()
	s := trinotest.Start(t)
	s.Register(trinoPeople(3, 0))
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	certificate, ca := certified(t, "127.0.0.1")
	proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	proxy.TLS = certificate
	proxy.StartTLS()
	t.Cleanup(proxy.Close)
	s.NextHost = proxy.URL
	address := "trino://reader@" + strings.TrimPrefix(proxy.URL, "https://") + "/lake?"
	for _, parameter := range []string{"ssl-ca=" + url.QueryEscape(ca), "tls=skip-verify"} {
		wantRows(t, openSQL(t, sql.Source{URL: address + parameter, Query: trinoQuery}, "n"), []string{"0"}, []string{"1"}, []string{"2"})
	}
	_, err = sql.Source{URL: address + "tls=true", Query: trinoQuery}.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "There is no secure connection to 127.0.0.1:", "not signed by an authority that is trusted here", "ssl-ca=/path/to/ca.pem")
	_, err = sql.Source{URL: address + "ssl-ca=/no/such/file", Query: trinoQuery}.Open(t.Context(), []string{"n"})
	wantError(t, err, "url", "The file of ssl-ca cannot be read")
}
