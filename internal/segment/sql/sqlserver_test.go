package sql_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/sqlservertest"
)

const peopleQuery = "SELECT email, score FROM people"

var peopleColumns = []sqlservertest.Column{{Name: "email", Type: "nvarchar(100)"}, {Name: "score", Type: "int"}}

// newSQLServer starts a server with two people.
func newSQLServer(t *testing.T) *sqlservertest.Server {
	t.Helper()
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: sqlservertest.Rows(
		[]any{"ann@example.com", 1}, []any{"bob@example.com", nil},
	)})
	return server
}

// readSQLServer reads all rows of a query.
func readSQLServer(t *testing.T, source sql.Source, columns ...string) ([][]string, error) {
	t.Helper()
	rows, err := source.Open(t.Context(), columns)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

// A statement is described before it runs, in a transaction that is not committed.
func TestSQLServer_reads(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	rows := openSQL(t, sql.Source{URL: server.URL(), Query: peopleQuery + " "}, "score", "email")
	wantRows(t, rows, []string{"1", "ann@example.com"}, []string{"", "bob@example.com"})
	var kinds []string
	for _, s := range server.Statements() {
		kinds = append(kinds, fmt.Sprint(s.Kind, " ", s.Transaction))
	}
	if want := []string{"begin false", "describe true", "batch true"}; !slices.Equal(kinds, want) {
		t.Errorf("requests %q, want %q", kinds, want)
	}
	want := sqlservertest.Login{User: sqlservertest.User, Database: sqlservertest.Database, App: "terraform-provider-klaviyo", ReadOnly: true}
	if logins := server.Logins(); !slices.Equal(logins, []sqlservertest.Login{want}) {
		t.Errorf("logins %+v, want %+v", logins, want)
	}
}

// Args are sent beside the statement, which stays as it is.
func TestSQLServer_args(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	query := "SELECT email FROM people WHERE score >= @p1 AND name <> @p2 AND @P1 <> '@p9' -- @p8"
	server.Answer(query, sqlservertest.Result{Columns: peopleColumns[:1], Rows: sqlservertest.Rows([]any{"ann@example.com"})})
	hostile := "'; DROP TABLE people --\u2019"
	rows := openSQL(t, sql.Source{URL: server.URL(), Query: query, Args: []*string{&hostile, nil}}, "email")
	wantRows(t, rows, []string{"ann@example.com"})
	statements := server.Statements()
	last := statements[len(statements)-1]
	if want := []sqlservertest.Param{{Name: "@p1", Value: hostile}, {Name: "@p2"}}; last.Kind != "execute" || !slices.Equal(last.Params, want) {
		t.Errorf("%q ran with %+v, want %+v", last.Kind, last.Params, want)
	}
	if described := statements[1]; !slices.Equal(described.Params, []sqlservertest.Param{{Name: "@params", Value: "@p1 nvarchar(4000), @p2 nvarchar(4000)"}}) {
		t.Errorf("it was described with %+v", described.Params)
	}
	_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: query, Args: texts("1")}, "email")
	wantError(t, err, "args", "2 parameters, and there are 1 args", "@p1, @p2")
	if n := len(server.Executed()); n != 1 {
		t.Errorf("%d statements ran", n)
	}
}

// Nothing runs if the columns are not what is wanted.
func TestSQLServer_describedFirst(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	answer := func(query string, columns ...sqlservertest.Column) {
		server.Answer(query, sqlservertest.Result{Columns: columns, Rows: sqlservertest.Rows()})
	}
	answer("SELECT 1 AS n", sqlservertest.Column{Name: "n", Type: "int"})
	answer("SELECT email, email FROM people", peopleColumns[0], peopleColumns[0])
	answer("SELECT nothing")
	for query, words := range map[string]string{
		"SELECT email, email FROM people": "more than one column",
		"SELECT nothing":                  "returns no columns",
	} {
		_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: query}, "email")
		wantError(t, err, "query", words)
	}
	_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: "SELECT 1 AS n"}, "email")
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) {
		t.Errorf("error %v", err)
	}
	for _, of := range []string{"varbinary(10)", "binary(4)", "timestamp", "sql_variant", "geography", "geometry", "hierarchyid"} {
		query := "SELECT a FROM " + of
		answer(query, sqlservertest.Column{Name: "a", Type: of})
		_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: query}, "a")
		kind, _, _ := strings.Cut(of, "(")
		wantError(t, err, "query", `column "a" is of the type `+kind+",", "convert it to text")
	}
	if ran := server.Executed(); ran != nil {
		t.Errorf("%q ran", ran)
	}
}

