package sql

import (
	"strings"
	"testing"
)

func TestCheckReadOnly_allowed(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"SELECT 1",
		"select\n1;",
		"SELECT 1 ; -- the end\n;",
		" /* DELETE */ -- DELETE\n# DELETE; DELETE\n(SELECT 1) UNION (SELECT 2)",
		"((SELECT 1))",
		"(WITH a AS (SELECT 1) SELECT * FROM a)",
		"SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1",
		"TABLE people", "VALUES ROW(1, 2)", "SHOW TABLES",
		"SELECT ';', \"; DELETE\", `;`, 'it''s;', 'it\\';', \"a\"\";\", `a``;`",
		"SELECT 1 --\n",
		"SELECT 1 - -1, 2 -1",
		"SELECT 1 --",
		"WITH a AS (SELECT ')' AS x), b (y, z) AS ((SELECT 1, 2)) SELECT * FROM a, b",
		"WITH RECURSIVE `a` AS (SELECT 1 AS n UNION SELECT CAST(n AS CHAR) FROM a) (SELECT * FROM a)",
		"WITH RECURSIVE a AS (SELECT 1 AS n) CYCLE n RESTRICT SELECT * FROM a",
		"WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT * FROM a",
		"WITH a AS (SELECT 1) TABLE a",
		"SELECT t.into, `into`, 'INTO', t.`for` FROM t -- INTO\n",
		"SELECT SUBSTRING(a FROM 1 FOR 2), REPLACE(a, 'x', 'y') FROM t USE INDEX FOR JOIN (i)",
		"SELECT deleted, update_time FROM `delete`",
		"SELECT 'ÜÑ\\\\' AS größe",
	} {
		if err := checkReadOnly(query); err != nil {
			t.Errorf("%q: %s", query, err)
		}
	}
}

func TestCheckReadOnly_refused(t *testing.T) {
	t.Parallel()
	for query, words := range map[string]string{
		"DELETE FROM people":                                           "begins with DELETE,",
		"  delete from people":                                         "begins with DELETE,",
		"(DELETE FROM people)":                                         "begins with DELETE,",
		"-- SELECT\nDELETE FROM people":                                "begins with DELETE,",
		"--\rSELECT\nDELETE FROM people":                               "begins with DELETE,",
		"# SELECT\nUPDATE people SET a = 1":                            "begins with UPDATE,",
		"/* SELECT */ INSERT INTO people VALUES (1)":                   "begins with INSERT,",
		"/*/ SELECT */ INSERT INTO people VALUES (1)":                  "begins with INSERT,",
		"CALL purge()":                                                 "begins with CALL,",
		"EXPLAIN ANALYZE DELETE FROM people":                           "begins with EXPLAIN,",
		"SET @a = 1":                                                   "begins with SET,",
		"BEGIN NOT ATOMIC DELETE FROM people; END":                     "more than one statement",
		"WITH a AS (SELECT 1) DELETE FROM people":                      "begins with DELETE,",
		"WITH a AS (SELECT ')' FROM b), c AS (SELECT 1) UPDATE people": "begins with UPDATE,",
		"WITH a AS (DELETE FROM people RETURNING *) SELECT * FROM a":   "begins with DELETE,",
		"WITH a AS (SELECT 1) CYCLE n RESTRICT DELETE FROM people":     "begins with DELETE,",
		"WITH a AS (SELECT 1) CYCLE n DELETE FROM people":              "begins with CYCLE,",
		"WITH a AS (SELECT 1)":                                         "no recognizable statement",
		"WITH a AS (SELECT 1":                                          "no recognizable statement",
		"WITH a SELECT 1":                                              "no recognizable statement",
		"SELECT 1; DELETE FROM people":                                 "more than one statement",
		"SELECT 'it\\'s'; DELETE FROM people":                          "more than one statement",
		"SELECT 1; /* */ ; SELECT 2":                                   "more than one statement",
		"; DELETE FROM people":                                         "more than one statement",
		"SELECT 1 /* ; */ ; DELETE FROM people -- '":                   "more than one statement",
		"/*!50000 DELETE FROM people */":                               "executable comment",
		"/*! SELECT 1 */":                                              "executable comment",
		"/*M!100100 DELETE FROM people */":                             "executable comment",
		"/*T![ttl] DELETE FROM people */":                              "executable comment",
		"SELECT 1 /*!, 2 */":                                           "executable comment",
		"/*!99999 SELECT */ DELETE FROM people":                        "executable comment",
		"SELECT 1 --'\n; DELETE FROM people --'":                       "-- without a space",
		"SELECT 'a":                                                    "a quotation without an end, '",
		"SELECT `a\\":                                                  "a quotation without an end, `",
		"SELECT 'a\\":                                                  "a quotation without an end, '",
		"SELECT 1 /* DELETE":                                           "a comment without an end",
		"SELECT * FROM people INTO OUTFILE '/tmp/people'":              "has INTO",
		"SELECT * INTO DUMPFILE '/tmp/people' FROM people":             "has INTO",
		"SELECT email INTO @email FROM people":                         "has INTO",
		"WITH a AS (SELECT 1) SELECT * INTO people FROM a":             "has INTO",
		"SELECT * FROM people FOR UPDATE":                              "has FOR UPDATE",
		"SELECT * FROM people FOR SHARE SKIP LOCKED":                   "has FOR SHARE",
		"SELECT * FROM people LOCK IN SHARE MODE":                      "has LOCK IN",
		"":                      "no recognizable statement",
		";":                     "no recognizable statement",
		"((":                    "no recognizable statement",
		"'SELECT 1'":            "no recognizable statement",
		"`SELECT` 1":            "no recognizable statement",
		"SELECTED 1":            "begins with SELECTED,",
		strings.Repeat("A", 40): "begins with " + strings.Repeat("A", 32) + "...,",
		"\u00a0SELECT 1":        "begins with",
	} {
		err := checkReadOnly(query)
		if err == nil {
			t.Errorf("%q is allowed", query)
			continue
		}
		if !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "not sent to the database") || err.Argument[0] != "query" {
			t.Errorf("%q: %q %s, want %q", query, err.Argument, err, words)
		}
	}
}

