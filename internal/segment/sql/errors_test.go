package sql_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

func TestSQL_noConnection(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { silent.Close() })
		timeout, secure := "timeout=1s", "tls=true"
		if db.Scheme == "postgres" {
			timeout, secure = "connect_timeout=1&sslmode=disable", "sslmode=require"
		}
		at := func(address string) string {
			return strings.Replace(db.URL(), fmt.Sprintf("127.0.0.1:%d", db.Port), address, 1)
		}
		for name, c := range map[string]struct {
			url   string
			words string
		}{
			"wrong password":    {db.URLOf(sqltest.Owner, "Hu5h-wrong"), "refuses user \"segment_owner\" on database"},
			"unknown user":      {db.URLOf("nobody", sqltest.Password), "refuses user \"nobody\""},
			"unknown database":  {strings.Replace(db.URL(), "/"+db.Name, "/nowhere", 1), "\"nowhere\""},
			"nothing listens":   {at("127.0.0.1:1"), "connection refused"},
			"no such host":      {at("host.invalid:1"), `There is no host "host.invalid"`},
			"no answer":         {at(silent.Addr().String()) + "?" + timeout, "does not answer"},
			"no TLS":            {db.URL() + "?" + secure, "the server does not offer TLS"},
			"malformed":         {db.Scheme + "://u:Hu5h%zz@h:port/db", "malformed, or"},
			"slash in password": {db.Scheme + "://u:1/Hu5h@h/db", "percent-encoded"},
			"other scheme":      {"https://u:Hu5h@host/db", `"mariadb", "mysql", "postgres", "postgresql"`},
			"no URL":            {"Hu5h", "is not one of"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				_, err := sql.Source{URL: c.url, Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
				wantError(t, err, "url", c.words)
			})
		}
	})
}

func TestSQL_environment(t *testing.T) {
	db := sqltest.Postgres(t)
	source := sql.Source{URLEnv: "SEGMENT_TEST_URL", Query: "SELECT 1 AS a"}
	_, err := source.Open(t.Context(), []string{"a"})
	wantError(t, err, "url_env", "SEGMENT_TEST_URL", "is not set")
	t.Setenv("SEGMENT_TEST_URL", db.URLOf(sqltest.Owner, "wrong"))
	_, err = source.Open(t.Context(), []string{"a"})
	wantError(t, err, "url_env", "28P01")
	t.Setenv("SEGMENT_TEST_URL", db.URL())
	wantRows(t, openSQL(t, source, "a"), []string{"1"})
}

func TestSQL_refusedQueries(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		db.Exec(people + "CREATE SEQUENCE visits;")
		url := owned(db)
		if db.Scheme == "postgres" {
			db.Exec("GRANT ALL ON SEQUENCE visits TO " + sqltest.Owner)
		}
		postgres := db.Scheme == "postgres"
		pick := func(ofPostgres, ofMySQL string) string {
			if postgres {
				return ofPostgres
			}
			return ofMySQL
		}
		for name, c := range map[string]struct {
			url, query string
			words      []string
		}{
			"syntax": {url, "SELECT email\nFORM people", []string{
				pick("SQLSTATE 42601), at line 2, column 6", "SQLSTATE 42000"), pick(`near "people"`, "line 2"),
			}},
			"unknown column": {url, "SELECT mail FROM people", []string{"mail", pick("42703", "42S22")}},
			"unknown table":  {url, "SELECT email FROM nowhere", []string{"nowhere", pick("42P01", "42S02")}},
			"no permission": {db.URLOf(sqltest.Reader, sqltest.Password), "SELECT email FROM people", []string{
				"may not do what the query does", pick("42501", "42000"),
			}},
			"insert":        {url, "INSERT INTO people (email) VALUES ('new@example.com') RETURNING email", []string{pick("The query writes", "begins with INSERT"), pick("only selects", "not sent to the database")}},
			"update":        {url, "UPDATE people SET score = 0", []string{pick("returns no columns", "begins with UPDATE")}},
			"two in one":    {url, "SELECT email FROM people; DELETE FROM people", []string{pick("42601", "more than one statement")}},
			"drops":         {url, "DROP TABLE people", []string{pick("returns no columns", "begins with DROP")}},
			"writes inside": {url, pick("SELECT nextval('visits')::text AS email", "SELECT nextval(visits) AS email"), []string{"The query writes", "only selects"}},
			"data in word":  {url, pick("SELECT CAST(email AS int) AS email FROM people", "SELECT JSON_TABLE(email) AS email FROM people"), []string{"SQLSTATE"}},
			"timeout": {
				url + pick("?statement_timeout=200", "?max_statement_time=0.2"),
				pick("SELECT pg_sleep(20)::text AS email", "SELECT SLEEP(20) AS email"),
				[]string{"The server ended the query"},
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				rows, err := sql.Source{URL: c.url, Query: c.query}.Open(t.Context(), []string{"email"})
				if err == nil {
					_, err = segmenttest.ReadAll(rows)
					rows.Close()
				}
				wantError(t, err, "query", c.words...)
			})
		}
		t.Cleanup(func() {
			if n := db.Value("SELECT concat(count(*), ' ', sum(score)) FROM people"); n != "3 3" {
				t.Errorf("people are now %s", n)
			}
		})
	})
}

// Errors do not contain values that the server quotes.
func TestSQL_noValuesInErrors(t *testing.T) {
	t.Parallel()
	db := sqltest.Postgres(t)
	db.Exec(people + `
		CREATE FUNCTION complain(who text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'what of % then', who; END $$`)
	url := owned(db)
	for query, words := range map[string]string{
		"SELECT name::int AS a FROM people":                   "invalid input syntax for type integer (SQLSTATE 22P02)",
		"SELECT name::date AS a FROM people":                  "SQLSTATE 22007",
		"SELECT complain(name) AS a FROM people":              "a function raised an error",
		"SELECT ('{' || name)::json AS a FROM people":         "invalid input syntax for type json (SQLSTATE 22P02)",
		"SELECT 1/(score - 2) AS a FROM people ORDER BY name": "division by zero",
	} {
		rows, err := sql.Source{URL: url, Query: query}.Open(t.Context(), []string{"a"})
		if err == nil {
			_, err = segmenttest.ReadAll(rows)
			rows.Close()
		}
		wantError(t, err, "query", words, "After row ")
		if strings.Contains(err.Error(), "Ann") || strings.Contains(err.Error(), "Bob") {
			t.Errorf("%q holds a value", err)
		}
	}
}
