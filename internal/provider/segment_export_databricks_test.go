package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/databrickstest"
)

func databricksResult(n int) databrickstest.Result {
	return databrickstest.Result{
		Query: "FROM people", Columns: []databrickstest.Column{{Name: "email", Type: "STRING"}, {Name: "score", Type: "INT"}}, Args: 1,
		Rows: n, Row: warehouseRows(1), PageRows: 1000,
	}
}

func databricksURL(server *databrickstest.Server, user, secret string) string {
	address := url.URL{Scheme: "databricks", User: url.UserPassword(user, secret), Host: "dbc-1.cloud.databricks.com", Path: "/sql/1.0/warehouses/" + server.Warehouse, RawQuery: "catalog=main&endpoint=" + server.URL}
	return address.String()
}

func TestAccSegmentExport_databricks(t *testing.T) {
	t.Parallel()
	requireAcc(t)
	w, server := newEnv(t), databrickstest.Start(t)
	server.Register(databricksResult(2503))
	config := w.exportWarehouse(databricksURL(server, server.ClientID, server.ClientSecret), `query = "SELECT email, score FROM people WHERE score >= :p1"`, `args = ["1"]`)
	drifted := applied(config, inState(exportAddress, values{"profile_count": 2504, "last_run.reason": changedSegment}))
	drifted.PreConfig = func() {
		server.Register(databricksResult(2504))
		server.Expire() // the tokens of the first apply
	}
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 2504, "last_run.reason": changedSegment})
	w.run(applied(config, inState(exportAddress, values{"profile_count": 2503, "last_run.status": "succeeded"})), drifted)
	if got := len(w.MemberEmails(w.list.ID)); got != 2504 {
		t.Errorf("the list has %d members", got)
	}
	if n := server.MostPagesAtOnce(); n != 1 {
		t.Errorf("%d chunks at once", n)
	}
}

func TestAccSegmentExport_databricksRefused(t *testing.T) {
	t.Parallel()
	requireAcc(t)
	server := databrickstest.Start(t)
	columns := []databrickstest.Column{{Name: "email", Type: "STRING"}, {Name: "score", Type: "BINARY"}}
	server.Register(
		databrickstest.Result{Query: "FORM people", Fail: &databrickstest.Syntax},
		databrickstest.Result{Query: "FROM hidden", Fail: &databrickstest.Forbidden},
		databrickstest.Result{Query: "FROM photos", Columns: columns},
		databrickstest.Result{Query: "FROM endless", Columns: columns[:1], Endless: true},
	)
	server.Break(databrickstest.Fault{Path: "/statements", Text: "FROM busy", Status: http.StatusTooManyRequests, Times: -1})
	address := databricksURL(server, "token", server.Token)
	var r refusals
	add := func(name, url, query string, words ...string) {
		w := newEnv(t)
		config := w.exportWarehouse(url, fmt.Sprintf("query = %q", query))
		if strings.Contains(query, "endless") {
			config = config.without(exportBlock, "properties").with(exportBlock, "timeouts", `{ read = "3s" }`)
		}
		r.add(name, w, config, words, func() { w.wantImports(0) })
	}
	add("wrong token", databricksURL(server, "token", "dapi-wrong"), "SELECT 1 AS email", "Segment Cannot Be Read", "refuses the token of the URL", "Invalid access token")
	add("wrong secret", databricksURL(server, server.ClientID, "wrong"), "SELECT 1 AS email", "Segment Cannot Be Read", "refuses the service principal of the URL")
	add("unreachable", strings.Replace(address, server.URL, "http://127.0.0.1:1", 1), "SELECT 1 AS email", "Segment Cannot Be Read", "No server listens at 127.0.0.1:1")
	add("syntax", address, "SELECT email FORM people", "Segment Cannot Be Read", "Databricks refuses the query", "PARSE_SYNTAX_ERROR")
	add("permission", address, "SELECT email FROM hidden", "Segment Cannot Be Read", "may not read what it names", "USE SCHEMA")
	add("throttled", address, "SELECT email FROM busy", "Segment Cannot Be Read", "takes no more requests for now")
	add("writes", address, "INSERT INTO people VALUES (1)", "Segment Cannot Be Read", "begins with INSERT", "not sent to the database")
	add("type", address, "SELECT * FROM photos", "Segment Cannot Be Read", `The column "score" is of the type binary, which cannot be mapped`)
	add("cancelled", address, "SELECT email FROM endless", "Time Is Up", "timeouts.read of 3s is over")
	r.run(t)
	if len(server.Cancelled()) != 1 || len(server.Running()) != 0 || server.Written() != 0 {
		t.Errorf("cancelled %v, running %v, %d written", server.Cancelled(), server.Running(), server.Written())
	}
}

// With the URL in the environment, no secret and no address of a person reaches state,
// plan or log.
func TestAccSecrets_databricks(t *testing.T) {
	t.Parallel()
	requireAcc(t)
	w, server := newEnv(t), databrickstest.Start(t)
	server.Register(databricksResult(3))
	address := databricksURL(server, server.ClientID, server.ClientSecret)
	config := w.exportWarehouse("").with(exportBlock, "segment", sqlSegment(`url_env = "SEGMENT_URL"`, `query = "SELECT email, score FROM people WHERE score >= :p1"`, `args = ["1"]`))
	c := newCLI(t, config, "TF_LOG=TRACE", "SEGMENT_URL="+address)
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	server.Register(databricksResult(4))
	c.run("segment changed", "apply", "-no-color", "-input=false", "-auto-approve")
	server.Break(databrickstest.Fault{Path: "/results/", Status: http.StatusForbidden, Times: -1})
	c.fail("The storage of Databricks refuses", "plan", "-no-color", "-input=false")
	secrets := []string{address, server.ClientSecret, "person1@example.com", server.StorageURL}
	for _, r := range server.Requests() {
		if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
			secrets = append(secrets, token)
		}
		if signature := r.Query.Get("signature"); signature != "" {
			secrets = append(secrets, signature)
		}
	}
	c.wantNoSecrets(secrets)
}
