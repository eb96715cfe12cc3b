package sql_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
)

// Queries that do more than read are not sent.
func TestSQL_mysqlNothingSent(t *testing.T) {
	t.Parallel()
	fake := fakeServe(t, "127.0.0.1", &fakeDatabase{}, serveMySQL)
	url := "mysql://u:Hu5h@" + fake.address + "/db"
	for _, query := range []string{
		"DELETE FROM people", "WITH x AS (SELECT 1) DELETE FROM people", "SELECT 1; DELETE FROM people", "/*!50000 DELETE FROM people */",
		"SELECT email FROM people INTO OUTFILE '/tmp/people'", "CALL purge()",
	} {
		_, err := sql.Source{URL: url, Query: query}.Open(t.Context(), []string{"email"})
		wantError(t, err, "query", "not sent to the database")
		_, err = sql.Source{URL: url, Query: query, Args: texts("1")}.Open(t.Context(), []string{"email"})
		wantError(t, err, "query", "not sent to the database")
		_, err = sql.Source{URL: url, Query: "SELECT 1", VersionQuery: query}.Version(t.Context())
		wantError(t, err, "version_query", "not sent to the database")
	}
	if statements, logins := fake.seen(); len(statements)+len(logins) > 0 {
		t.Errorf("%d logins, statements %q", len(logins), statements)
	}
}

// The first read-only statement that the server accepts is used.
func TestSQL_mysqlReadOnly(t *testing.T) {
	t.Parallel()
	ways := []string{"SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY", "START TRANSACTION"}
	for refused := range ways {
		fake := fakeServe(t, "127.0.0.1", &fakeDatabase{refuse: func(statement string) (state, message string) {
			if slices.Contains(ways[:refused], statement) {
				return "42000", "not supported"
			}
			return "", ""
		}}, serveMySQL)
		_, _ = sql.Source{URL: "mysql://u@" + fake.address + "/db", Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
		statements, _ := fake.seen()
		if want := append(slices.Clone(ways[:refused+1]), "SELECT CONCAT(@@hostname, ' ', @@port, ' ', CONNECTION_ID()), @@version", "SELECT 1 AS a"); !slices.Equal(statements, want) {
			t.Errorf("statements %q, want %q", statements, want)
		}
	}
}

// Vitess returns large results only with workload = 'olap', which a parameter of
// the URL sets.
func TestSQL_vitessRowCount(t *testing.T) {
	t.Parallel()
	fake := fakeServe(t, "127.0.0.1", &fakeDatabase{refuse: func(statement string) (state, message string) {
		if strings.HasPrefix(statement, "SELECT a") {
			return "70100", "target: crm.-80.primary: vttablet: rpc error: code = Aborted desc = Row count exceeded 10000: ann@example.com"
		}
		return "", ""
	}}, serveMySQL)
	_, err := sql.Source{URL: "mysql://u@" + fake.address + "/db?workload=%27olap%27", Query: "SELECT a"}.Open(t.Context(), []string{"a"})
	wantError(t, err, "url", "Row count exceeded 10000.", "?workload=%27olap%27")
	if statements, _ := fake.seen(); !slices.Contains(statements, "SET workload = 'olap'") {
		t.Errorf("statements %q", statements)
	}
}

func TestSQL_statementPooling(t *testing.T) {
	t.Parallel()
	fake := fakeServe(t, "127.0.0.1", &fakeDatabase{refuse: func(string) (state, message string) {
		return "08P01", "transaction blocks not allowed in statement pooling mode"
	}}, servePostgres)
	_, err := sql.Source{URL: "postgres://u@" + fake.address + "/db", Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
	wantError(t, err, "url", "statement pooling mode", "pool_mode session or transaction", "08P01")
}