// A server that cannot describe statements is read all the same; the columns are
// known once the statement has begun.
func TestSQLServer_withoutDescribe(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	server.WithoutDescribe()
	wantRows(t, openSQL(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "score"), []string{"1"}, []string{""})
	server.Answer("SELECT a", sqlservertest.Result{Columns: []sqlservertest.Column{{Name: "a", Type: "varbinary(10)"}}, Rows: sqlservertest.Rows()})
	_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: "SELECT a"}, "a")
	wantError(t, err, "query", "of the type varbinary")
}

// Where there are no transactions, statements are read without.
func TestSQLServer_withoutTransactions(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	server.RefuseRequests(1, sqlservertest.Error{Number: 15871, State: 9, Class: 16, Message: "Begin transaction is not supported."})
	wantRows(t, openSQL(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "score"), []string{"1"}, []string{""})
}

func TestSQLServer_types(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 15, 30, 0, 500_000_000, time.UTC)
	berlin := time.FixedZone("", 3600)
	cases := []struct {
		of    string
		value any
		json  bool
		want  string
	}{
		{"tinyint", 255, true, "255"},
		{"smallint", -32768, true, "-32768"},
		{"int", math.MinInt32, true, "-2147483648"},
		{"bigint", int64(math.MaxInt64), true, "9223372036854775807"},
		{"bit", true, true, "true"},
		{"bit", false, true, "false"},
		{"real", float32(0.1), true, "0.1"},
		{"float", 0.1, true, "0.1"},
		{"float", 1e300, true, "1e+300"},
		{"decimal(38,10)", "9999999999999999999999999999.0123456789", true, "9999999999999999999999999999.0123456789"},
		{"decimal(9,2)", "-0.05", true, "-0.05"},
		{"decimal(19,0)", "0", true, "0"},
		{"numeric(28,4)", "123456789012345678901234.5", true, "123456789012345678901234.5000"},
		{"money", "-922337203685477.5808", true, "-922337203685477.5808"},
		{"money", "0.01", true, "0.0100"},
		{"smallmoney", "214748.3647", true, "214748.3647"},
		{"date", at, false, "2026-11-24"},
		{"date", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), false, "0001-01-01"},
		{"date", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), false, "9999-12-31"},
		{"time(7)", at, false, "15:30:00.5"},
		{"time(0)", at, false, "15:30:00"},
		{"datetime", at, false, "2026-11-24T15:30:00.5"},
		{"datetime", time.Date(1753, 1, 1, 23, 59, 59, 997_000_000, time.UTC), false, "1753-01-01T23:59:59.997"},
		{"smalldatetime", at, false, "2026-11-24T15:30:00"},
		{"datetime2(3)", at, false, "2026-11-24T15:30:00.5"},
		{"datetime2(7)", at.Add(100), false, "2026-11-24T15:30:00.5000001"},
		{"datetimeoffset(7)", at.In(berlin), false, "2026-11-24T16:30:00.5+01:00"},
		{"datetimeoffset(0)", at, false, "2026-11-24T15:30:00Z"},
		{"uniqueidentifier", "01234567-89AB-CDEF-0123-456789ABCDEF", false, "01234567-89AB-CDEF-0123-456789ABCDEF"},
		{"char(5)", "ab   ", false, "ab   "},
		{"varchar(20)", "Zoé", false, "Zoé"},
		{"varchar(max)", strings.Repeat("é", 9000), false, strings.Repeat("é", 9000)},
		{"nchar(3)", "日本語", false, "日本語"},
		{"nvarchar(20)", "𝄞 Ωmega", false, "𝄞 Ωmega"},
		{"nvarchar(20)", "", false, ""},
		{"nvarchar(max)", strings.Repeat("語", 9000), false, strings.Repeat("語", 9000)},
		{"text", "old", false, "old"},
		{"ntext", "alt Ω", false, "alt Ω"},
		{"xml", "<a>1</a>", false, "<a>1</a>"},
		{"json", `{"a":[1,2]}`, true, `{"a":[1,2]}`},
	}
	server := sqlservertest.Start(t)
	result := sqlservertest.Result{}
	var names, want, empty []string
	var row, null []any
	for i, c := range cases {
		names, want, row = append(names, fmt.Sprintf("c%d", i)), append(want, c.want), append(row, c.value)
		empty, null = append(empty, ""), append(null, nil)
		result.Columns = append(result.Columns, sqlservertest.Column{Name: names[i], Type: c.of})
	}
	// What is not mapped may have any type.
	for _, of := range []string{"varbinary(max)", "binary(4)", "timestamp", "sql_variant", "geography", "hierarchyid"} {
		result.Columns = append(result.Columns, sqlservertest.Column{Name: of, Type: of})
		value := any([]byte("\x01\x02\x03\x04"))
		if of == "sql_variant" {
			value = "any"
		}
		row, null = append(row, value), append(null, nil)
	}
	result.Rows = sqlservertest.Rows(row, null, null, row)
	query := "SELECT * FROM every_type"
	server.Answer(query, result)
	rows := openSQL(t, sql.Source{URL: server.URL(), Query: query}, names...)
	for i, json := range rows.JSON() {
		if json != cases[i].json {
			t.Errorf("%s is JSON: %t", cases[i].of, json)
		}
	}
	wantRows(t, rows, want, empty, empty, want)
}

