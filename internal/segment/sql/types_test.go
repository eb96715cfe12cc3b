package sql_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// valueCase is an expression with its expected value.
type valueCase struct {
	expression string
	json       bool
	want       string
}

// checkValues reads all cases as columns of one row, without args and with
// them: a server may answer the two in different ways.
func checkValues(t *testing.T, url, parameter, from string, cases []valueCase) {
	t.Helper()
	query, columns := "SELECT ", make([]string, len(cases))
	for i, c := range cases {
		columns[i] = fmt.Sprintf("c%d", i)
		query += fmt.Sprintf("%s AS %s, ", c.expression, columns[i])
	}
	for name, source := range map[string]sql.Source{
		"without args": {URL: url, Query: query + "1 AS one" + from},
		"with args":    {URL: url, Query: query + parameter + " AS one" + from, Args: texts("x")},
	} {
		t.Run(name, func(t *testing.T) {
			rows := openSQL(t, source, columns...)
			row, err := rows.Next(nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range cases {
				if row[i] != c.want || rows.JSON()[i] != c.json {
					t.Errorf("%s is %q, JSON %v; want %q, %v", c.expression, row[i], rows.JSON()[i], c.want, c.json)
				}
			}
		})
	}
}

func TestSQL_postgresTypes(t *testing.T) { //nolint:tparallel // they share a database
	t.Parallel()
	db := sqltest.Postgres(t)
	db.Exec(`CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN zip AS text; CREATE DOMAIN amount AS numeric; CREATE TYPE pair AS (a int, b text)`)
	checkValues(t, db.URL(), "$1::text", "", []valueCase{
		{"1::int2", true, "1"},
		{"(-2147483648)::int4", true, "-2147483648"},
		{"9223372036854775807::int8", true, "9223372036854775807"},
		{"1.50::numeric(10,2)", true, "1.50"},
		{"-0.5::numeric", true, "-0.5"},
		{"0.1::float8", true, "0.1"},
		{"0.1::float4", true, "0.1"},
		{"1e300::float8", true, "1e+300"},
		{"'NaN'::float8", true, ""},
		{"'-Infinity'::float8", true, ""},
		{"'NaN'::numeric", true, ""},
		{"1::oid", true, "1"},
		{"7::amount", true, "7"},
		{"true", true, "true"},
		{"false", true, "false"},
		{"NULL::bool", true, ""},
		{"NULL::text", false, ""},
		{"NULL", false, ""},
		{`'{"a": 1}'::json`, true, `{"a": 1}`},
		{`E' [1,\n2] '::json`, true, "[1,\n2]"},
		{`'{"b":"x"}'::jsonb`, true, `{"b": "x"}`},
		{"'text'::text", false, "text"},
		{"'var'::varchar(9)", false, "var"},
		{"'ch'::char(4)", false, "ch  "},
		{"'è'::text", false, "è"},
		{"'n'::name", false, "n"},
		{"'28001'::zip", false, "28001"},
		{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", false, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"'happy'::mood", false, "happy"},
		{"'10.0.0.1'::inet", false, "10.0.0.1"},
		{"'2026-11-24'::date", false, "2026-11-24"},
		{"'infinity'::date", false, "+infinity"},
		{"'-infinity'::timestamp", false, "-infinity"},
		{"'0044-03-15 BC'::date", false, "0044-03-15 BC"},
		{"'0044-03-15 10:00 BC'::timestamp", false, "0044-03-15T10:00:00 BC"},
		{"'2026-11-24 15:30:00.25'::timestamp", false, "2026-11-24T15:30:00.25"},
		{"'infinity'::timestamptz", false, "+infinity"},
		{"'15:30'::time", false, "15:30:00"},
		{"'1 day'::interval", false, "1 day"},
		{"'$1.50'::money", false, "$1.50"},
		{"ROW(1, 'x')::pair", false, "(1,x)"},
		{"int4range(1, 5)", false, "[1,5)"},
		{"ARRAY['a', 'b \"c\"', NULL, 'NULL', '', 'x,y', '{', E'\\\\']", true, `["a","b \"c\"",null,"NULL","","x,y","{","\\"]`},
		{"ARRAY[1, NULL, 3]", true, "[1,null,3]"},
		{"ARRAY[[1, 2], [3, 4]]", true, "[[1,2],[3,4]]"},
		{"'[0:1]={5,6}'::int[]", true, "[5,6]"},
		{"'{}'::text[]", true, "[]"},
		{"ARRAY[true, false]", true, "[true,false]"},
		{"ARRAY[1.5, 'NaN']::numeric[]", true, "[1.5,null]"},
		{"ARRAY['2026-11-24', 'infinity', '-infinity']::date[]", true, `["2026-11-24",null,null]`},
		{"ARRAY['infinity']::text[]", true, `["infinity"]`},
		{"ARRAY['2026-11-24 15:30']::timestamp[]", true, `["2026-11-24T15:30:00"]`},
		{`ARRAY['{"a": "b"}']::json[]`, true, `[{"a": "b"}]`},
		{"ARRAY['happy']::mood[]", true, `["happy"]`},
		{"ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']::uuid[]", true, `["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]`},
	})
	t.Run("time zones", func(t *testing.T) {
		for zone, want := range map[string]string{
			"UTC": "2026-11-24T15:30:00+00:00", "Asia/Kolkata": "2026-11-24T21:00:00+05:30", "America/New_York": "2026-11-24T10:30:00-05:00",
		} {
			rows := openSQL(t, sql.Source{URL: db.URL() + "?timezone=" + zone, Query: "SELECT '2026-11-24 15:30+00'::timestamptz AS at"}, "at")
			wantRows(t, rows, []string{want})
		}
		for zone, want := range map[string]string{ // with seconds, at that time
			"Europe/Dublin": "1900-05-01T12:00:00.5Z", "America/New_York": "1880-05-01T12:00:00.5Z", "Africa/Monrovia": "1960-05-01T12:00:00.5Z",
		} {
			rows := openSQL(t, sql.Source{URL: db.URL() + "?timezone=" + zone, Query: "SELECT '" + want[:4] + "-05-01 12:00:00.5+00'::timestamptz AS at"}, "at")
			wantRows(t, rows, []string{want})
		}
	})
}

func TestSQL_mysqlTypes(t *testing.T) { //nolint:tparallel // they share a database
	t.Parallel()
	db := sqltest.MariaDB(t)
	db.Exec(`SET sql_mode = ''; CREATE TABLE kinds (tiny tinyint(1), filled int(6) zerofill, cents decimal(10,2) zerofill, wide bigint zerofill, narrow int(3) zerofill, nofill int zerofill, big bigint unsigned,
		f float, d double, y year, flag bit(1), bits bit(10), doc json, c char(4), v varchar(9), txt longtext, e enum('sad', 'happy'), s set('a', 'b'),
		day date, at datetime(2), ts timestamp, clock time, none date, noneat datetime, nothing int);
		INSERT INTO kinds VALUES (1, 42, 1.5, 7, 1234567, NULL, 18446744073709551615, 0.1, 1e300, 2026, 1, 513, '{"a": 1}', 'ch', 'var', 'è', 'happy', 'a,b',
		'2026-11-24', '2026-11-24 15:30:00.25', '2026-11-24 15:30:00', '15:30:00', '0000-00-00', '0000-00-00 00:00:00', NULL)`)
	checkValues(t, db.URL(), "?", " FROM kinds", []valueCase{
		{"tiny", true, "1"},
		{"filled", false, "000042"},
		{"cents", false, "00000001.50"},
		{"wide", false, "00000000000000000007"},
		{"narrow", false, "1234567"}, // more digits than the column is to show
		{"nofill", false, ""},
		{"filled + 0", true, "42"},
		{"big", true, "18446744073709551615"},
		{"f", true, "0.1"},
		{"d", true, "1e+300"},
		{"y", true, "2026"},
		{"flag", true, "1"},
		{"bits", true, "513"},
		{"doc", false, `{"a": 1}`}, // MariaDB calls it LONGTEXT
		{"c", false, "ch"},
		{"v", false, "var"},
		{"txt", false, "è"},
		{"e", false, "happy"},
		{"s", false, "a,b"},
		{"day", false, "2026-11-24"},
		{"at", false, "2026-11-24T15:30:00.25"},
		{"ts", false, "2026-11-24T15:30:00"},
		{"clock", false, "15:30:00"},
		{"none", false, "0000-00-00"},
		{"noneat", false, "0000-00-00T00:00:00"},
		{"nothing", true, ""},
		{"-1.5", true, "-1.5"},
		{"NULL", false, ""},
		{"1 = 1", true, "1"},
		{"1e6", true, "1000000"},
	})
}

// A SET is a list; its like in text is not.
func TestSQL_lists(t *testing.T) {
	t.Parallel()
	db := sqltest.MariaDB(t)
	db.Exec(`CREATE TABLE tastes (name text, likes set('red', 'dark blue', 'green')); INSERT INTO tastes VALUES ('a', 'red,green'), ('b', ''), ('c', 'dark blue')`)
	for _, args := range [][]*string{nil, texts("x")} {
		query := "SELECT name, likes, CONCAT(likes) AS said FROM tastes"
		if args != nil {
			query += " WHERE name <> ?"
		}
		rows := openSQL(t, sql.Source{URL: db.URL(), Query: query + " ORDER BY name", Args: args}, "said", "likes", "name")
		lister, ok := rows.(segment.Lister)
		if !ok || !slices.Equal(lister.Lists(), []bool{false, true, false}) {
			t.Errorf("lists %v", ok)
		}
		wantRows(t, rows, []string{"red,green", "red,green", "a"}, []string{"", "", "b"}, []string{"dark blue", "dark blue", "c"})
	}
}

// A NUL character is a mistake of its row, in text and in JSON.
func TestSQL_nulCharacters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start func(testing.TB) *sqltest.Database
		rows  string
		bad   []int // from 1
	}{
		"MySQL": {sqltest.MariaDB, `SELECT 1 AS n, 'Ann' AS a, '' AS other UNION SELECT 2, CONCAT('B', CHAR(0 USING utf8mb4)), '' UNION SELECT 3, CONCAT(CHAR(92 USING utf8mb4), 'u0000'), ''`, []int{2}},
		"PostgreSQL": {
			sqltest.Postgres, `SELECT 1 AS n, '{"a":"x"}'::json AS a UNION ALL SELECT 2, '["\u0000"]' UNION ALL SELECT 3, '["\\u0000"]' UNION ALL SELECT 4, '"\\\u0000"'`,
			[]int{2, 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := c.start(t)
			for _, args := range [][]*string{nil, texts("9")} {
				query := "SELECT n, a FROM (" + c.rows + ") AS rows_of_it"
				if args != nil {
					query += map[string]string{"MySQL": " WHERE n < ?", "PostgreSQL": " WHERE n < $1::int"}[name]
				}
				rows := openSQL(t, sql.Source{URL: db.URL(), Query: query + " ORDER BY n", Args: args}, "a")
				var bad []int
				for n := 1; ; n++ {
					row, err := rows.Next(nil)
					if errors.Is(err, io.EOF) {
						break
					}
					var problem *segment.RowError
					if errors.As(err, &problem) && problem.Code == segment.CodeUnreadableValue && len(row) == 0 {
						bad = append(bad, n)
					} else if err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(bad, c.bad) {
					t.Errorf("rows %v are refused, want %v", bad, c.bad)
				}
			}
		})
	}
}

// Mapped columns of binary types are refused, by name and type.
func TestSQL_binaryColumns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start     func(testing.TB) *sqltest.Database
		query, of string
	}{
		"bytea":             {sqltest.Postgres, `SELECT 'a' AS name, '\x00ff'::bytea AS photo`, "bytea"},
		"array of bytea":    {sqltest.Postgres, `SELECT 'a' AS name, ARRAY['\x00ff'::bytea] AS photo`, "bytea[]"},
		"array of boxes":    {sqltest.Postgres, `SELECT 'a' AS name, ARRAY['(1,2),(3,4)'::box] AS photo`, "_box"},
		"BLOB":              {sqltest.MariaDB, "SELECT 'a' AS name, CAST('x' AS BINARY) AS photo", "BINARY"},
		"geometry of MySQL": {sqltest.MariaDB, "SELECT 'a' AS name, POINT(1, 2) AS photo", "GEOMETRY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := sql.Source{URL: c.start(t).URL(), Query: c.query}
			_, err := source.Open(t.Context(), []string{"name", "photo"})
			wantError(t, err, "query", `"photo"`, c.of, "cannot be mapped")
			wantRows(t, openSQL(t, source, "name"), []string{"a"})
		})
	}
}

