package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/snowflaketest"
)

func snowflakeURL(s *snowflaketest.Server) string {
	return "snowflake://" + s.User + ":" + s.PAT + "@" + s.Account + "/CRM/PUBLIC?warehouse=REPORTING&endpoint=" + s.URL
}

func snowflakeResult(n int) snowflaketest.Result {
	return snowflaketest.Result{
		Query: "FROM people", Columns: []snowflaketest.Column{{Name: "email", Type: "text(100)"}, {Name: "score", Type: "fixed(38,0)"}}, Args: 1,
		Rows: n, PageRows: 1000, Polls: 1, EmptyPages: []int{1},
		Row: func(i int) []any { return []any{fmt.Sprintf("person%d@example.com", i), fmt.Sprint(i)} },
	}
}

func TestAccSegmentExport_snowflake(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w := newEnv(t)
	server := snowflaketest.Start(t)
	server.Register(snowflakeResult(2503))
	config := w.exportWarehouse(snowflakeURL(server), `query = "SELECT email AS \"email\", score AS \"score\" FROM people WHERE score >= ?"`, `args = ["0"]`)
	drifted := applied(config, inState(exportAddress, values{"profile_count": 2504, "last_run.reason": changedSegment}))
	drifted.PreConfig = func() { server.Register(snowflakeResult(2504)) }
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 2504, "last_run.reason": changedSegment})
	w.run(applied(config, inState(exportAddress, values{"profile_count": 2503, "last_run.status": "succeeded"})), drifted)
	if got := len(w.MemberEmails(w.list.ID)); got != 2504 {
		t.Errorf("the list has %d members", got)
	}
	if n := server.MostPagesAtOnce(); n != 1 || len(server.Running()) > 0 || len(server.Cancelled()) > 0 {
		t.Errorf("%d partitions at once, running %v, cancelled %v", n, server.Running(), server.Cancelled())
	}
}

func TestAccSegmentExport_snowflakeRefused(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	server := snowflaketest.Start(t)
	columns := []snowflaketest.Column{{Name: "email", Type: "text(100)"}, {Name: "score", Type: "binary(10)"}}
	server.Register(
		snowflaketest.Result{Query: "FORM people", Fail: &snowflaketest.Syntax},
		snowflaketest.Result{Query: "FROM hidden", Fail: &snowflaketest.Forbidden},
		snowflaketest.Result{Query: "FROM nowhere", Fail: &snowflaketest.Warehouse},
		snowflaketest.Result{Query: "FROM slow", Fail: &snowflaketest.Timeout},
		snowflaketest.Result{Query: "FROM photos", Columns: columns},
		snowflaketest.Result{Query: "FROM endless", Columns: columns[:1], Endless: true},
	)
	server.Break(snowflaketest.Fault{Method: "POST", Text: "FROM busy", Status: http.StatusTooManyRequests, Times: -1})
	var r refusals
	url := snowflakeURL(server)
	for name, test := range map[string]struct {
		url, query string
		words      []string
	}{
		"wrong credentials": {strings.Replace(url, server.PAT, "wrong", 1), "SELECT email FROM people", []string{"Snowflake at 127.0.0.1:", "refuses the token in the URL: Programmatic access token is invalid", "Create a new one"}},
		"unreachable":       {"snowflake://u:t@acme/db?endpoint=http://127.0.0.1:1", "SELECT 1 AS email", []string{"No server listens at 127.0.0.1:1"}},
		"syntax":            {url, "SELECT email FORM people", []string{"Snowflake refuses the query", "line 1, column 8 unexpected 'FORM'", "SQLSTATE 42000"}},
		"permission":        {url, "SELECT email FROM hidden", []string{"Snowflake does not find what the query reads", "does not exist or not authorized", "lacks SELECT: grant it"}},
		"no warehouse":      {url, "SELECT email FROM nowhere", []string{"no warehouse to run the query on", "Add warehouse="}},
		"time limit":        {url, "SELECT email FROM slow", []string{"Snowflake ended the query, which took too long", "raise statement_timeout"}},
		"throttled":         {url, "SELECT email FROM busy", []string{"takes no more requests for now"}},
		"writes":            {url, "DELETE FROM people", []string{"begins with DELETE", "It was not sent"}},
		"type":              {url, "SELECT * FROM photos", []string{`The column "score" is of the type BINARY, which cannot be mapped`}},
		"parameter":         {url + "&Warehouse=X", "SELECT 1 AS email", []string{`The URL has a parameter "Warehouse"`, `"statement_timeout"`}},
	} {
		w := newEnv(t)
		r.add(name, w, w.exportWarehouse(test.url, fmt.Sprintf("query = %q", test.query)), append([]string{"Segment Cannot Be Read"}, test.words...), w.wantNoImport)
	}
	w := newEnv(t)
	config := w.exportWarehouse(url, `query = "SELECT email FROM endless"`).without(exportBlock, "properties").with(exportBlock, "timeouts", `{ read = "3s" }`)
	r.add("cancelled", w, config, []string{"Time Is Up", "timeouts.read of 3s is over"}, w.wantNoImport)
	r.run(t)
	if len(server.Cancelled()) != 1 || len(server.Running()) != 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
}

// No secret and no address of a person reaches state, plan or log.
func TestAccSecrets_snowflake(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w := newEnv(t)
	server := snowflaketest.Start(t)
	server.Register(snowflakeResult(3))
	url := strings.Replace(snowflakeURL(server), ":"+server.PAT, "", 1)
	config := w.exportWarehouse(url, `query = "SELECT email, score FROM people WHERE score >= ?"`, `args = ["0"]`)
	c := newCLI(t, config, "TF_LOG=TRACE", "SNOWFLAKE_PRIVATE_KEY="+server.PrivateKey)
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	server.Register(snowflakeResult(4))
	c.run("segment changed", "apply", "-no-color", "-input=false", "-auto-approve")
	failing := snowflakeResult(3)
	failing.Fail = &snowflaketest.Failure{Code: "100038", State: "22018", Message: "Numeric value 'person1@example.com' is not recognized"}
	server.Register(failing)
	c.fail("Snowflake refuses the query", "plan", "-no-color", "-input=false")
	secrets := []string{"person1@example.com", strings.Split(server.PrivateKey, "\n")[1]}
	for _, r := range server.Requests() {
		if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
			secrets = append(secrets, token)
		}
	}
	c.wantNoSecrets(secrets)
}