// Columns that are never NULL are sent in another way.
func TestSQLServer_notNull(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	at := time.Date(1899, 12, 31, 1, 2, 3, 0, time.UTC)
	var result sqlservertest.Result
	var row []any
	var names, want []string
	for _, c := range []struct {
		of    string
		value any
		want  string
	}{
		{"tinyint", 7, "7"},
		{"smallint", 8, "8"},
		{"int", 9, "9"},
		{"bigint", 10, "10"},
		{"bit", true, "true"},
		{"real", float32(1.5), "1.5"},
		{"float", 2.5, "2.5"},
		{"money", "3.5", "3.5000"},
		{"smallmoney", "4.5", "4.5000"},
		{"datetime", at, "1899-12-31T01:02:03"},
		{"smalldatetime", at.AddDate(30, 0, 0), "1929-12-31T01:02:00"},
	} {
		result.Columns = append(result.Columns, sqlservertest.Column{Name: c.of, Type: c.of, NotNull: true})
		row, names, want = append(row, c.value), append(names, c.of), append(want, c.want)
	}
	result.Rows = sqlservertest.Rows(row, row)
	server.Answer("SELECT fixed", result)
	wantRows(t, openSQL(t, sql.Source{URL: server.URL(), Query: "SELECT fixed"}, names...), want, want)
}

// generated yields rows that the server does not keep.
func generated(n int) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := range n {
			if !yield([]any{fmt.Sprintf("person%d@example.com", i), i}) {
				return
			}
		}
	}
}

// Rows are streamed: few of a million are in memory at a time.
func TestSQLServer_streams(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	race.SkipHeap(t)
	const people = 1_000_000
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(people)})
	rows := openSQL(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "email", "score")
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
		if n == 800_000 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
		}
	}
	if n != people {
		t.Errorf("%d rows", n)
	}
}

// wantClosed waits until no client is connected.
func wantClosed(t *testing.T, server *sqlservertest.Server) {
	t.Helper()
	for deadline := time.Now().Add(hangGuard); server.Connections() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left", server.Connections())
		}
	}
}