// The check never panics. An allowed query is also allowed in parentheses, and is
// refused next to a DELETE.
func FuzzCheckReadOnly(f *testing.F) {
	for _, seed := range []string{
		"SELECT 1; DELETE FROM a", "WITH a AS (SELECT ')') DELETE FROM b", "/*!1 DELETE */", "(((", "WITH WITH AS (", "'\\", "--", "/*/", "`a``",
		"WITH a AS (SELECT 1) CYCLE a RESTRICT TABLE a", "SELECT t.into FOR UPDATE",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		refused := checkReadOnly(query)
		if spaced := checkReadOnly(" (\n" + query + "\n"); (refused == nil) && spaced != nil {
			t.Errorf("%q is allowed, and refused after a parenthesis: %s", query, spaced)
		}
		if refused == nil && checkReadOnly("DELETE "+query) == nil {
			t.Errorf("%q is allowed after DELETE", query)
		}
		if refused == nil && checkReadOnly(query+"\n;DELETE FROM a") == nil {
			t.Errorf("%q is allowed before DELETE", query)
		}
	})
}

func TestSyntax_statement(t *testing.T) {
	t.Parallel()
	snowflake := syntax{backslashes: `'`, slashComments: true, dollarQuotes: true}
	for _, c := range []struct {
		of         syntax
		query      string
		text       string
		parameters int
	}{
		{syntax{}, "SELECT ? FROM t WHERE a = ?", "SELECT ? FROM t WHERE a = ?", 2},
		{syntax{}, "SELECT 1 ; -- the end\n;", "SELECT 1 ", 0},
		{syntax{}, `SELECT '\', ? --? /*`, `SELECT '\', ? --? /*`, 1},
		{syntax{}, "SELECT \"?\", 'it''s ?', ? /* ? */", "SELECT \"?\", 'it''s ?', ? /* ? */", 1},
		{snowflake, `SELECT '\'?', ? // ?` + "\n;", `SELECT '\'?', ? // ?` + "\n", 1},
		{snowflake, `SELECT $$?;'$$, "\", ?`, `SELECT $$?;'$$, "\", ?`, 1},
		{mysqlSyntax, "SELECT ? # ?", "SELECT ? # ?", 1},
	} {
		if text, parameters := c.of.statement(c.query); text != c.text || parameters != c.parameters {
			t.Errorf("%q is %q with %d parameters", c.query, text, parameters)
		}
		if err := c.of.checkReadOnly(c.query); err != nil {
			t.Errorf("%q: %s", c.query, err)
		}
	}
	for query, of := range map[string]syntax{
		`SELECT '\'; DELETE FROM t --'`:      {}, // a backslash is one in standard SQL
		`SELECT 1 --x` + "\n; DELETE FROM t": {},
		"SELECT 1 # ; \n; DELETE FROM t":     {},
		"SELECT $$ ; $$ ; DELETE FROM t":     snowflake,
		"SELECT $$ ; DELETE FROM t":          snowflake,
		"SELECT '' // '\n; DELETE FROM t":    snowflake,
		`SELECT "\"; DELETE FROM t --"`:      snowflake,
	} {
		if err := of.checkReadOnly(query); err == nil {
			t.Errorf("%q is accepted", query)
		}
	}
}
