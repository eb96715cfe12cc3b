package sql_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

const clickhousePeople = `CREATE TABLE people (email String, name Nullable(String), score Nullable(Int64)) ENGINE = MergeTree ORDER BY email;
INSERT INTO people VALUES ('ann@example.com', 'Ann', 1), ('bob@example.com', NULL, 2), ('eve@example.com', 'Ève', NULL)`

func manyInClickHouse(n int) string {
	return fmt.Sprintf("SELECT concat('person', toString(number), '@example.com') AS email, toFixedString('x', 100) AS name, number AS score FROM numbers(%d)", n)
}

func TestClickHouse_values(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	cases := []valueCase{
		{"toUInt8(1)", true, "1"},
		{"toInt64(-9223372036854775807)", true, "-9223372036854775807"},
		{"toInt64(-9223372036854775808)", true, "-9223372036854775808"},
		{"toInt64(9007199254740993)", true, "9007199254740993"},
		{"toUInt64(18446744073709551615)", true, "18446744073709551615"},
		{"toDecimal64('1.50', 3)", true, "1.500"},
		{"toDecimal128('-12345678901234567890.5', 2)", true, "-12345678901234567890.50"},
		{"toDecimal128('12345678901234567890123456789.123456789', 9)", true, "12345678901234567890123456789.123456789"},
		{"0.1", true, "0.1"},
		{"toFloat32(0.1)", true, "0.1"},
		{"1e300", true, "1e+300"},
		{"1 / 0", true, ""},
		{"0 / 0", true, ""},
		{"'text'", false, "text"},
		{`'a "b" \\ \n è'`, false, "a \"b\" \\ \n è"},
		{"''", false, ""},
		{"NULL", false, ""},
		{"CAST(NULL AS Nullable(String))", false, ""},
		{"CAST('x' AS Nullable(String))", false, "x"},
		{"toFixedString('ab', 5)", false, "ab"},
		{"toDate('2026-11-24')", false, "2026-11-24"},
		{"toDateTime('2026-11-24 15:30:00', 'Europe/Berlin')", false, "2026-11-24T15:30:00+01:00"},
		{"toDateTime('2026-07-24 15:30:00', 'Asia/Kolkata')", false, "2026-07-24T15:30:00+05:30"},
		{"CAST('b' AS Enum8('a(' = 1, 'b' = 2))", false, "b"},
		{"toUUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')", false, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"[1, 2]", true, "[1,2]"},
		{"emptyArrayString()", true, "[]"},
		{"['a', 'b \"c\"', '']", true, `["a","b \"c\"",""]`},
		{"[toUInt64(18446744073709551615)]", true, "[18446744073709551615]"},
		{"[toInt64(-9007199254740993), toInt64(9223372036854775807)]", true, "[-9007199254740993,9223372036854775807]"},
		{"[[CAST(toInt64(9007199254740993) AS Nullable(Int64)), NULL]]", true, "[[9007199254740993,null]]"},
		{"[toDecimal128('12345678901234567890.25', 2)]", true, "[12345678901234567890.25]"},
		{"(toUInt64(18446744073709551615), toInt64(-9007199254740993))", true, "[18446744073709551615,-9007199254740993]"},
		{"[[1], [2, 3]]", true, "[[1],[2,3]]"},
		{"[toDate('2026-11-24')]", true, `["2026-11-24"]`},
		{"[NULL, 'x']", true, `[null,"x"]`},
		{"(1, 'a', [2])", true, `[1,"a",[2]]`},
	}
	var expressions, columns []string
	for i, c := range cases {
		columns = append(columns, fmt.Sprint("c", i))
		expressions = append(expressions, c.expression+" AS "+columns[i])
	}
	rows := openSQL(t, sql.Source{URL: db.URL(), Query: "SELECT " + strings.Join(expressions, ", ") + ";"}, columns...)
	row, err := rows.Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if row[i] != c.want || rows.JSON()[i] != c.json {
			t.Errorf("%s is %q, JSON %v; want %q, %v", c.expression, row[i], rows.JSON()[i], c.want, c.json)
		}
	}
	if row, err := rows.Next(nil); !errors.Is(err, io.EOF) {
		t.Errorf("then %q, %v", row, err)
	}
	_, err = sql.Source{URL: db.URL(), Query: "SELECT sumState(number) AS s FROM numbers(3)"}.Open(t.Context(), []string{"s"})
	wantError(t, err, "query", `"s"`, "AggregateFunction(sum, UInt64)", "cannot be mapped")
}

