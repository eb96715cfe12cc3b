package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/sqlservertest"
)

const sqlServerQuery = "SELECT email, first_name, score FROM customers WHERE vip = 1 AND score >= @p1"

var sqlServerCustomers = []sqlservertest.Column{
	{Name: "email", Type: "nvarchar(100)"},
	{Name: "first_name", Type: "varchar(50)"},
	{Name: "score", Type: "decimal(9,2)"},
	{Name: "photo", Type: "varbinary(max)"},
}

// sqlServerRows are the first n customers.
func sqlServerRows(n int) sqlservertest.Result {
	return sqlservertest.Result{Columns: sqlServerCustomers, Rows: func(yield func([]any) bool) {
		for i := range n {
			if !yield([]any{fmt.Sprintf("person%d@example.com", i), "Ann", "10.50", nil}) {
				return
			}
		}
	}}
}

func (w *env) exportSQLServer(url, query string, more ...string) configuration {
	w.t.Helper()
	arguments := append([]string{fmt.Sprintf("url = %q", hclText(url)), fmt.Sprintf("query = %q", query)}, more...)
	if strings.Contains(query, "@p1") {
		arguments = append(arguments, `args = ["10"]`)
	}
	return w.export(threeCSV).
		with(exportBlock, "segment", sqlSegment(arguments...)).
		with(exportBlock, "data_matching", `{ email = "email" }`).
		with(exportBlock, "attributes", `{ first_name = "first_name" }`).
		with(exportBlock, "properties", `{ score = "score" }`)
}

// A segment of several packets of the protocol drifts by the version query, and is
// sent again; with nothing changed the plan is empty and the query does not run.
func TestAccSQLServer_drift(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	const many = 2500
	w, server := newEnv(t), sqlservertest.Start(t)
	const versionQuery = "SELECT max(updated_at) AS at FROM customers"
	changed := func(n int, at time.Time) {
		server.Answer(sqlServerQuery, sqlServerRows(n))
		server.Answer(versionQuery, sqlservertest.Result{
			Columns: []sqlservertest.Column{{Name: "at", Type: "datetime2(7)"}}, Rows: sqlservertest.Rows([]any{at}),
		})
	}
	began := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	changed(many, began)
	config := w.exportSQLServer(server.URL(), sqlServerQuery, fmt.Sprintf("version_query = %q", versionQuery))
	ran := func() (n int) {
		for _, text := range server.Executed() {
			if strings.TrimSpace(text) == sqlServerQuery {
				n++
			}
		}
		return n
	}
	before := 0
	empty := resource.TestStep{Config: config.String(), PlanOnly: true, PreConfig: func() { before = ran() }}
	drifted := applied(config, inState(exportAddress, values{"profile_count": many + 1, "last_run.reason": changedSegment}))
	drifted.PreConfig = func() {
		if n := ran(); n != before {
			t.Errorf("the query ran %d times though its version is the same", n-before)
		}
		changed(many+1, began.Add(time.Millisecond))
	}
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": many + 1, "last_run.reason": changedSegment})
	w.run(applied(config, inState(exportAddress, values{"profile_count": many, "last_run.status": "succeeded"})), empty, drifted)
	if n := len(w.MemberEmails(w.list.ID)); n != many+1 {
		t.Errorf("the list has %d members", n)
	}
	for _, statement := range server.Statements() {
		if statement.Kind == "commit" || statement.Kind != "begin" && !statement.Transaction {
			t.Errorf("%q ran within a transaction: %t", statement.Kind, statement.Transaction)
		}
	}
}

