//nolint:paralleltest // credentials come from the environment, which newBigQuery sets
package provider

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/bigquerytest"
)

// newBigQuery starts a stand-in whose credentials are those of the environment.
func newBigQuery(t *testing.T, w *env) *bigquerytest.Server {
	t.Helper()
	server := bigquerytest.Start(t)
	path := w.write("key.json", string(server.Credentials()))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
	return server
}

// warehouseRows are n rows with an address and a number.
func warehouseRows(n int) func(i int) []any {
	return func(i int) []any { return []any{fmt.Sprintf("person%d@example.com", i), fmt.Sprint(n)} }
}

func bigqueryResult(n int) bigquerytest.Result {
	return bigquerytest.Result{
		Query: "FROM people", Columns: []bigquerytest.Column{{Name: "email", Type: "STRING"}, {Name: "score", Type: "INTEGER"}}, Args: 1, Bytes: 3 << 20,
		Rows: n, Row: warehouseRows(1), PageRows: 1000,
	}
}

// exportWarehouse exports what a query of the tests finds.
func (w *env) exportWarehouse(url string, arguments ...string) configuration {
	w.t.Helper()
	return w.export(threeCSV).
		with(exportBlock, "segment", sqlSegment(append([]string{fmt.Sprintf("url = %q", url)}, arguments...)...)).
		with(exportBlock, "data_matching", `{ email = "email" }`).
		without(exportBlock, "attributes").
		with(exportBlock, "properties", `{ score = "score" }`)
}

func bigqueryURL(server *bigquerytest.Server) string {
	return "bigquery://" + server.Project + "/crm?endpoint=" + server.URL
}

func TestAccSegmentExport_bigquery(t *testing.T) {
	requireAcc(t)
	w := newEnv(t)
	server := newBigQuery(t, w)
	server.Register(bigqueryResult(2503))
	config := w.exportWarehouse(bigqueryURL(server), `query = "SELECT email, score FROM people WHERE score >= ?"`, `args = ["1"]`, "max_bytes_billed = 10485760")
	drifted := applied(config, inState(exportAddress, values{"profile_count": 2504, "last_run.reason": changedSegment}))
	drifted.PreConfig = func() { server.Register(bigqueryResult(2504)) }
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 2504, "last_run.reason": changedSegment})
	w.run(applied(config, inState(exportAddress, values{"profile_count": 2503, "last_run.status": "succeeded"})), drifted)
	if got := len(w.MemberEmails(w.list.ID)); got != 2504 {
		t.Errorf("the list has %d members", got)
	}
	if n := server.MostPagesAtOnce(); n != 1 {
		t.Errorf("%d pages at once", n)
	}
}