// A cancelled statement is cancelled on the server: before it has columns, before
// its first row, and between rows.
func TestSQLServer_cancelled(t *testing.T) {
	t.Parallel()
	endless := func(yield func([]any) bool) {
		for yield([]any{"ann@example.com", 1}) {
		}
	}
	for name, result := range map[string]sqlservertest.Result{
		"before a row": {Columns: peopleColumns, Rows: sqlservertest.Rows(), Hang: true},
		"after rows":   {Columns: peopleColumns, Rows: sqlservertest.Rows([]any{"ann@example.com", 1}), Hang: true},
		"between rows": {Columns: peopleColumns, Rows: endless},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := sqlservertest.Start(t)
			server.Answer(peopleQuery, result)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				rows, err := sql.Source{URL: server.URL(), Query: peopleQuery}.Open(ctx, []string{"email"})
				for row := []string(nil); err == nil; {
					row, err = rows.Next(row[:0])
				}
				if rows != nil {
					rows.Close()
				}
				ended <- err
			}()
			for deadline := time.Now().Add(hangGuard); server.Executed() == nil; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the statement does not begin")
				}
			}
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			case <-time.After(hangGuard):
				t.Fatal("the statement does not end")
			}
			wantClosed(t, server)
			if server.Attentions() == 0 { // the driver may repeat it
				t.Error("the server got no attention signal")
			}
		})
	}
}

// Once the context has ended there are no more rows, though the driver has some.
func TestSQLServer_cancelledBetweenRows(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(1000)})
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := sql.Source{URL: server.URL(), Query: peopleQuery}.Open(ctx, []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if _, err := rows.Next(nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	if row, err := rows.Next(nil); !errors.Is(err, context.Canceled) {
		t.Errorf("row %q, %v", row, err)
	}
}

// Closing in the middle cancels the statement as well, and what has ended is not
// cancelled.
func TestSQLServer_closed(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(math.MaxInt)})
	rows := openSQL(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "email")
	for range 1000 {
		if _, err := rows.Next(nil); err != nil {
			t.Fatal(err)
		}
	}
	rows.Close()
	wantClosed(t, server)
	if n := server.Attentions(); n != 1 {
		t.Errorf("%d attention signals", n)
	}
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(10)})
	rows = openSQL(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "email")
	if all, err := segmenttest.ReadAll(rows); len(all) != 10 || err != nil {
		t.Errorf("%d rows, %v", len(all), err)
	}
	rows.Close()
	wantClosed(t, server)
	if n := server.Attentions(); n != 1 {
		t.Errorf("%d attention signals", n)
	}
}

// A server that does not confirm that it ends a statement is left.
func TestSQLServer_cancelledInVain(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	server.IgnoreAttentions()
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(10), Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, err := sql.Source{URL: server.URL(), Query: peopleQuery}.Open(ctx, []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		var err error
		for row := []string(nil); err == nil; {
			row, err = rows.Next(row[:0])
		}
		rows.Close()
		ended <- err
	}()
	cancel()
	const driverWaits = 5 * time.Second
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(driverWaits - time.Second):
		t.Fatal("the statement does not end until the driver gives up")
	}
	wantClosed(t, server)
}

func TestSQLServer_statementTimeout(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(5), Hang: true})
	_, err := readSQLServer(t, sql.Source{URL: server.URL("statement_timeout=50ms"), Query: peopleQuery}, "email")
	wantError(t, err, "query", "statement_timeout of the URL, 50ms", "raise statement_timeout")
	wantClosed(t, server)
	if server.Attentions() == 0 {
		t.Error("the server got no attention signal")
	}
}

// A reply that ends early is not the end of the rows.
func TestSQLServer_cut(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(1000), Cut: true})
	all, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "email")
	wantError(t, err, "url", "After row 1000:", "was lost before the last row")
	if len(all) != 1000 {
		t.Errorf("%d rows", len(all))
	}
}

