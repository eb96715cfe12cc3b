package sql

import (
	"strings"
	"testing"
	"time"
)

func TestParseBigQuery(t *testing.T) {
	t.Parallel()
	config, problem := parseBigQuery("bigquery://my-project-1/crm?location=europe-west1&statement_timeout=10m")
	if problem != nil {
		t.Fatal(problem)
	}
	if got := *config; got.endpoint.String() != "https://bigquery.googleapis.com" || got.project != "my-project-1" || got.dataset != "crm" || got.location != "europe-west1" || got.timeout != 10*time.Minute {
		t.Errorf("%+v", got)
	}
	config, problem = parseBigQuery("bigquery://p?endpoint=http://127.0.0.1:8080")
	if problem != nil || config.endpoint.String() != "http://127.0.0.1:8080" || config.dataset != "" {
		t.Errorf("%+v, %v", config, problem)
	}
	for address, want := range map[string]string{
		"bigquery://":                                "is malformed",
		"bigquery:///crm":                            "is malformed",
		"bigquery://me:hush@p":                       "has a user or a port",
		"bigquery://p:1":                             "has a user or a port",
		"bigquery://p/a/b":                           "more than a dataset",
		"bigquery://p?region=EU":                     `"region"`,
		"bigquery://p?location=EU&location=US":       "more than once",
		"bigquery://p?statement_timeout=10":          "not a duration",
		"bigquery://p?endpoint=http://1.2.3.4":       "only for a server on this machine",
		"bigquery://p?endpoint=bigquery.example.com": "not the address of a server",
	} {
		wantProblem(t, address, second(parseBigQuery(address)), want)
	}
}

func second[A, B any](_ A, b B) B { return b }

// wantProblem expects an error that says so without any secret of the tests.
func wantProblem(t *testing.T, address string, problem error, want string) {
	t.Helper()
	if problem == nil || !strings.Contains(problem.Error(), want) {
		t.Errorf("%s: error %v, want %q", address, problem, want)
	} else if strings.Contains(problem.Error(), "hush") {
		t.Errorf("%s: the error has the secret: %v", address, problem)
	}
}

func TestParseDatabricks(t *testing.T) {
	for _, tc := range []struct{ id, secret, token, address, want string }{
		{"", "", " dapi-1 ", "databricks://dbc-1.cloud.databricks.com/sql/1.0/warehouses/abc123?catalog=main&schema=crm", "https://dbc-1.cloud.databricks.com abc123 main crm dapi-1 -"},
		{"id", "s", "", "databricks://h/sql/1.0/endpoints/1", "https://h 1   - id:s"},
		{"id", "s", "dapi-1", "databricks://h:8443/sql/1.0/warehouses/1", "https://h:8443 1   dapi-1 -"},
		{"id", "s", "dapi-1", "databricks://token:dapi-2@h/sql/1.0/warehouses/1", "https://h 1   dapi-2 -"},
		{"id", "s", "dapi-1", "databricks://other:p%40q@h/sql/1.0/warehouses/1", "https://h 1   - other:p@q"},
		{"", "", "t", "databricks://h/sql/1.0/warehouses/1?endpoint=http://localhost:99/", "http://localhost:99 1   t -"},
	} {
		t.Setenv("DATABRICKS_TOKEN", tc.token)
		t.Setenv("DATABRICKS_CLIENT_ID", tc.id)
		t.Setenv("DATABRICKS_CLIENT_SECRET", tc.secret)
		c, problem := parseDatabricks(tc.address)
		if problem != nil {
			t.Errorf("%s: %v", tc.address, problem)
			continue
		}
		principal := c.clientID + ":" + c.clientSecret
		if principal == ":" {
			principal = "-"
		}
		token := c.token
		if token == "" {
			token = "-"
		}
		if got := strings.Join([]string{c.endpoint.String(), c.warehouse, c.catalog, c.schema, token, principal}, " "); got != tc.want {
			t.Errorf("%s is %q, want %q", tc.address, got, tc.want)
		}
	}
	t.Setenv("DATABRICKS_TOKEN", "")
	t.Setenv("DATABRICKS_CLIENT_ID", "id")
	t.Setenv("DATABRICKS_CLIENT_SECRET", "")
	for address, want := range map[string]string{
		"databricks://h/sql/1.0/warehouses/1":                   "no credentials to sign in",
		"databricks://token@h/sql/1.0/warehouses/1":             "a user without a secret",
		"databricks://:hush@h/sql/1.0/warehouses/1":             "a secret without a user",
		"databricks://token:hush@h":                             "not that of a SQL warehouse",
		"databricks://token:hush@h/sql/protocolv1/o/1/2":        "not that of a SQL warehouse",
		"databricks://token:hush@h/sql/1.0/warehouses/1?http=1": `"http"`,
	} {
		wantProblem(t, address, second(parseDatabricks(address)), want)
	}
}

func TestCountDatabricksParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{
		"SELECT 1": 0, "SELECT :p1": 1, "SELECT * FROM t WHERE a>:p2 AND b = (:p1)": 2, "SELECT ':p1', \":p2\", `:p3` -- :p4\n /* :p5 */": 0,
		"SELECT payload:p1, payload:a.p2, x::p3, (y):p4, z[0]:p5, 'a':p6": 0, "SELECT :p12": 12, "SELECT :p1x, :p, :p0, :name": 0,
	} {
		if got := countDatabricksParameters(query); got != want {
			t.Errorf("%s has %d parameters, want %d", query, got, want)
		}
	}
}

// The lexer knows BigQuery's quotations and comments.
func TestBigQuerySyntax(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{
		"SELECT ?": 1, "SELECT '''it's ? ''', \"\"\"a \"?\" \"\"\", '\\'?', r'\\'?', \"\\\"?\", `a\\`?` # ?\n-- ?\n /* ? */, ?;": 1, "SELECT ''' ?\\''' ? ''', ?": 1, "SELECT '', ?": 1,
	} {
		if problem := bigquerySyntax.checkReadOnly(query); problem != nil {
			t.Errorf("%s: %v", query, problem)
		}
		if _, got := bigquerySyntax.statement(query); got != want {
			t.Errorf("%s has %d parameters, want %d", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"DELETE FROM t WHERE true": "begins with DELETE", "# SELECT\nDROP TABLE t": "begins with DROP", "SELECT 1; DELETE FROM t WHERE true": "more than one statement",
		"SELECT '''a": "without an end", "WITH a AS (SELECT 1) DELETE FROM t": "begins with DELETE",
	} {
		wantProblem(t, query, bigquerySyntax.checkReadOnly(query), want)
	}
}
