// Package vitess holds a test of queries to Vitess, with two shards on a MariaDB
// server. It is a module of its own, since Vitess takes a while to compile and has
// many dependencies.
package vitess

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver of connect

	source "github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest/enginetest"
)

func TestMain(m *testing.M) {
	source.SetCancelTimeout(10 * time.Second) // on a busy machine a connection takes long
	code := m.Run()
	sqltest.Stop()
	os.Exit(code)
}

const (
	rows = 20_000 // more than Vitess sends at once
	olap = "?workload=%27olap%27"

	// vschema spreads people over the shards by the hash of their ids.
	vschema = `{"sharded": true, "vindexes": {"hash": {"type": "hash"}}, "tables": {"people": {"column_vindexes": [{"column": "id", "name": "hash"}]}}}`
)

func TestVitess(t *testing.T) {
	t.Parallel()
	program := os.Getenv("VTCOMBO")
	if program == "" {
		t.Skip("VTCOMBO must name the program vtcombo, which make test-vitess builds")
	}
	var shards [2]*sqltest.Database
	for i := range shards {
		shards[i] = sqltest.MariaDB(t)
		shards[i].Exec("CREATE TABLE people (id bigint PRIMARY KEY, email varchar(100), score int)")
	}
	vitess := sqltest.Vitess(t, program, "crm", vschema, shards)
	strangers := connect(t, vitess)
	emails := make([]string, rows)
	for i := range emails {
		emails[i] = fmt.Sprintf("p%05d@example.com", i+1)
	}
	for first := range slices.Chunk(emails, 1000) {
		vitess.Exec(insert(first))
	}
	count := func() (n [2]string) {
		for i, shard := range shards {
			n[i] = shard.Value("SELECT COUNT(*) FROM people")
		}
		return n
	}
	before := count()
	if slices.Contains(before[:], "0") {
		t.Fatalf("the shards have %s rows", before)
	}
	url := vitess.URL()

	enginetest.Rows(t, url+olap, "SELECT email FROM people ORDER BY email", emails)
	enginetest.Rows(t, url+olap, "SELECT email FROM people WHERE score > ? ORDER BY email", emails[rows-10:], fmt.Sprint(rows-10))
	enginetest.Rows(t, url, "SELECT email FROM people WHERE score > ? ORDER BY email", emails[rows-10:], fmt.Sprint(rows-10))
	enginetest.Refused(t, url, "SELECT email FROM people", "url", "more rows than the server allows: Row count exceeded 10000. Add workload=%27olap%27 to the parameters of the URL")
	for _, url := range []string{url, url + olap} {
		enginetest.Refused(t, url, "DELETE FROM people", "query", "segments are only read")
		enginetest.Refused(t, url, "WITH gone AS (SELECT 1) DELETE FROM people", "query", "segments are only read")
		enginetest.Refused(t, url, "SELECT email FROM nobody", "query", "The server refuses the query: table nobody not found")
	}
	// Vitess lets a query run on that nobody waits for; this one takes some seconds.
	enginetest.Cancelled(t, url+olap, "SELECT MAX(CONCAT(email, SLEEP(0.001))) AS email FROM people", func() bool {
		return slices.ContainsFunc(shards[:], func(d *sqltest.Database) bool {
			return d.Value("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%SLEEP(0.001)%' AND info NOT LIKE '%processlist%'") != "0"
		})
	})
	for n, stranger := range strangers {
		if _, err := stranger.ExecContext(t.Context(), "SELECT 1"); err != nil {
			t.Errorf("connection %d of somebody else was ended: %v", n, err)
		}
	}
	if after := count(); after != before {
		t.Errorf("the shards have %s rows, not %s", after, before)
	}
}

func insert(emails []string) string {
	var values []string
	for _, email := range emails {
		number := strings.TrimLeft(email[1:6], "0")
		values = append(values, fmt.Sprintf("(%s, '%s', %s)", number, email, number))
	}
	return "INSERT INTO people (id, email, score) VALUES " + strings.Join(values, ", ")
}

// connect opens the first connections, so many that their numbers are also those of
// connections of Vitess to its shards.
func connect(t *testing.T, vitess *sqltest.Database) (all []*sql.Conn) {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", vitess.Port, vitess.Name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for range 100 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	return all
}