// Every way in which a plan fails says what is wrong.
func TestAccSQLServer_refused(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	server := sqlservertest.Start(t)
	server.Answer(sqlServerQuery, sqlServerRows(3))
	compiled := func(query string, e sqlservertest.Error) string {
		server.Answer(query, sqlservertest.Result{Compile: []sqlservertest.Error{e}})
		return query
	}
	busy := sqlservertest.Start(t)
	busy.Answer("SELECT email FROM late", sqlservertest.Result{
		Columns: sqlServerCustomers, Rows: sqlServerRows(3).Rows,
		Err: &sqlservertest.Error{Number: 49918, State: 1, Class: 16, Message: "Cannot process request. Not enough resources to process request."},
	})
	const password = "Wolpertinger-78"
	var plans refusals
	add := func(name string, change func(w *env) configuration, words ...string) {
		w := newEnv(t)
		plans.add(name, w, change(w), append([]string{"Segment Cannot Be Read"}, words...), w.wantNoImport)
	}
	query := func(query string) func(w *env) configuration {
		return func(w *env) configuration { return w.exportSQLServer(server.URL(), query) }
	}
	at := func(address string) func(w *env) configuration {
		return func(w *env) configuration { return w.exportSQLServer(address, sqlServerQuery) }
	}
	add("wrong password", at(server.URLOf(url.UserPassword(sqlservertest.User, password))), `refuses user "segment_reader" on database "crm"`, "error 18456, state 1", "Check user, password")
	add("unreachable", at("sqlserver://reader:"+password+"@127.0.0.1:1/crm"), "connection refused", "Check host and port")
	add("no database", at(strings.Replace(server.URL(), "/crm", "/nowhere", 1)), `does not open database "nowhere"`, "error 4060")
	add("syntax", query(compiled("SELECT email FORM customers", sqlservertest.Error{Number: 102, State: 1, Class: 15, Message: "Incorrect syntax near 'FORM'.", Line: 1})),
		"refuses the query: Incorrect syntax near 'FORM' (error 102, state 1), at line 1 of the query.")
	add("no permission", query(compiled("SELECT email FROM secrets", sqlservertest.Error{Number: 229, State: 5, Class: 14, Message: "The SELECT permission was denied on the object 'secrets'."})),
		"may not do what the query does", "error 229, state 5", "GRANT SELECT")
	add("throttled", func(w *env) configuration {
		return w.exportSQLServer(busy.URL(), "SELECT email FROM late").without(exportBlock, "properties").without(exportBlock, "attributes")
	}, "After row 3:", "is busy or not available", "error 49918")
	add("writes", query("SELECT email FROM customers DELETE FROM customers"), "has DELETE, which begins another statement", "not sent to the database")
	add("a type that cannot be mapped", func(w *env) configuration {
		return w.exportSQLServer(server.URL(), sqlServerQuery).with(exportBlock, "properties", `{ photo = "photo" }`)
	}, `The column "photo" is of the type varbinary, which cannot be mapped.`)
	plans.run(t)
	for _, text := range server.Executed() {
		if strings.TrimSpace(text) != sqlServerQuery {
			t.Errorf("%q ran", text)
		}
	}
}

// A server that is busy for a moment is asked again, and a managed identity of
// Microsoft Entra ID signs in.
func TestAccSQLServer_managedIdentity(t *testing.T) { // not parallel: the identity comes from the environment
	requireAcc(t)
	const token = "eyJ.of-the-identity.sig"
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Identity-Header") != "header" || r.FormValue("resource") != "https://database.windows.net" {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"access_token": %q, "expires_on": "%d", "token_type": "Bearer"}`, token, time.Now().Add(time.Hour).Unix())
	}))
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "header")
	w, server := newEnv(t), sqlservertest.Start(t)
	server.Answer(sqlServerQuery, sqlServerRows(3))
	server.AcceptToken(token, "https://login.example/11111111-2222-3333-4444-555555555555")
	server.RefuseLogins(1, sqlservertest.Error{Number: 40613, State: 1, Class: 17, Message: "Database 'crm' on server 'test' is not currently available."})
	t.Setenv("SEGMENT_URL", server.URLOf(nil, "fedauth=ActiveDirectoryManagedIdentity"))
	config := w.exportSQLServer("", sqlServerQuery).
		with(exportBlock, "segment", sqlSegment(`url_env = "SEGMENT_URL"`, fmt.Sprintf("query = %q", sqlServerQuery), `args = ["10"]`))
	w.run(applied(config, inState(exportAddress, values{"profile_count": 3})))
	for _, login := range server.Logins() {
		if login.Token != token || !login.ReadOnly {
			t.Errorf("login %+v", login)
		}
	}
}