func TestSQLServer_errors(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	compile := func(e sqlservertest.Error) sqlservertest.Result {
		return sqlservertest.Result{Compile: []sqlservertest.Error{e}}
	}
	late := func(e sqlservertest.Error) sqlservertest.Result {
		return sqlservertest.Result{Columns: peopleColumns, Rows: generated(3), Err: &e}
	}
	for name, c := range map[string]struct {
		result   sqlservertest.Result
		argument string
		words    []string
		not      string
	}{
		"syntax": {
			compile(sqlservertest.Error{Number: 102, State: 1, Class: 15, Message: "Incorrect syntax near 'FORM'.", Line: 2}), "query",
			[]string{"refuses the query: Incorrect syntax near 'FORM' (error 102, state 1), at line 2 of the query."},
			"11501",
		},
		"unknown table":  {compile(sqlservertest.Error{Number: 208, State: 1, Class: 16, Message: "Invalid object name 'nowhere'.", Line: 1}), "query", []string{"'nowhere'", "208", "line 1"}, ""},
		"unknown column": {compile(sqlservertest.Error{Number: 207, State: 1, Class: 16, Message: "Invalid column name 'mail'.", Line: 1}), "query", []string{"'mail'", "207"}, ""},
		"permission": {
			compile(sqlservertest.Error{Number: 229, State: 5, Class: 14, Message: "The SELECT permission was denied on the object 'people', database 'crm', schema 'dbo'."}), "query",
			[]string{"may not do what the query does", "'people'", "GRANT SELECT", "db_datareader", "error 229, state 5"},
			"",
		},
		"writes": {late(sqlservertest.Error{Number: 3906, State: 1, Class: 16, Message: "Failed to update database \"crm\" because the database is read-only."}), "query", []string{"The query writes", "error 3906"}, ""},
		"conversion": {
			late(sqlservertest.Error{Number: 245, State: 1, Class: 16, Message: "Conversion failed when converting the nvarchar value 'Ann' to data type int.", Line: 1}), "query",
			[]string{"After row 3:", "Conversion failed when converting the nvarchar value (hidden)", "error 245"},
			"Ann",
		},
		"raised":    {late(sqlservertest.Error{Number: 50000, State: 7, Class: 16, Message: "what of Ann then"}), "query", []string{"a statement raised an error", "error 50000, state 7"}, "Ann"},
		"throttled": {late(sqlservertest.Error{Number: 10928, State: 1, Class: 16, Message: "Resource ID : 1. The request limit for the database is 90 and has been reached."}), "url", []string{"After row 3:", "is busy or not available: Resource ID", "more capacity"}, "2m0s"},
		"deadlock":  {late(sqlservertest.Error{Number: 1205, State: 51, Class: 13, Message: "Transaction (Process ID 52) was deadlocked on lock resources with another process and has been chosen as the deadlock victim."}), "query", []string{"The server ended the query", "deadlocked", "error 1205, state 51"}, ""},
		"memory":    {late(sqlservertest.Error{Number: 8645, State: 1, Class: 17, Message: "A timeout occurred while waiting for memory resources."}), "query", []string{"The server ended the query", "Plan again"}, ""},
		"killed":    {late(sqlservertest.Error{Number: 596, State: 1, Class: 21, Message: "Cannot continue the execution because the session is in the kill state."}), "query", []string{"The server ended the query", "error 596"}, ""},
		"dynamic": {
			compile(sqlservertest.Error{Number: 11526, State: 1, Class: 16, Message: "The metadata could not be determined because statement uses a temp table."}), "query",
			[]string{"cannot tell the columns of the query before it runs", "error 11526"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query := "SELECT '" + name + "' AS email"
			server.Answer(query, c.result)
			_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: query}, "email")
			wantError(t, err, c.argument, c.words...)
			if c.not != "" && strings.Contains(err.Error(), c.not) {
				t.Errorf("%q holds %q", err, c.not)
			}
		})
	}
}

// More than one set of rows cannot be meant.
func TestSQLServer_twoSets(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	second := sqlservertest.Result{Columns: peopleColumns, Rows: generated(3)}
	server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(3), Then: &second})
	_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "email")
	wantError(t, err, "query", "After row 3:", "more than one set of rows")
}

