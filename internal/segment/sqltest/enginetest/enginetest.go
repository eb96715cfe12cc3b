// Package enginetest reads segments from databases that speak the protocol of
// PostgreSQL or MySQL and are neither. Only tests import it.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
)

// hangGuard ends a test that would wait forever.
const hangGuard = time.Minute

// Read reads all rows of a query that has a column email.
func Read(t *testing.T, url, query string, args ...string) ([][]string, error) {
	t.Helper()
	return read(t.Context(), url, query, args...)
}

func read(ctx context.Context, url, query string, args ...string) ([][]string, error) {
	source := sql.Source{URL: url, Query: query}
	for _, arg := range args {
		source.Args = append(source.Args, &arg)
	}
	rows, err := source.Open(ctx, []string{"email"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return segmenttest.ReadAll(rows)
}

// Rows are read, in this order.
func Rows(t *testing.T, url, query string, want []string, args ...string) {
	t.Helper()
	got, err := Read(t, url, query, args...)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(each(want)) {
		t.Errorf("%s: %d rows (%v), want %d", query, len(got), err, len(want))
	}
}

func each(values []string) (rows [][]string) {
	for _, value := range values {
		rows = append(rows, []string{value})
	}
	return rows
}

// Refused checks that a query fails with an error that blames an argument.
func Refused(t *testing.T, url, query, argument, want string) {
	t.Helper()
	_, err := Read(t, url, query)
	var e *segment.Error
	if !errors.As(err, &e) || e.Argument[len(e.Argument)-1] != argument || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want %q about %s", query, err, want, argument)
	}
}

// Cancelled runs a query that takes longer than the test, ends its context once
// running reports that it runs, and waits until it does not run any more.
func Cancelled(t *testing.T, url, query string, running func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := read(ctx, url, query)
		ended <- err
	}()
	await(t, "run", running)
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the query ends with %v", err)
		}
	case <-time.After(hangGuard):
		t.Fatal("the end of the context does not end the wait")
	}
	await(t, "end", func() bool { return !running() })
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hangGuard); !holds(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the query does not %s on the server", what)
		}
	}
}