// A Distributed table has the rows of both shards, and a shard that is gone is an
// error, not fewer rows.
func TestClickHouse_cluster(t *testing.T) {
	t.Parallel()
	shards := sqltest.ClickHouse(t)
	for i, shard := range shards {
		shard.Exec("CREATE TABLE part (email String, shard UInt8) ENGINE = MergeTree ORDER BY email")
		shard.Exec(fmt.Sprintf("INSERT INTO part SELECT concat('p', toString(number), '@example.com'), %d FROM numbers(%d)", i, 30_000+i))
	}
	shards[0].Exec(fmt.Sprintf("CREATE TABLE everybody (email String, shard UInt8) ENGINE = Distributed(two, %s, part)", shards[0].Name))
	rows := openSQL(t, sql.Source{URL: shards[0].URL(), Query: "SELECT email, shard FROM everybody"}, "email", "shard")
	count := map[string]int{}
	for row := []string(nil); ; {
		var err error
		if row, err = rows.Next(row[:0]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		count[row[1]]++
	}
	if count["0"] != 30_000 || count["1"] != 30_001 {
		t.Errorf("rows of shards: %v", count)
	}
	shards[1].Exec("DROP TABLE part")
	_, err := sql.Source{URL: shards[0].URL(), Query: "SELECT email FROM everybody"}.Open(t.Context(), []string{"email"})
	wantError(t, err, "url", "cannot read from another server of its cluster", "There is no table "+shards[1].Name+".part", "(code 279)")
}

// A profile may end a result at a limit as if it were complete. The session asks for
// an error instead, and refuses a user who may not.
func TestClickHouse_partialResults(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	rows, err := sql.Source{URL: db.URLOf(sqltest.Truncated, sqltest.Password), Query: manyInClickHouse(1_000_000)}.Open(t.Context(), []string{"email"})
	for row := []string(nil); err == nil; {
		row, err = rows.Next(row[:0])
	}
	wantError(t, err, "query", "exceeds a limit of the server", "(code 396)")
	_, err = sql.Source{URL: db.URLOf(sqltest.TruncatedFixed, sqltest.Password), Query: manyInClickHouse(1_000_000)}.Open(t.Context(), []string{"email"})
	wantError(t, err, "url", "may lack rows", `"result_overflow_mode"`, `"skip_unavailable_shards"`, "readonly = 2")
}

func TestClickHouse_readsOnly(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	db.Exec(clickhousePeople)
	for query, words := range map[string]string{
		"DROP TABLE people":                         "begins with DROP",
		"INSERT INTO people SELECT 'x', 'x', 1":     "begins with INSERT",
		"SELECT 1; DROP TABLE people":               "more than one statement",
		"ALTER TABLE people DELETE WHERE 1":         "begins with ALTER",
		"SELECT email FROM people INTO OUTFILE 'x'": "INTO",
		"SELECT email FROM people FORMAT CSV":       "without FORMAT",
		"SELECT email FROM people) SETTINGS (":      "Syntax error",
	} {
		_, err := sql.Source{URL: db.URL(), Query: query}.Open(t.Context(), []string{"email"})
		wantError(t, err, "query", words)
	}
	if n := db.Value("SELECT count() FROM people"); n != "3" {
		t.Errorf("the table has %s rows", n)
	}
	wantRows(t, openSQL(t, sql.Source{URL: db.URL(), Query: "-- all of them\nWITH 1 AS one SELECT email, score FROM people ORDER BY email"}, "score", "email"),
		[]string{"1", "ann@example.com"}, []string{"2", "bob@example.com"}, []string{"", "eve@example.com"})
}

// The server writes totals and extremes beside the rows. They are no people.
func TestClickHouse_totals(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	query := "SELECT toString(number % 2) AS email, count() AS n FROM numbers(3) GROUP BY email WITH TOTALS ORDER BY email SETTINGS extremes = 1"
	wantRows(t, openSQL(t, sql.Source{URL: db.URL(), Query: query}, "email", "n"), []string{"0", "2"}, []string{"1", "1"})
}

func TestClickHouse_errors(t *testing.T) {
	db := sqltest.ClickHouse(t)[0]
	db.Exec(clickhousePeople)
	t.Setenv("CLICKHOUSE_PASSWORD", "")
	for name, tc := range map[string]struct {
		url, query, argument string
		words                []string
	}{
		"password":         {db.URLOf(sqltest.Owner, "wrong"), "SELECT 1 AS email", "url", []string{"refuses user and password of the URL", "Wrong password for user segment_owner"}},
		"no such user":     {db.URLOf("nobody", "x"), "SELECT 1 AS email", "url", []string{"refuses user and password", "Unknown user nobody"}},
		"no such column":   {db.URL(), "SELECT mail FROM people", "query", []string{"refuses the query", "mail", "(code 47)"}},
		"no such table":    {db.URL(), "SELECT email FROM humans", "query", []string{"humans", "doesn't exist", "(code 60)"}},
		"syntax":           {db.URL(), "SELECT email FROM\npeople WHERE", "query", []string{"Syntax error", "(code 62)"}},
		"no such database": {strings.Replace(db.URL(), db.Name, "nowhere", 1), "SELECT 1 AS email", "url", []string{`no database "nowhere"`}},
		"no permission":    {strings.Replace(db.URLOf(sqltest.Reader, sqltest.Password), db.Name, "", 1), "SELECT email FROM " + db.Name + ".people", "query", []string{"may not do", "GRANT SELECT"}},
		"another server":   {"clickhouse://u:p@" + listening(t), "SELECT 1 AS email", "url", []string{"not as ClickHouse does", "8123"}},
		"nobody listens":   {"clickhouse://u:p@127.0.0.1:1/db", "SELECT 1 AS email", "url", []string{"connection refused"}},
		"args":             {db.URL(), "SELECT email FROM people WHERE score = {p1:Int64}", "args", []string{"1 parameter", "0 args"}},
		"a limit of time":  {db.URL() + "?statement_timeout=1s", "SELECT toString(sum(sipHash64(number))) AS email FROM numbers(100000000000)", "query", []string{"ended the query", "statement_timeout"}},
		"parameter":        {db.URL() + "?compression=1", "SELECT 1 AS email", "url", []string{`"compression"`, `"statement_timeout"`}},
		"plain password":   {"clickhouse://u:p@192.0.2.1/db?tls=false", "SELECT 1 AS email", "url", []string{"Without TLS", "tls=false"}},
	} {
		_, err := sql.Source{URL: tc.url, Query: tc.query}.Open(t.Context(), []string{"email"})
		t.Log(name)
		wantError(t, err, tc.argument, tc.words...)
	}
	_, err := sql.Source{URL: db.URL(), Query: "SELECT {p1:String} AS email", Args: texts("x")}.Open(t.Context(), []string{"email"})
	wantError(t, err, "args", "ClickHouse 18", "from version 21 on")
}

// listening is the address of an HTTP server that is not ClickHouse.
func listening(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// An error in the middle comes with status 200. It ends the rows with an error, and
// never early.
func TestClickHouse_errorAmongRows(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	rows := openSQL(t, sql.Source{URL: db.URL(), Query: "SELECT toString(number) AS email, intDiv(1, number - 500000) AS n FROM numbers(1000000)"}, "email", "n")
	n, err := 0, error(nil)
	for row := []string(nil); err == nil; n++ {
		row, err = rows.Next(row[:0])
	}
	if n < 100_000 {
		t.Errorf("only %d rows came before the error", n)
	}
	wantError(t, err, "query", fmt.Sprintf("After row %d:", n-1), "Division by zero", "(code 153)")
}

// One row is in memory at a time.
func TestClickHouse_streams(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	race.SkipHeap(t)
	db := sqltest.ClickHouse(t)[0]
	const all = 1_000_000
	rows := openSQL(t, sql.Source{URL: db.URL(), Query: manyInClickHouse(all)}, "email", "name", "score")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for row := []string(nil); ; n++ {
		var err error
		if row, err = rows.Next(row[:0]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n == all*9/10 {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); n != all || grown > 8<<20 {
		t.Errorf("%d rows; the heap has grown by %d bytes", n, grown)
	}
}

// A query that is cancelled, or whose rows nobody wants any more, ends on the server:
// closing the connection alone would not end it.
func TestClickHouse_cancelled(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	for name, query := range map[string]string{
		"before a row": "SELECT toString(sum(sipHash64(number))) AS a FROM numbers(1000000000000)",
		"between rows": "SELECT toString(number) AS a FROM numbers(1000000000000)",
	} {
		query = strings.Replace(query, " AS a", " AS a, 'of "+db.Name+" ' AS tag", 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for db.Value("SELECT count() FROM system.processes WHERE query LIKE '%of "+db.Name+" %' AND query NOT LIKE '%processes%'") == "0" && ctx.Err() == nil {
				time.Sleep(20 * time.Millisecond)
			}
			cancel()
		}()
		rows, err := sql.Source{URL: db.URL(), Query: query}.Open(ctx, []string{"a"})
		for row := []string(nil); err == nil; {
			row, err = rows.Next(row[:0])
		}
		if rows != nil {
			rows.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", name, err)
		}
		wantNothingRuns(t, db)
	}
	rows := openSQL(t, sql.Source{URL: db.URL(), Query: "SELECT toString(number) AS a, 'of " + db.Name + " ' AS tag FROM numbers(1000000000000)"}, "a")
	if _, err := rows.Next(nil); err != nil {
		t.Fatal(err)
	}
	rows.Close()
	wantNothingRuns(t, db)
}

func wantNothingRuns(t *testing.T, db *sqltest.Database) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		running := db.Value("SELECT query FROM system.processes WHERE query LIKE '%of " + db.Name + " %' AND query NOT LIKE '%processes%'")
		if running == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there still runs %s", running)
		}
	}
}

func TestClickHouse_version(t *testing.T) {
	t.Parallel()
	db := sqltest.ClickHouse(t)[0]
	db.Exec(clickhousePeople)
	source := sql.Source{URL: db.URL(), Query: "SELECT email FROM people", VersionQuery: "SELECT count(), max(score) FROM people"}
	first, err := source.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db.Exec("INSERT INTO people VALUES ('joe@example.com', 'Joe', 9)")
	if second, err := source.Version(t.Context()); err != nil || second == first {
		t.Errorf("the version %q is the same after a change (%v)", second, err)
	}
	source.VersionQuery = "SELECT sumState(score), [sumState(score)] FROM people" // of types that cannot be mapped
	first, err = source.Version(t.Context())
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	if again, err := source.Version(t.Context()); err != nil || again != first {
		t.Errorf("the versions %q, %q differ with nothing changed (%v)", first, again, err)
	}
	db.Exec("INSERT INTO people VALUES ('kim@example.com', 'Kim', 7)")
	if second, err := source.Version(t.Context()); err != nil || second == first {
		t.Errorf("the version %q of states is the same after a change (%v)", second, err)
	}
}

// What later versions do, and 18.16 does not: parameters, times in ISO 8601, tuples
// with names, and an error as a field of the result.
func TestClickHouse_later(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []url.Values
	ending := `,"rows":2,"statistics":{"elapsed":0.1}}`
	meta := `{"name":"at","type":"DateTime"},{"name":"who","type":"Tuple(name String, born Nullable(Date32))"},{"name":"m","type":"Map(LowCardinality(String), UInt64)"},{"name":"ok","type":"Bool"}`
	described := `["at","DateTime","","","","",""],["who","Tuple(name String, born Nullable(Date32))"],["m","Map(LowCardinality(String), UInt64)"],["ok","Bool"]`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		asked = append(asked, r.URL.Query())
		mu.Unlock()
		switch statement := string(body); {
		case strings.HasPrefix(statement, "SELECT version()"):
			fmt.Fprint(w, `{"meta":[],"data":[["25.3.1.1","Europe/Madrid","limit"]],"rows":1}`)
		case strings.HasPrefix(statement, "DESCRIBE TABLE (\n"):
			fmt.Fprintf(w, `{"meta":[],"data":[%s],"rows":4}`, described)
		default:
			fmt.Fprintf(w, `{"meta":[%s],"data":[["2026-11-24T14:30:00Z",{"name":"Ann","born":null},{"a":"1","b":"18446744073709551615"},true],["2026-11-24T14:30:00.25Z",["Bob","1990-02-03"],{},false]]%s`, meta, ending)
		}
	}))
	t.Cleanup(server.Close)
	source := sql.Source{
		URL: strings.Replace(server.URL, "http", "clickhouse", 1) + "/db", Query: "SELECT * FROM t WHERE a = {p1:String} AND b > {p2:Nullable(Int64)} AND c = {p1:String} AND d <> '{p3:x}'",
		Args: []*string{texts("tab\tback\\slash\nline")[0], nil},
	}
	wantRows(t, openSQL(t, source, "at", "who", "m", "ok"),
		[]string{"2026-11-24T14:30:00Z", `{"name":"Ann","born":null}`, `{"a":1,"b":18446744073709551615}`, "true"},
		[]string{"2026-11-24T14:30:00.25Z", `["Bob","1990-02-03"]`, "{}", "false"})
	last := asked[len(asked)-1]
	if last.Get("param_p1") != `tab\tback\\slash\nline` || last.Get("param_p2") != `\N` || last.Get("readonly") != "2" || last.Get("date_time_output_format") != "iso" || last.Get("database") != "db" ||
		last.Get("limit") != "0" || last.Get("cancel_http_readonly_queries_on_client_close") != "1" {
		t.Errorf("the query came with %v", last)
	}
	ending = `,"rows":2,"exception":null}`
	wantRows(t, openSQL(t, source, "ok"), []string{"true"}, []string{"false"})
	for name, tc := range map[string]struct{ ending, words string }{
		"an error":         {`,"rows":2,"exception":"Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero: while executing. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 25.3.1.1)"}`, "(code 395)"},
		"of a library":     {`,"rows":2,"exception":"Poco::Exception. Code: 1000, e.code() = 104, Connection reset by peer (version 25.3.1.1 (official build))"}`, "has failed to run the query: Connection reset by peer (code 1000)"},
		"of the runtime":   {`,"rows":2,"exception":"std::exception. Code: 1001, type: std::bad_alloc, e.what() = bad \"alloc\", version = 25.3.1.1"}`, "has failed to run the query: std::bad_alloc (code 1001)"},
		"without a type":   {`,"rows":2,"exception":"Unknown exception. Code: 1002, type: St9bad_alloc (version 25.3.1.1)"}`, "has failed to run the query: St9bad_alloc (code 1002)"},
		"of another form":  {`,"rows":2,"exception":"Out of patience"}`, "was lost before the last row"},
		"library, as text": {"]Poco::Exception. Code: 1000, e.code() = 104, e.displayText() = Connection reset by peer, e.what() = Connection reset by peer", "has failed to run the query: Connection reset by peer (code 1000)"},
		"fewer rows":       {`,"rows":3}`, "was lost before the last row"},
		"no end":           {``, "was lost before the last row"},
		"no number":        {`}`, "was lost before the last row"},
		"an error as text": {"]__exception__\r\nCode: 241. DB::Exception: Memory limit exceeded: would use 10 GiB. (MEMORY_LIMIT_EXCEEDED)", "exceeds a limit of the server"},
	} {
		ending = tc.ending
		rows := openSQL(t, source, "ok")
		var err error
		for row := []string(nil); err == nil; {
			row, err = rows.Next(row[:0])
		}
		if !strings.Contains(err.Error(), "After row 2:") || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server quotes integers by a setting: those of columns, and those within the type
// JSON, where a number would become a text.
func TestClickHouse_quotedIntegers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		quote := `"`
		if r.URL.Query().Get("output_format_json_quote_64bit_integers") == "0" {
			quote = ""
		}
		columns := `["n","UInt64"],["list","Array(Int64)"],["wide","Int256"],["traits","JSON(max_dynamic_paths=8)"]`
		switch {
		case strings.HasPrefix(string(body), "SELECT version()"):
			fmt.Fprint(w, `{"data":[["25.3.1.1","UTC",""]],"rows":1}`)
		case strings.HasPrefix(string(body), "DESCRIBE"):
			fmt.Fprintf(w, `{"data":[%s],"rows":4}`, columns)
		default:
			meta := regexp.MustCompile(`\[("\w+"),("[^"]+")\]`).ReplaceAllString(columns, `{"name":$1,"type":$2}`)
			row := strings.ReplaceAll(`[#18446744073709551615#,[#-9007199254740993#],#-12345678901234567890123#,{"points":#9007199254740993#,"zip":"08001"}]`, "#", quote)
			fmt.Fprintf(w, `{"meta":[%s],"data":[%s],"rows":1}`, meta, row)
		}
	}))
	t.Cleanup(server.Close)
	source := sql.Source{URL: strings.Replace(server.URL, "http", "clickhouse", 1), Query: "SELECT * FROM t"}
	wantRows(t, openSQL(t, source, "n", "list", "wide", "traits"),
		[]string{"18446744073709551615", "[-9007199254740993]", "-12345678901234567890123", `{"points":9007199254740993,"zip":"08001"}`})
}