func TestAccSegmentExport_bigqueryRefused(t *testing.T) {
	requireAcc(t)
	w := newEnv(t)
	server := newBigQuery(t, w)
	columns := []bigquerytest.Column{{Name: "email", Type: "STRING"}, {Name: "score", Type: "BYTES"}}
	server.Register(
		bigquerytest.Result{Query: "FORM people", Fail: &bigquerytest.Syntax},
		bigquerytest.Result{Query: "FROM hidden", Fail: &bigquerytest.Forbidden},
		bigquerytest.Result{Query: "FROM script", Columns: columns, Kind: "SCRIPT"},
		bigquerytest.Result{Query: "FROM photos", Columns: columns},
		bigquerytest.Result{Query: "FROM endless", Columns: columns[:1], Endless: true},
		bigquerytest.Result{Query: "FROM large", Columns: columns[:1], Bytes: 20 << 40},
	)
	server.Break(
		bigquerytest.Fault{Path: "/jobs", Text: "FROM unknown", Status: http.StatusUnauthorized, Times: -1},
		bigquerytest.Fault{Path: "/jobs", Text: "FROM busy", Status: http.StatusTooManyRequests, Times: -1},
	)
	var r refusals
	add := func(name, url, query string, more []string, words ...string) {
		w := newEnv(t)
		config := w.exportWarehouse(url, append(more, fmt.Sprintf("query = %q", query))...)
		if strings.Contains(query, "endless") {
			config = config.without(exportBlock, "properties").with(exportBlock, "timeouts", `{ read = "3s" }`)
		}
		r.add(name, w, config, words, func() { w.wantImports(0) })
	}
	url := bigqueryURL(server)
	add("wrong credentials", url, "SELECT email FROM unknown", nil, "Segment Cannot Be Read", "BigQuery refuses the credentials", "GOOGLE_APPLICATION_CREDENTIALS")
	add("unreachable", "bigquery://p?endpoint=http://127.0.0.1:1", "SELECT 1 AS email", nil, "Segment Cannot Be Read", "No server listens at 127.0.0.1:1")
	add("syntax", url, "SELECT email FORM people", nil, "Segment Cannot Be Read", "BigQuery refuses the query", "at [1:10]")
	add("permission", url, "SELECT email FROM hidden", nil, "Segment Cannot Be Read", "BigQuery denies access", "roles/bigquery.dataViewer")
	add("throttled", url, "SELECT email FROM busy", nil, "Segment Cannot Be Read", "takes no more requests for now")
	add("not a SELECT", url, "SELECT email FROM script", nil, "Segment Cannot Be Read", "not a SELECT", "It was not run")
	add("type", url, "SELECT * FROM photos", nil, "Segment Cannot Be Read", `The column "score" is of the type BYTES, which cannot be mapped`)
	add("too many bytes", url, "SELECT email FROM large", []string{"max_bytes_billed = 1000"}, "Segment Cannot Be Read", "max_bytes_billed", "would scan 21990232555520 bytes (20.0 TiB)", "It was not run")
	add("bytes elsewhere", "postgres://127.0.0.1:1/db", "SELECT 1 AS email", []string{"max_bytes_billed = 1000"}, "Segment Cannot Be Read", "only BigQuery does")
	add("bytes below one", url, "SELECT 1 AS email", []string{"max_bytes_billed = 0"}, "max_bytes_billed", "must be at least 1")
	add("cancelled", url, "SELECT email FROM endless", nil, "Time Is Up", "timeouts.read of 3s is over")
	r.run(t)
	if len(server.Cancelled()) != 1 || len(server.Running()) != 0 {
		t.Errorf("cancelled %v, running %v", server.Cancelled(), server.Running())
	}
}

// A plan says how many bytes a reading scans, where there is a limit.
func TestSegmentExport_bigqueryBytes(t *testing.T) {
	w := newEnv(t)
	server := newBigQuery(t, w)
	server.Register(bigqueryResult(3))
	config := func(limit any) values {
		source := values{"url": bigqueryURL(server), "query": "SELECT email, score FROM people WHERE score >= ?", "args": []tftypes.Value{tftypes.NewValue(tftypes.String, "1")}}
		if limit != nil {
			source["max_bytes_billed"] = limit
		}
		return w.exportObject(threeCSV).with("segment", blocks{{"name": "vip", "sql": source}}).with("data_matching", values{"email": "email"}).with("attributes", nil)
	}
	c := newCore(w, mainKey)
	const summary = "What Was Read: VIP customers to Klaviyo"
	found := warningsOf(c.plan(c.absent(exportKind), config(int64(4<<20))).Diagnostics, summary)
	if len(found) != 1 || !strings.Contains(found[0], `Segment "vip": BigQuery scans at most 3145728 bytes (3.0 MiB) each time that the query runs; max_bytes_billed allows 4194304 bytes (4.0 MiB).`) {
		t.Errorf("warnings %q", found)
	}
	if found := warningsOf(c.plan(c.absent(exportKind), config(nil)).Diagnostics, summary); len(found) > 0 {
		t.Errorf("warnings %q without a limit", found)
	}
}

// No secret and no address of a person reaches state, plan or log.
func TestAccSecrets_bigquery(t *testing.T) {
	requireAcc(t)
	w := newEnv(t)
	server := newBigQuery(t, w)
	server.Register(bigqueryResult(3))
	config := w.exportWarehouse(bigqueryURL(server), `query = "SELECT email, score FROM people WHERE score >= ?"`, `args = ["1"]`)
	c := newCLI(t, config, "TF_LOG=TRACE", "GOOGLE_APPLICATION_CREDENTIALS="+os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"))
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	server.Register(bigqueryResult(4))
	c.run("segment changed", "apply", "-no-color", "-input=false", "-auto-approve")
	server.Break(bigquerytest.Fault{Path: "/queries/", Status: http.StatusBadRequest, Times: -1, Body: `{"error":{"message":"Bad int64 value: person1@example.com","errors":[{"reason":"invalidQuery"}]}}`})
	c.fail("BigQuery refuses the query", "plan", "-no-color", "-input=false")
	secrets := []string{"person1@example.com", "BEGIN PRIVATE KEY"}
	for _, r := range server.Requests() {
		if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
			secrets = append(secrets, token)
		}
	}
	c.wantNoSecrets(secrets)
}
