// Package pgbouncer holds tests of queries that reach PostgreSQL through PgBouncer.
package pgbouncer

import (
	"fmt"
	"os"
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

const people = `CREATE TABLE people (email text PRIMARY KEY, score int);
	INSERT INTO people SELECT 'p' || lpad(n::text, 5, '0') || '@example.com', n FROM generate_series(1, 20000) n;
	CREATE FUNCTION forget() RETURNS text LANGUAGE plpgsql AS $$ BEGIN DELETE FROM people; RETURN 'x'; END $$;
	GRANT ALL ON people TO PUBLIC`

func emails(from, to int) (all []string) {
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprintf("p%05d@example.com", n))
	}
	return all
}

// In the modes in which a transaction stays on one connection, everything is as
// without a pooler.
func TestPools(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"session", "transaction"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			direct := sqltest.Postgres(t)
			direct.Exec(people)
			pooled := sqltest.PgBouncer(t, direct, mode)
			url := pooled.URL()
			enginetest.Rows(t, url, "SELECT email FROM people ORDER BY email", emails(1, 20000))
			enginetest.Rows(t, url, "SELECT email FROM people WHERE score > $1 ORDER BY email", emails(19991, 20000), "19990")
			enginetest.Refused(t, url, "DELETE FROM people RETURNING email", "query", "The query writes, and segments are only read")
			enginetest.Refused(t, url, "SELECT forget() AS email", "query", "The query writes, and segments are only read")
			enginetest.Refused(t, url, "SELECT email\nFROM nobody", "query", `relation "nobody" does not exist (SQLSTATE 42P01), at line 2, column 6 of the query`)
			enginetest.Cancelled(t, url, "SELECT max(email) AS email FROM people, generate_series(1, 100000000)", func() bool {
				return direct.Value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%generate_series(1, 100000000)%' AND pid <> pg_backend_pid()") != "0"
			})
			if got := direct.Value("SELECT count(*) FROM people"); got != "20000" {
				t.Errorf("there are %s people", got)
			}
			// Whoever uses the connection next finds it as it was.
			settings := "SELECT current_setting('transaction_read_only') || ' ' || current_setting('client_connection_check_interval')"
			if got := pooled.ThroughPool(settings); got != "off 0" {
				t.Errorf("the connection is left with %s", got)
			}
		})
	}
}

// In this mode there are no transactions, so nothing would keep a query from writing.
func TestPoolOfStatements(t *testing.T) {
	t.Parallel()
	direct := sqltest.Postgres(t)
	direct.Exec(people)
	url := sqltest.PgBouncer(t, direct, "statement").URL()
	enginetest.Refused(t, url, "SELECT email FROM people", "url", "The pooler at the URL is in statement pooling mode")
	enginetest.Refused(t, url, "DELETE FROM people RETURNING email", "url", "Use the URL of a pool with pool_mode session or transaction")
	if got := direct.Value("SELECT count(*) FROM people"); got != "20000" {
		t.Errorf("there are %s people", got)
	}
}

// PgBouncer passes on no settings of a session but those that it knows.
func TestSettingsOfTheURL(t *testing.T) {
	t.Parallel()
	url := sqltest.PgBouncer(t, sqltest.Postgres(t), "transaction").URL()
	enginetest.Refused(t, url+"?statement_timeout=60000", "SELECT '' AS email", "url", "unsupported startup parameter: statement_timeout")
}
