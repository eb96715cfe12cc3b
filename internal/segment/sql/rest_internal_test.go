package sql

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// fastClock does not wait, and keeps how long it should have.
type fastClock struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (*fastClock) Now() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }

func (c *fastClock) Wait(ctx context.Context, d time.Duration, _ <-chan struct{}) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, d)
	return ctx.Err()
}

// newREST returns a client with a clock that does not wait, and the address of a
// server that counts the requests which it has got.
func newREST(t *testing.T, serve func(n int, w http.ResponseWriter, r *http.Request)) (*restClient, *fastClock, string) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		count := n
		mu.Unlock()
		serve(count, w, r)
	}))
	client, clock := newRESTClient(nil), &fastClock{}
	client.clock = clock
	t.Cleanup(func() {
		client.close()
		server.CloseClientConnections()
		server.Close()
	})
	return client, clock, server.URL
}

func TestREST_retries(t *testing.T) {
	t.Parallel()
	answers := []func(http.ResponseWriter){
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter) { fmt.Fprint(w, `{"a":1}`) },
	}
	seen := make(chan string, len(answers))
	client, clock, address := newREST(t, func(n int, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r.URL.RequestURI() + " " + string(body)
		answers[n-1](w)
	})
	var answer struct{ A int }
	repeatURL := func(attempt int) string { return fmt.Sprint(address, "/x?retry=", attempt) }
	err := client.call(t.Context(), restRequest{method: http.MethodPost, url: address + "/x", repeatURL: repeatURL, repeatable: true}, []int{1}, &answer)
	if err != nil || answer.A != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
	if want := []time.Duration{7 * time.Second, restMaxRetryAfter, 2 * time.Second, 4 * time.Second}; !slices.Equal(clock.waits, want) {
		t.Errorf("waits %v, want %v", clock.waits, want)
	}
	var bodies []string
	for range answers {
		bodies = append(bodies, <-seen)
	}
	if want := []string{"/x [1]", "/x?retry=2 [1]", "/x?retry=3 [1]", "/x?retry=4 [1]", "/x?retry=5 [1]"}; !slices.Equal(bodies, want) {
		t.Errorf("requests %q, want %q", bodies, want)
	}
}

// What is not safe to repeat, or is of no use, is not repeated.
func TestREST_givesUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		repeatable bool
		serve      func(w http.ResponseWriter)
		requests   int64
		want       string
	}{
		"lost, unsafe":   {false, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 1, "The connection to 127.0.0.1:"},
		"lost each time": {true, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, restAttempts, "The connection to 127.0.0.1:"},
		"429 each time":  {false, func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }, restAttempts, "takes no more requests for now"},
		"503 each time":  {true, func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, restAttempts, "it answers 503 each time"},
		"503, later": {false, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, restAttempts, "it answers 503 each time"},
		"502, unsafe": {false, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, 1, "the server answers 502"},
		"503, unsafe": {false, func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 1, "the server answers 503"},
		"504, unsafe": {false, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusGatewayTimeout)
		}, 1, "the server answers 504"},
		"504 each time":   {true, func(w http.ResponseWriter) { w.WriteHeader(http.StatusGatewayTimeout) }, restAttempts, "it answers 504 each time"},
		"custom, as such": {true, func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }, restAttempts, "the server answers 418"},
		"custom, unsafe":  {false, func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }, 1, "the server answers 418"},
		"400":             {true, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }, 1, "the server answers 400"},
		"redirect": {true, func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusFound)
		}, 1, "the server answers 302"},
		"body cut":    {true, func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); fmt.Fprint(w, `{"a":`) }, 1, "was lost before the last row"},
		"body, other": {true, func(w http.ResponseWriter) { fmt.Fprint(w, `<html>`) }, 1, "was lost before the last row"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			client, _, address := newREST(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				tc.serve(w)
			})
			client.isRetryable = func(refused *restError) bool { return refused.status == http.StatusTeapot }
			err := client.call(t.Context(), restRequest{method: http.MethodGet, url: address, repeatable: tc.repeatable}, nil, &struct{}{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || requests.Load() != tc.requests {
				t.Errorf("%d requests, error %v; want %d, %q", requests.Load(), err, tc.requests, tc.want)
			}
		})
	}
}