func TestSQL_args(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		db.Exec(people)
		query := "SELECT email FROM people WHERE score >= ? AND name <> ? ORDER BY email"
		if db.Scheme == "postgres" {
			query = "SELECT email FROM people WHERE score >= $1 AND name <> $2 ORDER BY email"
		}
		source := sql.Source{URL: owned(db), Query: query, Args: texts("1", "' OR 1=1 -- ")}
		wantRows(t, openSQL(t, source, "email"), []string{"ann@example.com"})
		for _, args := range [][]string{{"1"}, {"1", "2", "3"}} {
			source.Args = texts(args...)
			_, err := source.Open(t.Context(), []string{"email"})
			wantError(t, err, "args", fmt.Sprintf("2 parameters, and there are %d args", len(args)))
		}
	})
}

// A null is NULL, not empty text.
func TestSQL_nullArgs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		query := "SELECT CASE WHEN x IS NULL THEN 'null' WHEN x = '' THEN 'empty' ELSE x END AS a FROM (SELECT CAST(? AS char(10)) AS x UNION ALL SELECT CAST(? AS char(10)) UNION ALL SELECT CAST(? AS char(10))) AS t"
		if db.Scheme == "postgres" {
			query = "SELECT CASE WHEN x IS NULL THEN 'null' WHEN x = '' THEN 'empty' ELSE x END AS a FROM (VALUES ($1::text), ($2::text), ($3::text)) AS t (x)"
		}
		args := texts("", "", "x")
		args[0] = nil
		source := sql.Source{URL: db.URL(), Query: query, Args: args, VersionQuery: "SELECT 1"}
		wantRows(t, openSQL(t, source, "a"), []string{"null"}, []string{"empty"}, []string{"x"})
		version, err := source.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		source.Args = texts("", "", "x")
		if other, err := source.Version(t.Context()); err != nil || other == version {
			t.Errorf("version with a null is %q, with an empty text %q; %v", version, other, err)
		}
	})
}

func TestSQL_columns(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		source := sql.Source{URL: db.URL(), Query: "SELECT 1 AS a, 2 AS b, 3 AS a"}
		_, err := source.Open(t.Context(), []string{"b", "c"})
		missing, ok := err.(*segment.MissingColumnsError) //nolint:errorlint // errors of the tests themselves
		if !ok || !slices.Equal(missing.Missing, []string{"c"}) || !slices.Equal(missing.Available, []string{"a", "b", "a"}) {
			t.Errorf("error %v", err)
		}
		_, err = source.Open(t.Context(), []string{"a"})
		wantError(t, err, "query", `more than one column "a"`, "AS")
		wantRows(t, openSQL(t, source, "b"), []string{"2"})
		wantRows(t, openSQL(t, sql.Source{URL: db.URL(), Query: "SELECT 1 AS a WHERE 1 = 0"}, "a"))
	})
}
