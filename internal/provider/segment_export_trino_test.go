package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/trinotest"
)

func trinoURL(s *trinotest.Server, password string) string {
	return "trino://" + s.User + ":" + password + "@" + strings.TrimPrefix(s.URL, "http://") + "/lake/crm"
}

// newTrino starts a stand-in that demands a password.
func newTrino(t *testing.T) *trinotest.Server {
	t.Helper()
	server := trinotest.Start(t)
	server.Password = "Wolpertinger-78"
	return server
}

func trinoResult(n int) trinotest.Result {
	return trinotest.Result{
		Query: "FROM people", Columns: []trinotest.Column{{Name: "email", Type: "varchar(100)"}, {Name: "score", Type: "bigint"}}, Args: 1,
		Rows: n, PageRows: 1000, Polls: 1, EmptyPages: []int{0, 2},
		Row: func(i int) []any { return []any{fmt.Sprintf("person%d@example.com", i), i} },
	}
}

func TestAccSegmentExport_trino(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w := newEnv(t)
	server := newTrino(t)
	server.Register(trinoResult(2503))
	config := w.exportWarehouse(trinoURL(server, server.Password), `query = "SELECT email, score FROM people WHERE score >= ?"`, `args = ["0"]`)
	drifted := applied(config, inState(exportAddress, values{"profile_count": 2504, "last_run.reason": changedSegment}))
	drifted.PreConfig = func() { server.Register(trinoResult(2504)) }
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 2504, "last_run.reason": changedSegment})
	w.run(applied(config, inState(exportAddress, values{"profile_count": 2503, "last_run.status": "succeeded"})), drifted)
	if got := len(w.MemberEmails(w.list.ID)); got != 2504 {
		t.Errorf("the list has %d members", got)
	}
	if n := server.MostPagesAtOnce(); n != 1 || server.OpenTransactions() > 0 || len(server.Cancelled()) > 0 {
		t.Errorf("%d pages at once, %d open transactions, cancelled %v", n, server.OpenTransactions(), server.Cancelled())
	}
}

func TestAccSegmentExport_trinoRefused(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	server := newTrino(t)
	columns := []trinotest.Column{{Name: "email", Type: "varchar"}, {Name: "score", Type: "varbinary"}}
	server.Register(
		trinotest.Result{Query: "FORM people", Fail: &trinotest.Syntax},
		trinotest.Result{Query: "FROM hidden", Fail: &trinotest.Forbidden},
		trinotest.Result{Query: "FROM slow", Fail: &trinotest.Timeout},
		trinotest.Result{Query: "FROM queue", Fail: &trinotest.QueueFull},
		trinotest.Result{Query: "FROM photos", Columns: columns},
		trinotest.Result{Query: "FROM audited", Columns: columns[:1], Kind: "INSERT"},
		trinotest.Result{Query: "FROM endless", Columns: columns[:1], Endless: true},
	)
	server.Break(trinotest.Fault{Method: "POST", Text: "FROM busy", Status: http.StatusTooManyRequests, Times: -1})
	var r refusals
	url := trinoURL(server, server.Password)
	for name, test := range map[string]struct {
		url, query string
		words      []string
	}{
		"wrong credentials": {trinoURL(server, "wrong"), "SELECT email FROM people", []string{"refuses user and password of the URL: Access Denied: Invalid credentials"}},
		"unreachable":       {"trino://u@127.0.0.1:1/lake", "SELECT 1 AS email", []string{"No server listens at 127.0.0.1:1"}},
		"syntax":            {url, "SELECT email FORM people", []string{"Trino refuses the query", "mismatched input 'FORM'", "SYNTAX_ERROR"}},
		"permission":        {url, "SELECT email FROM hidden", []string{"The user may not do what the query does", "Access Denied", "Grant it"}},
		"time limit":        {url, "SELECT email FROM slow", []string{"Trino ended the query, which took too long", "raise statement_timeout"}},
		"queue":             {url, "SELECT email FROM queue", []string{"The cluster cannot run the query now: Too many queued queries"}},
		"throttled":         {url, "SELECT email FROM busy", []string{"takes no more requests for now"}},
		"writes":            {url, "INSERT INTO people SELECT 1", []string{"begins with INSERT", "It was not sent"}},
		"type":              {url, "SELECT * FROM photos", []string{`The column "score" is of the type varbinary, which cannot be mapped`}},
		"no catalog":        {url + "/people", "SELECT 1 AS email", []string{"more than a catalog and a schema"}},
	} {
		w := newEnv(t)
		r.add(name, w, w.exportWarehouse(test.url, fmt.Sprintf("query = %q", test.query)), append([]string{"Segment Cannot Be Read"}, test.words...), w.wantNoImport)
	}
	w := newEnv(t)
	r.add("writes nevertheless", w, w.exportWarehouse(url, `query = "SELECT email FROM audited"`).without(exportBlock, "properties"), []string{"Segment Cannot Be Read", "The query writes, and segments are only read"}, w.wantNoImport)
	config := newEnv(t).exportWarehouse(url, `query = "SELECT email FROM endless"`).without(exportBlock, "properties").with(exportBlock, "timeouts", `{ read = "3s" }`)
	r.add("cancelled", w, config, []string{"Time Is Up", "timeouts.read of 3s is over"}, w.wantNoImport)
	r.run(t)
	running := slices.DeleteFunc(server.Running(), func(text string) bool {
		return !strings.Contains(text, "endless") || !strings.HasPrefix(text, "SELECT")
	})
	if len(server.Cancelled()) != 1 || len(running) != 0 || server.Written() != 0 || server.OpenTransactions() != 0 {
		t.Errorf("cancelled %v, running %v, %d written, %d open transactions", server.Cancelled(), running, server.Written(), server.OpenTransactions())
	}
}

// No secret and no address of a person reaches state, plan or log.
func TestAccSecrets_trino(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w := newEnv(t)
	server := newTrino(t)
	server.Register(trinoResult(3))
	config := w.exportWarehouse(strings.Replace(trinoURL(server, ""), ":@", "@", 1), `query = "SELECT email, score FROM people WHERE score >= ?"`, `args = ["0"]`)
	c := newCLI(t, config, "TF_LOG=TRACE", "TRINO_PASSWORD="+server.Password)
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	server.Register(trinoResult(4))
	c.run("segment changed", "apply", "-no-color", "-input=false", "-auto-approve")
	failing := trinoResult(3)
	failing.Fail = &trinotest.Failure{Code: "9", Name: "INVALID_CAST_ARGUMENT", Type: "USER_ERROR", Message: "Cannot cast 'person1@example.com' to BIGINT"}
	server.Register(failing)
	c.fail("Trino refuses the query", "plan", "-no-color", "-input=false")
	secrets := []string{"person1@example.com", server.Password}
	for _, r := range server.Requests() {
		secrets = append(secrets, strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	}
	c.wantNoSecrets(slices.DeleteFunc(secrets, func(secret string) bool { return secret == "" }))
}