// Columns that are not those that were described would be taken for others.
func TestSQLServer_changedMeanwhile(t *testing.T) {
	t.Parallel()
	server := sqlservertest.Start(t)
	server.Answer(peopleQuery, sqlservertest.Result{
		Columns: []sqlservertest.Column{peopleColumns[1], peopleColumns[0]}, Rows: sqlservertest.Rows([]any{1, "ann@example.com"}), Described: peopleColumns,
	})
	_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: peopleQuery}, "email")
	wantError(t, err, "query", "have changed between its description and its run", "Plan again")
}

// The driver would call a procedure of this name.
func TestSQLServer_noProcedure(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	server.Answer("SELECT.a", sqlservertest.Result{Columns: peopleColumns[1:], Rows: sqlservertest.Rows([]any{7})})
	wantRows(t, openSQL(t, sql.Source{URL: server.URL(), Query: "SELECT.a"}, "score"), []string{"7"})
}

func TestSQLServer_noConnection(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	server := newSQLServer(t)
	firewalled := newSQLServer(t)
	firewalled.RefuseLogins(1, sqlservertest.Error{Number: 40615, State: 1, Class: 14, Message: "Cannot open server 'crm' requested by the login. Client with IP address '192.0.2.7' is not allowed to access the server."})
	stopped := newSQLServer(t)
	stopped.RefuseLogins(1, sqlservertest.Error{Number: 17142, State: 1, Class: 14, Message: "SQL Server service has been paused. No new connections will be allowed."})
	user := url.UserPassword(sqlservertest.User, sqlservertest.Password)
	for name, c := range map[string]struct {
		url   string
		words []string
	}{
		"wrong password":       {server.URLOf(url.UserPassword(sqlservertest.User, "Hu5h-wrong")), []string{`refuses user "segment_reader" on database "crm"`, "error 18456, state 1"}},
		"user with an address": {server.URLOf(url.UserPassword("ann@example.com", "Hu5h-wrong")), []string{`refuses user "(hidden)"`}},
		"unknown database":     {strings.Replace(server.URL(), "/crm", "/nowhere", 1), []string{`does not open database "nowhere"`, "error 4060", "host/instance?database=name"}},
		"firewall":             {firewalled.URL(), []string{"The firewall of the server", "192.0.2.7", "Add a rule", "40615"}},
		"other refusal":        {stopped.URL(), []string{"accepts no connection: SQL Server service has been paused", "17142"}},
		"nothing listens":      {"sqlserver://u:Hu5h@127.0.0.1:1/crm", []string{"connection refused"}},
		"no such host":         {"sqlserver://u:Hu5h@host.invalid/crm", []string{`There is no host "host.invalid"`}},
		"no answer":            {"sqlserver://u:Hu5h@" + silent.Addr().String() + "/crm?dial+timeout=1", []string{"does not answer"}},
		"no TLS":               {server.URL("encrypt=true"), []string{"the server does not offer TLS", "encrypt"}},
		"malformed":            {"sqlserver://u:Hu5h%zz@h:port/db", []string{"malformed", "sqlserver://user:password@host:1433/database"}},
		"no host":              {"sqlserver:///db", []string{"malformed"}},
		"unknown parameter":    {server.URL("Encrypted=true"), []string{`unknown parameter "Encrypted"`, `"TrustServerCertificate"`}},
		"parameter twice":      {server.URL("encrypt=true", "Encrypt=false"), []string{"more than once"}},
		"invalid value":        {server.URL("encrypt=perhaps"), []string{"invalid value", "encrypt 'perhaps'"}},
		"invalid intent":       {server.URL("ApplicationIntent=Reading"), []string{"ReadOnly or ReadWrite"}},
		"intent, no database":  {"sqlserver://u:Hu5h@127.0.0.1?ApplicationIntent=ReadOnly", []string{"needs the name of a database"}},
		"invalid duration":     {server.URL("statement_timeout=10"), []string{"statement_timeout=10m"}},
		"invalid timeout":      {server.URL("connection+timeout=10s"), []string{"no number of seconds"}},
		"question in password": {"sqlserver://u:1?Hu5h&t@h/db", []string{"percent-encoded: ? is %3F"}},
		"two paths":            {server.URLOf(user) + "/more", []string{"more than one part"}},
		"user in parameters":   {"sqlserver://127.0.0.1?user+id=u&password=Hu5h", []string{"among its parameters"}},
		"no password":          {"sqlserver://u@127.0.0.1/crm", []string{`no password for user "u"`, "SQLCMDPASSWORD"}},
		"unknown sign-in":      {server.URL("fedauth=ActiveDirectoryPassword"), []string{`"ActiveDirectoryDefault"`}},
		"token without TLS":    {"sqlserver://192.0.2.1/crm?fedauth=ActiveDirectoryDefault&encrypt=optional", []string{"is not sent to 192.0.2.1:1433 without encryption"}},
		"no certificate file":  {server.URL("certificate=/nowhere/ca.pem", "encrypt=true"), []string{"/nowhere/ca.pem"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readSQLServer(t, sql.Source{URL: c.url, Query: peopleQuery}, "email")
			wantError(t, err, "url", c.words...)
		})
	}
}

