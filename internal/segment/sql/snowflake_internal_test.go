package sql

import (
	"strings"
	"testing"
)

func TestCheckSnowflake(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"SELECT 1", "with a as (select 1) select * from a;", "(SELECT 1) UNION (SELECT 2)", `SELECT '\'; DELETE' // ; DELETE`, `SELECT $$;'$$, "\", a:b::string, x -> y FROM t`, "SELECT '->>'",
	} {
		if err := checkSnowflake(query); err != nil {
			t.Errorf("%q: %s", query, err)
		}
	}
	for query, words := range map[string]string{
		"DELETE FROM people":                        "begins with DELETE,",
		"SHOW TABLES":                               "begins with SHOW,",
		"TABLE people":                              "begins with TABLE,",
		"CALL purge()":                              "begins with CALL,",
		"EXECUTE IMMEDIATE $$ DELETE FROM t $$":     "begins with EXECUTE,",
		"SELECT 1; DELETE FROM people":              "more than one statement",
		"SELECT 1 ->> DELETE FROM people":           "flow operator",
		"SELECT 1\n->>DELETE FROM people":           "flow operator",
		"WITH a AS (DELETE FROM t) SELECT * FROM a": "begins with DELETE,",
		"SELECT $$ ; ":                              "a quotation without an end, $$",
		"SELECT * FROM t FOR UPDATE":                "locks the rows",
		"BEGIN DELETE FROM people; END":             "more than one statement",
		`SELECT "\"; DELETE FROM people --"`:        "more than one statement",
		"SELECT '' // '\n; DELETE FROM people":      "more than one statement",
	} {
		if err := checkSnowflake(query); err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "It was not sent") {
			t.Errorf("%q: %v", query, err)
		}
	}
}
