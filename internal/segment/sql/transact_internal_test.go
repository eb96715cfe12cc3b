package sql

import (
	"strings"
	"testing"
)

func TestCheckTransact_allowed(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"SELECT 1", "select\n1;", ";WITH a AS (SELECT 1 AS n) SELECT * FROM a", "(SELECT 1) UNION ALL (SELECT 2)",
		"/* DELETE /* nested */ DELETE */ SELECT 1 --DELETE\r\n", "SELECT 1--DELETE", "SELECT 1 -- it's\n, 2",
		"SELECT 'it''s; DELETE', N'\\', [a]]; DELETE], \"b\"\"; DELETE\" FROM [delete].[update]",
		"SELECT @p1, @@ROWCOUNT, #t.a FROM #t", "SELECT 1.5, .5, 1., 1e5, 1.5E-3, 0xDEADBEEF, $1.5, 1-1",
		"SELECT a FROM t WITH (NOLOCK) INNER MERGE JOIN u ON 1 = 1 OPTION (MERGE UNION, USE HINT ('x'))",
		"SELECT a FROM OPENROWSET(BULK 'https://lake/a.parquet', FORMAT = 'PARQUET') AS r",
		"SELECT a FROM t ORDER BY a OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY", "SELECT CASE WHEN a = 1 THEN 2 ELSE 3 END FROM t",
		"SELECT doc.value('(/a)[1]', 'int') FROM t CROSS APPLY OPENJSON(j) WITH (a int)", "SELECT größe, 名前 FROM t",
		"SELECT t.xlock, deleted, update_time FROM t FOR JSON PATH",
		"WITH a (x) AS (SELECT ')'), b AS (SELECT x FROM a) SELECT * FROM b",
	} {
		if err := checkTransact(query); err != nil {
			t.Errorf("%q: %s", query, err)
		}
	}
}

func TestCheckTransact_refused(t *testing.T) {
	t.Parallel()
	for query, words := range map[string]string{
		"DELETE FROM people":                      "begins with DELETE,",
		"/* SELECT */ update people SET a = 1":    "begins with UPDATE,",
		"/* /* */ SELECT 1 */ DROP TABLE people":  "begins with DROP,",
		"EXEC purge":                              "begins with EXEC,",
		"purge 1":                                 "begins with PURGE,",
		"TABLE people":                            "begins with TABLE,",
		"SHOW TABLES":                             "begins with SHOW,",
		"BEGIN SELECT 1 END":                      "begins with BEGIN,",
		"WITH a AS (SELECT 1 AS n) DELETE FROM a": "begins with DELETE,",
		"WITH a AS (DELETE FROM b OUTPUT deleted.*) SELECT * FROM a": "begins with DELETE,",
		"SELECT 1; SELECT 2":                                   "more than one statement",
		"SELECT 1 DELETE FROM people":                          "has DELETE, which begins another statement",
		"SELECT 1\nEXEC('DROP TABLE people')":                  "has EXEC,",
		"SELECT 1DELETE FROM people":                           "a number with letters right after it",
		"SELECT 1.DELETE FROM people":                          "a number with letters right after it",
		"SELECT 0xDELETE FROM people":                          "a number with letters right after it",
		"SELECT 1eDELETE FROM people":                          "a number with letters right after it",
		"SELECT $1DELETE FROM people":                          "a number with letters right after it",
		"SELECT $DELETE FROM people":                           "has DELETE,",
		"SELECT ''DELETE FROM people":                          "has DELETE,",
		"SELECT [a]DELETE FROM people":                         "has DELETE,",
		"SELECT '\\'DELETE FROM people --'":                    "has DELETE,",
		"SELECT `a;` DELETE FROM people":                       "more than one statement",
		"SELECT 1 # DELETE FROM people":                        "has DELETE,",
		"SELECT /* */ 1 /*/ */ DELETE FROM people":             "has DELETE,",
		"SELECT 1 /* ' */ DELETE FROM people --'":              "has DELETE,",
		"SELECT 1 --\rDELETE FROM people":                      "an unusual end of line",
		"SELECT 1 --\u2028DELETE FROM people":                  "an unusual end of line",
		"SELECT 1\u00a0DELETE\u00a0FROM\u00a0people":           "a number with letters right after it",
		"SELECT a\u00a0DELETE FROM people":                     "outside of quotation marks",
		"SELECT a \uff24\uff25\uff2c\uff25\uff34\uff25 FROM t": "outside of quotation marks",
		"SELECT \u2018a\u2019":                                 "outside of quotation marks",
		"SELECT * INTO copy FROM people":                       "has INTO",
		"SELECT * FROM OPENQUERY(other, 'DELETE FROM t')":      "has OPENQUERY",
		"SELECT * FROM OPENROWSET('SQLNCLI', 'a', 'EXEC b')":   "has OPENROWSET",
		"SELECT NEXT VALUE FOR visits":                         "NEXT VALUE FOR",
		"SELECT a FROM t WITH (UPDLOCK)":                       "has UPDLOCK",
		"SELECT a FROM t MERGE INTO u USING t ON 1 = 1":        "has MERGE,",
		"SELECT a FROM t WAITFOR DELAY '1:00'":                 "has WAITFOR,",
		"SELECT 'a":                                            "a quotation without an end, '",
		"SELECT [a":                                            "a quotation without an end, ]",
		"SELECT 1 /* /* */":                                    "a comment without an end",
		"":                                                     "no recognizable statement",
		"[SELECT] 1":                                           "no recognizable statement",
		"((":                                                   "no recognizable statement",
	} {
		err := checkTransact(query)
		if err == nil {
			t.Errorf("%q is allowed", query)
			continue
		}
		if !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "not sent to the database") || err.Argument[0] != "query" {
			t.Errorf("%q: %q %s, want %q", query, err.Argument, err, words)
		}
	}
}

func TestTransactParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{
		"SELECT 1":                             0,
		"SELECT @p1, @P3":                      3,
		"SELECT '@p1', [@p2], @p, @p01, @@p4":  0,
		"SELECT 1 /* @p1 /* @p2 */ */ -- @p3":  0,
		"SELECT a FROM t WHERE b=@p2 OR c=@p1": 2,
	} {
		if got := transactParameters(query); got != want {
			t.Errorf("%q has %d parameters, want %d", query, got, want)
		}
	}
}

// The check never panics, and an allowed query is refused with a statement before
// and after it.
func FuzzCheckTransact(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "WITH a AS (SELECT ')') SELECT * FROM b", "[a]]", "/* /* */", "'", "--", "SELECT 1.", "SELECT $", "SELECT 0x", "SELECT N''", "SELECT \u00a0", ";;SELECT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if checkTransact(query) != nil {
			return
		}
		for _, changed := range []string{"DELETE FROM a " + query, query + "\nDELETE FROM a", query + "\nEXEC a", query + "\n;SELECT 1", "/*" + query, "SELECT [" + query + "\nDELETE FROM a"} {
			if strings.Contains(query, "]") && strings.HasPrefix(changed, "SELECT [") || strings.Contains(query, "*/") && strings.HasPrefix(changed, "/*") {
				continue
			}
			if checkTransact(changed) == nil {
				t.Errorf("%q is allowed", changed)
			}
		}
	})
}