// A path is the database, or an instance if there is a database without it.
func TestSQLServer_noDatabase(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	for _, address := range []string{
		strings.Replace(server.URL(), "/crm", "", 1),
		strings.Replace(server.URL("database=crm"), "/crm", "/EXPRESS", 1),
		server.URL("ApplicationIntent=ReadWrite"),
	} {
		wantRows(t, openSQL(t, sql.Source{URL: address, Query: peopleQuery}, "score"), []string{"1"}, []string{""})
	}
	var intents []string
	for _, login := range server.Logins() {
		intents = append(intents, fmt.Sprint(login.Database, " ", login.ReadOnly))
	}
	if want := []string{" false", "crm true", "crm false"}; !slices.Equal(intents, want) {
		t.Errorf("logins %q, want %q", intents, want)
	}
}

// The version differs by database, wherever the URL names it.
func TestSQLServer_version(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	const query = "SELECT max(updated_at) AS at, count(*) FROM people"
	columns := []sqlservertest.Column{{Name: "at", Type: "datetime2(7)"}, {Name: "", Type: "int"}}
	version := func(url string, at time.Time) string {
		t.Helper()
		server.Answer(query, sqlservertest.Result{Columns: columns, Rows: sqlservertest.Rows([]any{at, 2})})
		version, err := sql.Source{URL: url, Query: peopleQuery, VersionQuery: query}.Version(t.Context())
		if err != nil || version == "" {
			t.Fatalf("version %q, %v", version, err)
		}
		return version
	}
	now := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	without := strings.Replace(server.URL(), "/crm", "", 1)
	first := version(server.URL(), now)
	if again := version(server.URL(), now); again != first {
		t.Error("the version differs with nothing changed")
	}
	if later := version(server.URL(), now.Add(time.Microsecond)); later == first {
		t.Error("the version is the same after a change")
	}
	server.Answer(query, sqlservertest.Result{Columns: []sqlservertest.Column{{Name: "", Type: "timestamp"}}, Rows: sqlservertest.Rows([]any{[]byte("12345678")})})
	if ofRows, err := (sql.Source{URL: server.URL(), Query: peopleQuery, VersionQuery: query}).Version(t.Context()); err != nil || ofRows == "" {
		t.Errorf("version %q, %v", ofRows, err)
	}
	if of, other := version(without+"?database=crm", now), version(without, now); of == other {
		t.Error("the version is the same for another database")
	}
}

// What does more than read is not sent.
func TestSQLServer_writes(t *testing.T) {
	t.Parallel()
	server := newSQLServer(t)
	for _, query := range []string{"DELETE FROM people", "SELECT 1 AS email DELETE FROM people", "EXEC purge"} {
		_, err := readSQLServer(t, sql.Source{URL: server.URL(), Query: query}, "email")
		wantError(t, err, "query", "not sent to the database")
	}
	if logins := server.Logins(); logins != nil {
		t.Errorf("logins %+v", logins)
	}
}

