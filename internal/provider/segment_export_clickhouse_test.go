package provider

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// clickhousePeople makes a table of so many people on two shards, and returns the
// server that reads both.
func clickhousePeople(t *testing.T, n int) *sqltest.Database {
	t.Helper()
	shards := sqltest.ClickHouse(t)
	for i, shard := range shards {
		shard.Exec("CREATE TABLE part (email String, score UInt64, photo AggregateFunction(sum, UInt64)) ENGINE = MergeTree ORDER BY email")
		shard.Exec(fmt.Sprintf("INSERT INTO part (email, score) SELECT concat('person', toString(number), '@example.com'), number FROM numbers(%d) WHERE number %% 2 = %d", n, i))
	}
	shards[0].Exec(fmt.Sprintf("CREATE TABLE people AS part ENGINE = Distributed(two, %s, part)", shards[0].Name))
	return shards[0]
}

func TestAccSegmentExport_clickhouse(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	w := newEnv(t)
	db := clickhousePeople(t, 12_503)
	config := w.exportWarehouse(hclText(db.URL()), `query = "SELECT email, score FROM people ORDER BY email"`, `version_query = "SELECT count(), max(score) FROM people"`)
	drifted := applied(config, inState(exportAddress, values{"profile_count": 12_504, "last_run.reason": changedSegment}))
	drifted.PreConfig = func() { db.Exec("INSERT INTO part (email, score) SELECT 'joe@example.com', 100000") }
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 12_504, "last_run.reason": changedSegment})
	w.run(applied(config, inState(exportAddress, values{"profile_count": 12_503, "last_run.status": "succeeded"})), drifted)
	if got := len(w.MemberEmails(w.list.ID)); got != 12_504 {
		t.Errorf("the list has %d members", got)
	}
	w.wantProperty("person7@example.com", "score", "7")
}

func TestAccSegmentExport_clickhouseRefused(t *testing.T) {
	requireAcc(t)
	t.Parallel()
	db := clickhousePeople(t, 10)
	var r refusals
	for name, test := range map[string]struct {
		url, query string
		words      []string
	}{
		"wrong credentials": {db.URLOf(sqltest.Owner, "wrong"), "SELECT email, score FROM people", []string{"refuses user and password of the URL", "Wrong password"}},
		"unreachable":       {"clickhouse://u:t@127.0.0.1:1/db", "SELECT 1 AS email", []string{"No server listens at 127.0.0.1:1"}},
		"syntax":            {db.URL(), "SELECT email FORM people WHERE", []string{"The server refuses the query", "Syntax error", "(code 62)"}},
		"permission":        {strings.Replace(db.URLOf(sqltest.Reader, sqltest.Password), "/"+db.Name, "", 1), "SELECT email, score FROM " + db.Name + ".people", []string{"may not do what the query does", "GRANT SELECT"}},
		"time limit":        {db.URL() + "?statement_timeout=1s", "SELECT toString(sum(sipHash64(number))) AS email, 1 AS score FROM numbers(100000000000)", []string{"The server ended the query", "raise statement_timeout"}},
		"writes":            {db.URL(), "ALTER TABLE people DELETE WHERE 1", []string{"begins with ALTER", "It was not sent"}},
		"type":              {db.URL(), "SELECT email, photo AS score FROM part", []string{`The column "score" is of the type AggregateFunction(sum, UInt64), which cannot be mapped`}},
		"parameter":         {db.URL() + "?Timeout=3", "SELECT 1 AS email", []string{`The URL has a parameter "Timeout"`, `"statement_timeout"`}},
		"among rows":        {db.URL(), "SELECT concat(toString(number), '@example.com') AS email, intDiv(1, number - 500000) AS score FROM numbers(1000000)", []string{"After row", "Division by zero"}},
	} {
		w := newEnv(t)
		r.add(name, w, w.exportWarehouse(hclText(test.url), fmt.Sprintf("query = %q", test.query)), append([]string{"Segment Cannot Be Read"}, test.words...), w.wantNoImport)
	}
	w := newEnv(t)
	config := w.exportWarehouse(hclText(db.URL()), `query = "SELECT toString(sum(sipHash64(number))) AS email, 'of `+db.Name+` ' AS score FROM numbers(1000000000000)"`).with(exportBlock, "timeouts", `{ read = "3s" }`)
	r.add("cancelled", w, config, []string{"Time Is Up", "timeouts.read of 3s is over"}, w.wantNoImport)
	r.run(t)
	const running = "SELECT query FROM system.processes WHERE query LIKE '%%of %s %%' AND query NOT LIKE '%%processes%%'"
	for deadline := time.Now().Add(time.Minute); db.Value(fmt.Sprintf(running, db.Name)) != ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the query still runs")
		}
	}
}
