// Package mysqlserver holds a test against go-mysql-server, which speaks MySQL's
// protocol, accepts SET SESSION TRANSACTION READ ONLY and then writes
// nevertheless. It is a module of its own so that this server reaches neither
// the provider's dependencies nor those of its other tests.
package mysqlserver

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/sirupsen/logrus"

	sqle "github.com/dolthub/go-mysql-server"

	segmentsql "github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
)

// startServer serves a database in memory on the loopback interface.
func startServer(t *testing.T) (address string, exec func(statement string) []sql.Row) {
	t.Helper()
	logrus.SetOutput(io.Discard)
	provider := memory.NewDBProvider(memory.NewDatabase("crm"))
	engine := sqle.NewDefault(provider)
	s, err := server.NewServer(server.Config{Protocol: "tcp", Address: "127.0.0.1:0"}, engine, sql.NewContext, memory.NewSessionBuilder(provider), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Start() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Listener.Addr().String(), func(statement string) []sql.Row {
		t.Helper()
		ctx := sql.NewContext(context.WithoutCancel(t.Context()), sql.WithSession(memory.NewSession(sql.NewBaseSession(), provider)))
		ctx.SetCurrentDatabase("crm")
		_, rows, _, err := engine.Query(ctx, statement)
		if err != nil {
			t.Fatal(err)
		}
		all, err := sql.RowIterToRows(ctx, rows)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

func read(t *testing.T, source segmentsql.Source) (rows [][]string, err error) {
	t.Helper()
	opened, err := source.Open(t.Context(), []string{"email"})
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	for {
		row, err := opened.Next(nil)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

func TestNothingIsWritten(t *testing.T) {
	t.Parallel()
	address, exec := startServer(t)
	exec("CREATE TABLE people (email varchar(100) PRIMARY KEY, score int)")
	exec("INSERT INTO people VALUES ('ann@example.com', 1), ('bob@example.com', 2), ('eve@example.com', 3)")
	url := "mysql://root@" + address + "/crm"
	for _, query := range []string{
		"DELETE FROM people",
		"WITH x AS (SELECT 'ann@example.com' AS email) DELETE FROM people WHERE email IN (SELECT email FROM x)",
		"SELECT 1 AS email; DELETE FROM people",
		"/*!50000 DELETE FROM people */",
		"# SELECT\n DELETE FROM people",
		"(DELETE FROM people)",
		"REPLACE INTO people VALUES ('ann@example.com', 9)",
		"DROP TABLE people",
	} {
		if _, err := read(t, segmentsql.Source{URL: url, Query: query}); err == nil {
			t.Errorf("%s: no error", query)
		}
		if _, err := (segmentsql.Source{URL: url, Query: "SELECT 1", VersionQuery: query}).Version(t.Context()); err == nil {
			t.Errorf("%s: no error as version_query", query)
		}
		if got := fmt.Sprint(exec("SELECT count(*), sum(score) FROM people")); got != "[[3 6]]" {
			t.Fatalf("after %s the people are %s", query, got)
		}
	}
	score := "2"
	rows, err := read(t, segmentsql.Source{URL: url, Query: "/* VIPs */ WITH x AS (SELECT * FROM people) SELECT email FROM x WHERE score >= ? ORDER BY email; -- the end", Args: []*string{&score}})
	if fmt.Sprint(rows, err) != "[[bob@example.com] [eve@example.com]] EOF" {
		t.Errorf("rows %s, %v", rows, err)
	}
}