func TestREST_unreachable(t *testing.T) {
	t.Parallel()
	client, clock, address := newREST(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for url, want := range map[string]string{
		"http://127.0.0.1:1/":                              "No server listens at 127.0.0.1:1: connection refused",
		"http://no-such-host.invalid/":                     `There is no host "no-such-host.invalid"`,
		strings.Replace(address, "http://", "https://", 1): "There is no secure connection to 127.0.0.1:",
		"http://127.0.0.1:1/\x7f":                          "The address of the server is malformed",
	} {
		_, err := client.open(t.Context(), restRequest{method: http.MethodGet, url: url, repeatable: true})
		var explained *segment.Error
		if !errors.As(err, &explained) || !strings.Contains(err.Error(), want) || len(clock.waits) > 0 {
			t.Errorf("%s: error %v after %d waits, want %q", url, err, len(clock.waits), want)
		}
	}
}

// Credentials that are refused are fetched once more, and only for the server that
// they belong to.
func TestREST_authorization(t *testing.T) {
	t.Parallel()
	var seen []string
	client, _, address := newREST(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") != "Bearer 2" && r.URL.Path != "/foreign" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	n, wanted := 1, 2
	client.authorize = bearer(func(_ context.Context, fresh bool) (string, error) {
		if fresh && n < wanted {
			n++
		}
		return fmt.Sprint(n), nil
	})
	get := func(request restRequest) error {
		request.method = http.MethodGet
		answer, err := client.open(t.Context(), request)
		if err == nil {
			answer.body.Close()
		}
		return err
	}
	if err := get(restRequest{url: address}); err != nil {
		t.Error(err)
	}
	if err := get(restRequest{url: address + "/foreign", foreign: true}); err != nil {
		t.Error(err)
	}
	n, wanted = 3, 3
	var refused *restError
	if err := get(restRequest{url: address}); !errors.As(err, &refused) || refused.status != http.StatusUnauthorized {
		t.Errorf("error %v", err)
	}
	if want := []string{"Bearer 1", "Bearer 2", "", "Bearer 3", "Bearer 3"}; !slices.Equal(seen, want) {
		t.Errorf("credentials %q, want %q", seen, want)
	}
	client.authorize = func(context.Context, *http.Request, bool) error {
		return argumentError("url", "", "There is nothing to sign in with.")
	}
	if err := get(restRequest{url: address}); err == nil || !strings.Contains(err.Error(), "nothing to sign in") {
		t.Errorf("error %v", err)
	}
}

func TestREST_answer(t *testing.T) {
	t.Parallel()
	client, _, address := newREST(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Given", r.Header.Get("X-Asked")+" "+r.Header.Get("Content-Type")+" "+r.UserAgent())
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusAccepted)
		packed := gzip.NewWriter(w)
		fmt.Fprint(packed, "text")
		packed.Close()
	})
	answer, err := client.open(t.Context(), restRequest{method: http.MethodPost, url: address, header: http.Header{"X-Asked": {"a"}, "Content-Type": {"text/plain"}}, body: []byte("SELECT 1")})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.body.Close()
	body, err := io.ReadAll(answer.body)
	if string(body) != "text" || err != nil || answer.status != http.StatusAccepted || answer.header.Get("X-Given") != "a text/plain terraform-provider-klaviyo/1" {
		t.Errorf("%d %v %q, %v", answer.status, answer.header, body, err)
	}
}

func TestREST_cancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client, _, address := newREST(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := client.open(ctx, restRequest{method: http.MethodGet, url: address, repeatable: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestJSONRows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, rows, fields, err string }{
		{"rows", `{"a":"x","rows":[{"f":[1]}, [2,"]"],3],"b":[4]}`, `{"f":[1]}|[2,"]"]|3`, `a="x" b=[4]`, ""},
		{"rows", `{"rows":[],"a":1}`, ``, `a=1`, ""},
		{"rows", `{"a":{"rows":[1]}}`, ``, `a={"rows":[1]}`, ""},
		{"rows", `{"rows":null}`, ``, ``, ""},
		{"", ` [[1],[2]] `, `[1]|[2]`, ``, ""},
		{"", `[]`, ``, ``, ""},
		{"rows", `{"rows":[1,2`, `1|2`, ``, "EOF"},
		{"rows", `{"rows":[1,2]`, `1|2`, ``, "EOF"},
		{"rows", `{"rows":[1,2],"a":`, `1|2`, ``, "EOF"},
		{"rows", ``, ``, ``, "EOF"},
		{"", `[[1],[2]`, `[1]|[2]`, ``, "EOF"},
		{"", `[[1],`, `[1]`, ``, "EOF"},
		{"", `{"a":1}`, ``, ``, "not JSON"},
		{"rows", `[1]`, ``, ``, "not JSON"},
		{"rows", `{"rows":"x"}`, ``, ``, "not JSON"},
		{"rows", `{"rows":[1 error`, `1`, ``, "expected comma"},
	} {
		rows := newJSONRows(io.NopCloser(strings.NewReader(tc.text)), tc.name)
		var got []string
		row, err := rows.next()
		for ; err == nil; row, err = rows.next() {
			got = append(got, string(row))
		}
		if strings.Join(got, "|") != tc.rows {
			t.Errorf("%s has the rows %q, want %q", tc.text, got, tc.rows)
		}
		if (err == io.EOF) != (tc.err == "") || !strings.Contains(err.Error(), tc.err) { //nolint:errorlint // it is never wrapped
			t.Errorf("%s: error %v, want %q", tc.text, err, tc.err)
		}
		var fields []string
		for name, value := range rows.fields {
			fields = append(fields, name+"="+string(value))
		}
		slices.Sort(fields)
		if err == io.EOF && strings.Join(fields, " ") != tc.fields { //nolint:errorlint // it is never wrapped
			t.Errorf("%s has the fields %q, want %q", tc.text, fields, tc.fields)
		}
	}
}

// Fields before the rows are known before the first row is taken.
func TestJSONRows_peek(t *testing.T) {
	t.Parallel()
	rows := newJSONRows(io.NopCloser(strings.NewReader(`{"a":1,"rows":[7,8],"b":2}`)), "rows")
	for range 2 {
		if more, err := rows.peek(); !more || err != nil || string(rows.fields["a"]) != "1" {
			t.Errorf("%v, %v, %s", more, err, rows.fields)
		}
	}
	for _, want := range []string{"7", "8"} {
		if row, err := rows.next(); string(row) != want || err != nil {
			t.Errorf("%s, %v, want %s", row, err, want)
		}
	}
	if more, err := rows.peek(); more || err != nil || string(rows.fields["b"]) != "2" {
		t.Errorf("%v, %v, %s", more, err, rows.fields)
	}
}

// A row without an end does not fill the memory.
func TestJSONRows_rowTooLong(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(strings.NewReader(`{"rows":[1,"`), endlessText{})
	rows := newJSONRows(io.NopCloser(endless), "rows")
	rows.budget.max = 1 << 20
	if _, err := rows.next(); err != nil {
		t.Fatal(err)
	}
	if _, err := rows.next(); err == nil || !strings.Contains(err.Error(), "longer than 1 MiB") {
		t.Errorf("error %v", err)
	}
}

type endlessText struct{}

func (endlessText) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
