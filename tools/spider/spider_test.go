// Package spider holds a test of queries to MariaDB's Spider engine: a head, whose
// tables are on two other servers.
package spider

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest/enginetest"
)

func TestMain(m *testing.M) {
	sql.SetCancelTimeout(10 * time.Second) // on a busy machine a connection takes long
	code := m.Run()
	sqltest.Stop()
	os.Exit(code)
}

const rows = 20_000

func TestSpider(t *testing.T) {
	t.Parallel()
	if found, _ := filepath.Glob("/usr/lib*/mysql/plugin/ha_spider.so"); found == nil {
		t.Skip("needs the Spider engine, which is not installed here: apt-get install mariadb-plugin-spider")
	}
	head := sqltest.MariaDBWith(t, "--plugin-load-add=ha_spider", "--plugin-maturity=gamma")
	var shards []*sqltest.Database
	for n := range 2 {
		shard := sqltest.MariaDBWith(t)
		shard.Exec("CREATE TABLE people (id int PRIMARY KEY, email varchar(100), score int)")
		head.Exec(fmt.Sprintf("CREATE SERVER shard%d FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1', PORT %d, DATABASE '%s', USER '%s', PASSWORD '%s')",
			n, shard.Port, shard.Name, sqltest.Owner, sqltest.Password))
		shards = append(shards, shard)
	}
	head.Exec("CREATE TABLE people (id int PRIMARY KEY, email varchar(100), score int) ENGINE=SPIDER COMMENT='wrapper \"mysql\", table \"people\"' " +
		"PARTITION BY HASH (id) (PARTITION p0 COMMENT = 'srv \"shard0\"', PARTITION p1 COMMENT = 'srv \"shard1\"')")
	head.Exec(fmt.Sprintf("INSERT INTO people SELECT seq, CONCAT('p', LPAD(seq, 5, '0'), '@example.com'), seq FROM seq_1_to_%d", rows))
	head.Exec("CREATE FUNCTION forget() RETURNS text MODIFIES SQL DATA BEGIN DELETE FROM people; RETURN 'x'; END")
	all := append([]*sqltest.Database{head}, shards...)
	url := head.URL()

	var emails []string
	for n := range rows {
		emails = append(emails, fmt.Sprintf("p%05d@example.com", n+1))
	}
	for _, shard := range shards {
		if got := shard.Value("SELECT COUNT(*) FROM people"); got != fmt.Sprint(rows/2) {
			t.Fatalf("a shard has %s rows", got)
		}
	}
	enginetest.Rows(t, url, "SELECT email FROM people ORDER BY email", emails)
	enginetest.Rows(t, url, "SELECT email FROM people WHERE score > ? ORDER BY email", emails[rows-10:], fmt.Sprint(rows-10))
	enginetest.Refused(t, url, "DELETE FROM people", "query", "segments are only read")
	enginetest.Refused(t, url, "SELECT forget() AS email", "query", "The query writes, and segments are only read")
	enginetest.Refused(t, url, "SELECT email FROM nobody", "query", "nobody' doesn't exist (SQLSTATE 42S02)")
	enginetest.Cancelled(t, url, "SELECT MAX(CONCAT(a.email, b.email, c.email)) AS email FROM people a, people b, people c", func() bool {
		return slices.ContainsFunc(all, func(d *sqltest.Database) bool {
			return d.Value("SELECT COUNT(*) FROM information_schema.processlist WHERE command <> 'Sleep' AND info LIKE '%people%' AND info NOT LIKE '%processlist%'") != "0"
		})
	})
	if got := head.Value("SELECT COUNT(*) FROM people"); got != fmt.Sprint(rows) {
		t.Errorf("there are %s people", got)
	}
}