// A description that an error has ended early is not taken for one of fewer columns.
func TestClickHouse_descriptionCut(t *testing.T) {
	t.Parallel()
	exception := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); strings.HasPrefix(string(body), "SELECT version()") {
			fmt.Fprint(w, `{"meta":[],"data":[["25.3.1.1","UTC",""]],"rows":1}`)
		} else {
			fmt.Fprintf(w, `{"meta":[],"data":[["email","String"]],"rows":1,"exception":%q}`, exception)
		}
	}))
	t.Cleanup(server.Close)
	for text, words := range map[string]string{
		"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)":                 "exceeds a limit of the server",
		"Poco::Exception. Code: 1000, e.code() = 104, Connection reset by peer (version 25.3.1.1)": "Connection reset by peer (code 1000)",
		"Out of patience": "was lost",
	} {
		exception = text
		_, err := sql.Source{URL: strings.Replace(server.URL, "http", "clickhouse", 1), Query: "SELECT * FROM t"}.Open(t.Context(), []string{"name"})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", text, err, words)
		}
	}
}

// A user who is read-only already may change no settings, and needs none.
func TestClickHouse_readOnlyUser(t *testing.T) {
	t.Parallel()
	refusals := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Query().Has("readonly"):
			refusals++
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "Code: 164. DB::Exception: Cannot modify 'readonly' setting in readonly mode. (READONLY)")
		case strings.HasPrefix(string(body), "SELECT version()"):
			fmt.Fprint(w, `{"meta":[],"data":[["23.8.1.1","UTC",""]],"rows":1}`)
		case strings.HasPrefix(string(body), "DESCRIBE"):
			fmt.Fprint(w, `{"data":[["email","String"]],"rows":1}`)
		default:
			fmt.Fprint(w, `{"meta":[{"name":"email","type":"String"}],"data":[["ann@example.com"]],"rows":1}`)
		}
	}))
	t.Cleanup(server.Close)
	address := strings.Replace(server.URL, "http", "clickhouse", 1)
	wantRows(t, openSQL(t, sql.Source{URL: address, Query: "SELECT email FROM t"}, "email"), []string{"ann@example.com"})
	if refusals != 1 {
		t.Errorf("%d requests were refused", refusals)
	}
	_, err := sql.Source{URL: address + "?statement_timeout=10s", Query: "SELECT email FROM t"}.Open(t.Context(), []string{"email"})
	wantError(t, err, "url", "may change no settings", "Remove statement_timeout")
}

func TestClickHouse_tls(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[["23.8","UTC",""]],"rows":1}`) }))
	t.Cleanup(server.Close)
	address := strings.Replace(server.URL, "https", "clickhouse", 1)
	for parameters, words := range map[string]string{
		"?tls=true":                "not signed by an authority that is trusted here",
		"?tls=skip-verify":         `no column "a"`,
		"?ssl-ca=" + ca(t, server): `no column "a"`,
		"?ssl-ca=/none":            "The file of ssl-ca cannot be read",
		"?tls=false":               "answers 400",
	} {
		_, err := sql.Source{URL: address + parameters, Query: "SELECT 1 AS a, 2 AS b"}.Open(t.Context(), []string{"a"})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", parameters, err, words)
		}
	}
}

// ca is a file with the certificate of a server.
func ca(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