func TestSQLServer_environment(t *testing.T) {
	server := newSQLServer(t)
	t.Setenv("SQLCMDPASSWORD", sqlservertest.Password)
	wantRows(t, openSQL(t, sql.Source{URL: server.URLOf(url.User(sqlservertest.User)), Query: peopleQuery}, "score"), []string{"1"}, []string{""})
	t.Setenv("SQLCMDUSER", sqlservertest.User)
	wantRows(t, openSQL(t, sql.Source{URL: server.URLOf(nil), Query: peopleQuery}, "score"), []string{"1"}, []string{""})
}

// A gateway of Azure sends clients to the machine that has the database.
func TestSQLServer_redirected(t *testing.T) {
	t.Parallel()
	gateway, server := sqlservertest.Start(t), newSQLServer(t)
	gateway.RedirectTo(server)
	wantRows(t, openSQL(t, sql.Source{URL: gateway.URL(), Query: peopleQuery}, "score"), []string{"1"}, []string{""})
	if len(gateway.Logins()) != 0 || len(server.Logins()) != 1 {
		t.Error("the gateway was read")
	}
}

func TestSQLServer_tls(t *testing.T) {
	t.Parallel()
	host := otherAddress(t)
	config, ca := certified(t, host)
	elsewhere, otherCA := certified(t, "192.0.2.1")
	for name, c := range map[string]struct {
		plain, elsewhere bool
		parameters       []string
		words            []string // of the error; none: it works
		encrypted        bool
	}{
		"default":                {words: []string{"not signed by an authority that is trusted here", "TrustServerCertificate=true"}},
		"trusted":                {parameters: []string{"TrustServerCertificate=true"}, encrypted: true},
		"own authority":          {parameters: []string{"certificate=" + url.QueryEscape(ca)}, encrypted: true},
		"this certificate":       {parameters: []string{"serverCertificate=" + url.QueryEscape(ca)}, encrypted: true},
		"other host":             {elsewhere: true, parameters: []string{"certificate=" + url.QueryEscape(otherCA)}, words: []string{"the certificate is for another host"}},
		"other host, named":      {elsewhere: true, parameters: []string{"certificate=" + url.QueryEscape(otherCA), "hostNameInCertificate=192.0.2.1"}, encrypted: true},
		"strict":                 {parameters: []string{"encrypt=strict", "certificate=" + url.QueryEscape(ca)}, encrypted: true},
		"strict, not trusted":    {parameters: []string{"encrypt=strict"}, words: []string{"not signed by an authority that is trusted here"}},
		"login only":             {parameters: []string{"encrypt=optional", "certificate=" + url.QueryEscape(ca)}, encrypted: true},
		"disabled":               {parameters: []string{"encrypt=disable"}},
		"server without":         {plain: true, words: []string{"the server does not offer TLS", "encrypt=disable for no encryption"}},
		"server without, chosen": {plain: true, parameters: []string{"encrypt=disable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			offered := config
			switch {
			case c.plain:
				offered = nil
			case c.elsewhere:
				offered = elsewhere
			}
			server := sqlservertest.StartAt(t, host, offered)
			server.Answer(peopleQuery, sqlservertest.Result{Columns: peopleColumns, Rows: generated(1000)})
			all, err := readSQLServer(t, sql.Source{URL: server.URL(c.parameters...), Query: peopleQuery}, "email")
			if c.words != nil {
				wantError(t, err, "url", c.words...)
				if logins := server.Logins(); logins != nil {
					t.Errorf("logins %+v", logins)
				}
				return
			}
			if err != nil || len(all) != 1000 {
				t.Fatalf("%d rows, %v", len(all), err)
			}
			if logins := server.Logins(); len(logins) != 1 || logins[0].Encrypted != c.encrypted {
				t.Errorf("logins %+v", logins)
			}
		})
	}
}
