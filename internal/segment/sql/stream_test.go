package sql_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/race"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// manyRows returns a query of n rows.
func manyRows(db *sqltest.Database, n string) string {
	if db.Scheme == "postgres" {
		return "SELECT 'person' || i || '@example.com' AS email, repeat('x', 200) AS name, i AS score FROM (SELECT generate_series(1, " + n + ") AS i) AS numbers"
	}
	return "SELECT concat('person', seq, '@example.com') AS email, repeat('x', 200) AS name, seq AS score FROM seq_1_to_" + n
}

// statements returns the query that counts the running statements.
func statements(db *sqltest.Database) string {
	if db.Scheme == "postgres" {
		return db.Value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	}
	return db.Value("SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()")
}

func wantNoStatements(t *testing.T, db *sqltest.Database) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n := statements(db)
		if n == "0" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s connections are left on the server", n)
			return
		}
	}
}

// Rows are streamed: few are in memory at a time.
func TestSQL_streams(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	race.SkipHeap(t)
	for _, start := range []func(testing.TB) *sqltest.Database{sqltest.Postgres, sqltest.MariaDB} {
		db := start(t)
		rows := openSQL(t, sql.Source{URL: db.URL(), Query: manyRows(db, "200000")}, "email", "name", "score")
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var row []string
		for n := 1; ; n++ {
			var err error
			row, err = rows.Next(row[:0])
			if errors.Is(err, io.EOF) {
				if n != 200001 {
					t.Errorf("%d rows", n-1)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n == 150000 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
					t.Errorf("the heap has grown by %d bytes", grown)
				}
			}
		}
	}
}

// Closing in the middle neither reads the rest nor leaves anything running.
func TestSQL_closedEarly(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		rows := openSQL(t, sql.Source{URL: db.URL(), Query: manyRows(db, "50000000")}, "email")
		for range 1000 {
			if _, err := rows.Next(nil); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		rows.Close()
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("closing took %s", took)
		}
		wantNoStatements(t, db)
	})
}

// A cancelled statement ends on the server, too.
func TestSQL_cancelled(t *testing.T) {
	t.Parallel()
	slow := map[string]string{"postgres": "SELECT pg_sleep(60)::text AS a", "mysql": "SELECT BENCHMARK(100000000000, SHA2('x', 512)) AS a"}
	rows := map[string]string{"postgres": "SELECT generate_series(1, 100000000) AS a", "mysql": "SELECT seq AS a FROM seq_1_to_100000000"}
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		for name, query := range map[string]string{"before a row": slow[db.Scheme], "between rows": rows[db.Scheme]} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					time.Sleep(500 * time.Millisecond)
					cancel()
				}()
				opened, err := sql.Source{URL: db.URL(), Query: query}.Open(ctx, []string{"a"})
				for row := []string(nil); err == nil; {
					row, err = opened.Next(row[:0])
				}
				began := time.Now()
				if opened != nil {
					opened.Close()
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("closing took %s", took)
				}
				wantNoStatements(t, db)
			})
		}
	})
}

// A connection that breaks is an error, not the end of the segment.
func TestSQL_serverGone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		rows := openSQL(t, sql.Source{URL: db.URL(), Query: manyRows(db, "5000000")}, "email")
		if _, err := rows.Next(nil); err != nil {
			t.Fatal(err)
		}
		if db.Scheme == "postgres" {
			db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		} else {
			db.Exec("KILL CONNECTION " + db.Value("SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"))
		}
		_, err := segmenttest.ReadAll(rows)
		wantError(t, err, "url", "After row ", "was lost before the last row")
	})
}

func TestSQL_version(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		db.Exec(people)
		source := sql.Source{URL: owned(db), Query: "SELECT email FROM people"}
		version := func(s sql.Source) string {
			t.Helper()
			v, err := s.Version(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if v := version(source); v != "" {
			t.Errorf("without a query the version is %q", v)
		}
		source.VersionQuery = "SELECT max(email), count(*) FROM people"
		first := version(source)
		if first == "" || strings.Contains(first, "example") || version(source) != first {
			t.Errorf("versions %q, %q", first, version(source))
		}
		other := source
		other.Query += " WHERE score > 1"
		if version(other) == first {
			t.Error("another query has the same version")
		}
		other = source
		other.Args = texts("1")
		if version(other) == first {
			t.Error("other args have the same version")
		}
		db.Exec("UPDATE people SET email = 'zoe@example.com' WHERE email = 'eve@example.com'")
		if version(source) == first {
			t.Error("other rows have the same version")
		}
		for query, words := range map[string]string{
			"SELECT 1 WHERE 1 = 0": "returns no row", "SELECT FROM WHERE": "refuses the query", "DELETE FROM people RETURNING 1": "segments are only read",
			manyRows(db, "1001"): "more than 1000 rows",
		} {
			source.VersionQuery = query
			_, err := source.Version(t.Context())
			wantError(t, err, "version_query", words)
		}
		wantNoStatements(t, db)
	})
}

func TestSQL_applicationName(t *testing.T) {
	t.Parallel()
	db := sqltest.Postgres(t)
	for parameters, want := range map[string]string{"": "terraform-provider-klaviyo", "?application_name=mine": "mine"} {
		rows := openSQL(t, sql.Source{URL: db.URL() + parameters, Query: "SELECT current_setting('application_name') AS a"}, "a")
		wantRows(t, rows, []string{want})
	}
}

// A query that reaches its time limit after some rows is an error.
func TestSQL_timeLimitAmongRows(t *testing.T) {
	t.Parallel()
	db := sqltest.MariaDB(t)
	source := sql.Source{URL: db.URL() + "?max_statement_time=3", Query: "SELECT seq AS email, SLEEP(0.05) FROM seq_1_to_1000"}
	rows, err := source.Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, err := segmenttest.ReadAll(rows)
	if len(all) == 0 || err == nil || !strings.Contains(err.Error(), "The server ended the query") {
		t.Errorf("%d rows, then %v", len(all), err)
	}
}
