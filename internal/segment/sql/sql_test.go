package sql_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

func TestMain(m *testing.M) {
	sql.SetCancelTimeout(2 * time.Second)
	sql.SetSubmitGrace(time.Minute)
	code := m.Run()
	sqltest.Stop()
	os.Exit(code)
}

// onBoth runs a test on both kinds of servers.
func onBoth(t *testing.T, test func(*testing.T, *sqltest.Database)) {
	t.Helper()
	for name, start := range map[string]func(testing.TB) *sqltest.Database{"PostgreSQL": sqltest.Postgres, "MariaDB": sqltest.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// openSQL opens a source that must be readable.
func openSQL(t *testing.T, source sql.Source, columns ...string) segment.Rows {
	t.Helper()
	rows, err := source.Open(t.Context(), columns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	return rows
}

// texts returns args of a query.
func texts(values ...string) []*string {
	args := make([]*string, len(values))
	for i := range values {
		args[i] = &values[i]
	}
	return args
}

// wantRows checks all rows of a query.
func wantRows(t *testing.T, rows segment.Rows, want ...[]string) {
	t.Helper()
	got, err := segmenttest.ReadAll(rows)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// wantError checks argument and text of an error, and that the password is not in
// it.
func wantError(t *testing.T, err error, argument string, words ...string) {
	t.Helper()
	var e *segment.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T)", err, err)
	}
	if !slices.Equal(e.Argument, []string{"sql", argument}) {
		t.Errorf("blames %q, want %q; %s", e.Argument, argument, e)
	}
	for _, word := range words {
		if !strings.Contains(e.Error(), word) {
			t.Errorf("%q does not say %q", e, word)
		}
	}
	for text := error(e); text != nil; text = errors.Unwrap(text) {
		for _, secret := range []string{sqltest.Password, "Hu5h", "@example.com"} {
			if strings.Contains(text.Error(), secret) {
				t.Errorf("%q holds %q", text, secret)
			}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("%v is taken for the caller giving up", err)
	}
}

const people = `CREATE TABLE people (email varchar(100), name varchar(100), score int);
INSERT INTO people VALUES ('ann@example.com', 'Ann', 1), ('bob@example.com', NULL, 2), ('eve@example.com', 'Ève', NULL);`

func TestSQL_wantedColumns(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *sqltest.Database) {
		db.Exec(people)
		rows := openSQL(t, sql.Source{URL: owned(db), Query: "SELECT * FROM people ORDER BY email"}, "score", "email")
		if !slices.Equal(rows.JSON(), []bool{true, false}) {
			t.Errorf("JSON are %v", rows.JSON())
		}
		wantRows(t, rows, []string{"1", "ann@example.com"}, []string{"2", "bob@example.com"}, []string{"", "eve@example.com"})
	})
}

// owned is the URL of somebody who may read and write the tables.
func owned(db *sqltest.Database) string {
	if db.Scheme == "postgres" {
		db.Exec("GRANT ALL ON ALL TABLES IN SCHEMA public TO " + sqltest.Owner)
	}
	return db.URL()
}
