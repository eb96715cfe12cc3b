package standin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

// start serves ten bytes for each request.
func start(t *testing.T) *standin.Server {
	t.Helper()
	s := &standin.Server{}
	s.Start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "0123456789") }),
		func(w http.ResponseWriter, status int) { standin.JSON(w, status, map[string]int{"refused": status}) })
	return s
}

// get returns the status and what came of the body.
func get(ctx context.Context, s *standin.Server, path string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, strings.TrimSpace(string(text)), err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		fault  standin.Fault
		status int
		body   string
		lost   bool
	}{
		{"a status", standin.Fault{Status: 503}, 503, `{"refused":503}`, false},
		{"a status with a body", standin.Fault{Status: 502, Body: "<html>"}, 502, "<html>", false},
		{"a lost connection", standin.Fault{Lose: true}, 0, "", true},
		{"a cut body", standin.Fault{Cut: 4}, 200, "0123", true},
		{"a clean cut", standin.Fault{Cut: 4, Clean: true}, 200, "0123", false},
		{"another path", standin.Fault{Path: "/b", Status: 503}, 200, "0123456789", false},
		{"another method", standin.Fault{Method: "POST", Status: 503}, 200, "0123456789", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.Break(test.fault)
			status, body, err := get(t.Context(), s, "/a")
			if status != test.status || body != test.body || (err != nil) != test.lost {
				t.Errorf("%d %q %v", status, body, err)
			}
			if len(s.Requests()) == 0 {
				t.Error("the request is not recorded")
			}
		})
	}
}

func TestFaultsAreCounted(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Break(standin.Fault{After: 1, Times: 2, Status: 429, RetryAfter: 3})
	var statuses []int
	for range 4 {
		status, _, err := get(t.Context(), s, "/")
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, status)
	}
	if fmt.Sprint(statuses) != "[200 429 429 200]" {
		t.Error(statuses)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Break(standin.Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, _, err := get(ctx, s, "/")
		done <- err
	}()
	for len(s.Requests()) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := &standin.Server{}
	s.Register(standin.Result{Query: "SELECT id", Rows: 1}, standin.Result{Query: "SELECT id", Match: func(s string) bool { return strings.HasPrefix(s, "DESCRIBE") }, Rows: 2})
	for statement, rows := range map[string]int{"SELECT * FROM (SELECT id)": 1, "DESCRIBE SELECT id": 2} {
		if r, found := s.Find(statement); !found || r.Rows != rows {
			t.Errorf("%s: %v", statement, r)
		}
	}
	s.Register(standin.Result{Query: "SELECT id", Rows: 3})
	if r, _ := s.Find("SELECT id"); r.Rows != 3 {
		t.Errorf("the newest does not count: %d", r.Rows)
	}
	if _, found := s.Find("SELECT name"); found {
		t.Error("a result was found for another statement")
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]standin.Result{
		"[{0 0}]":                    {},
		"[{0 2} {2 2} {4 1}]":        {Rows: 5, PageRows: 2},
		"[{0 0} {0 2} {2 0} {2 1}]":  {Rows: 3, PageRows: 2, EmptyPages: []int{0, 2}},
		"[{0 2} {2 0}]":              {Rows: 2, PageRows: 2, EmptyPages: []int{1}},
		"[{0 1000} {1000 1000}]":     {Rows: 2000},
		"[{0 0} {0 0}]":              {EmptyPages: []int{0}},
		"[{0 0} {0 0} {0 1} {1 1}]":  {Rows: 2, PageRows: 1, EmptyPages: []int{0, 1}},
		"[{0 3} {3 3} {6 3} {9 1}]":  {Rows: 10, PageRows: 3},
		"[{0 10}]":                   {Rows: 10, PageRows: 10},
		"[{0 10} {10 0} {10 0}]":     {Rows: 10, PageRows: 10, EmptyPages: []int{1, 2}},
		"[{0 5} {5 0} {5 0} {5 5}]":  {Rows: 10, PageRows: 5, EmptyPages: []int{1, 2}},
		"[{0 9} {9 0} {9 1} {10 0}]": {Rows: 10, PageRows: 9, EmptyPages: []int{1, 3}},
	} {
		if got := fmt.Sprint(r.Pages()); got != want {
			t.Errorf("%+v: %s, not %s", r, got, want)
		}
	}
}

// discard counts what is written and keeps nothing.
type discard int

func (d *discard) Write(b []byte) (int, error) {
	*d += discard(len(b))
	return len(b), nil
}

func TestRowsAreNotHeld(t *testing.T) {
	t.Parallel()
	const rows = 100_000
	held, most := 0, 0
	r := standin.Result{Rows: rows, PageRows: rows, Row: func(i int) []any {
		held++
		most = max(most, held)
		return []any{i}
	}}
	var written discard
	// The row is encoded and let go before the next is made.
	if err := r.WriteRows(&written, r.Pages()[0], func(row []any) any { held--; return row }); err != nil {
		t.Fatal(err)
	}
	if most != 1 || written < rows {
		t.Errorf("%d rows at once, %d bytes", most, written)
	}
}

func TestJWT(t *testing.T) {
	t.Parallel()
	token, err := standin.TestKey().Sign(map[string]string{"iss": "me"})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iss string }
	if !standin.TestKey().Verify(token, &claims) || claims.Iss != "me" {
		t.Errorf("%+v", claims)
	}
	parts := strings.Split(token, ".")
	for _, forged := range []string{
		"", "a.b.c", parts[0] + "." + parts[1] + ".", // an empty signature
		"eyJhbGciOiJub25lIn0." + parts[1] + "." + parts[2], // {"alg":"none"}
	} {
		if standin.TestKey().Verify(forged, &claims) {
			t.Errorf("%q was accepted", forged)
		}
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Submitted(standin.Statement{ID: "1", Text: "a"})
	s.Submitted(standin.Statement{ID: "2", Text: "b", DryRun: true})
	if got := s.Running(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("running: %v", got)
	}
	if !s.Cancel("1") || s.Cancel("1") || len(s.Running()) != 0 || len(s.Cancelled()) != 2 {
		t.Errorf("cancelled %v, running %v", s.Cancelled(), s.Running())
	}
	first, second := s.Fetch(), s.Fetch()
	first()
	second()
	s.Fetch()()
	if s.MostPagesAtOnce() != 2 {
		t.Errorf("%d pages at once", s.MostPagesAtOnce())
	}
}
