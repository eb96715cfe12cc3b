package klaviyo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// listServer answers lookups of lists after a second, and remembers what it was asked.
type listServer struct {
	mu    sync.Mutex
	asked []string // the ids of each request, or its path

	missing string // the id of a list that does not exist
	status  int    // that requests for several lists are answered with; 0 for 200
	vague   bool   // about flows
	never   bool   // is an answer given
}

var quoted = regexp.MustCompile(`"([^"]*)"`)

func (s *listServer) RoundTrip(r *http.Request) (*http.Response, error) {
	several := strings.HasSuffix(r.URL.Path, "/lists")
	ids := []string{}
	for _, id := range quoted.FindAllStringSubmatch(r.URL.Query().Get("filter"), -1) {
		ids = append(ids, id[1])
	}
	s.mu.Lock()
	if several {
		s.asked = append(s.asked, strings.Join(ids, " "))
	} else {
		s.asked = append(s.asked, r.URL.Path)
	}
	s.mu.Unlock()
	wait := time.Second
	if s.never {
		wait = 24 * time.Hour
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status := http.StatusOK
	var body any
	switch {
	case several && s.status != 0:
		status, body = s.status, map[string]any{"errors": []any{map[string]any{"detail": "No."}}}
	case several:
		body = s.lists(ids)
	case strings.HasSuffix(r.URL.Path, "/flow-triggers"):
		body = map[string]any{"data": []any{map[string]any{"id": "F0", "attributes": map[string]any{"name": "asked for"}}}}
	case strings.HasSuffix(r.URL.Path, "/"+s.missing):
		status, body = http.StatusNotFound, map[string]any{"errors": []any{map[string]any{"detail": "There is none."}}}
	default:
		body = map[string]any{"data": map[string]any{"id": "x", "attributes": map[string]any{"name": "asked for"}}}
	}
	encoded, err := json.Marshal(body)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(encoded)))}, err
}

// lists is a page of lists, each with a flow of its own.
func (s *listServer) lists(ids []string) any {
	data, included := []any{}, []any{}
	for _, id := range ids {
		if id == s.missing {
			continue
		}
		triggers := map[string]any{"data": []any{map[string]any{"id": "F" + id}}}
		if s.vague {
			triggers = map[string]any{"links": map[string]any{}}
		}
		data = append(data, map[string]any{
			"id": id, "attributes": map[string]any{"name": "list " + id}, "relationships": map[string]any{"flow-triggers": triggers},
		})
		included = append(included, map[string]any{"id": "F" + id, "attributes": map[string]any{"name": "flow of " + id, "status": "live"}})
	}
	return map[string]any{"data": data, "included": included}
}

func (s *listServer) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(Options{APIKey: "pk_x", RetryTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport = s
	return c
}

// lookups looks lists up at the same time, and checks each answer.
func lookups(t *testing.T, c *Client, ids []string, check func(id string, l List, err error)) {
	t.Helper()
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			l, err := c.LookUpList(t.Context(), id)
			check(id, l, err)
		})
		synctest.Wait()
	}
	all.Wait()
}

func TestLookupsShareRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &listServer{missing: "L7"}
		c := s.client(t)
		var ids []string
		for i := range 25 {
			ids = append(ids, fmt.Sprint("L", i))
		}
		lookups(t, c, append(ids, "L24"), func(id string, l List, err error) {
			switch {
			case id == s.missing:
				if !IsNotFound(err) || !strings.Contains(err.Error(), "There is none") {
					t.Errorf("%s: %+v, %v", id, l, err)
				}
			case err != nil || l.ID != id || l.Name != "list "+id:
				t.Errorf("%s: %+v, %v", id, l, err)
			}
		})
		want := []string{"/api/lists/L7", "L0", "L1 L2 L3 L4 L5 L6 L7 L8 L9 L10", "L11 L12 L13 L14 L15 L16 L17 L18 L19 L20", "L21 L22 L23 L24"}
		if got := slices.Sorted(slices.Values(s.asked)); !slices.Equal(got, want) {
			t.Errorf("requests %q, want %q", got, want)
		}
		// Later ones ask again.
		lookups(t, c, ids[:1], func(string, List, error) {})
		if n := len(s.asked); n != len(want)+1 {
			t.Errorf("%d requests", n)
		}
	})
}

// A key that may not read flows, and a list that Klaviyo will not take, must not keep
// the others from their answers.
func TestLookupsOneByOne(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &listServer{status: status, missing: "none"}
				c := s.client(t)
				lookups(t, c, []string{"L1", "L2", "L3"}, func(id string, l List, err error) {
					if err != nil || l.Name != "asked for" {
						t.Errorf("%s: %+v, %v", id, l, err)
					}
				})
				before := len(s.asked)
				if flows, err := c.LookUpFlows(t.Context(), "L1"); err != nil || len(flows) != 1 || flows[0].ID != "F0" {
					t.Errorf("flows %+v, %v", flows, err)
				}
				want := []string{"L1", "/api/lists/L1/flow-triggers"}
				if status == http.StatusForbidden {
					want = want[1:] // the scopes of a key never change
				}
				if got := s.asked[before:]; strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("asked %q, want %q", got, want)
				}
			})
		})
	}
}

func TestLookUpFlows(t *testing.T) {
	t.Parallel()
	for _, vague := range []bool{false, true} {
		t.Run(fmt.Sprint("vague ", vague), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &listServer{vague: vague, missing: "none"}
				want := Flow{ID: "FL1", Name: "flow of L1", Status: "live"}
				if vague {
					want = Flow{ID: "F0", Name: "asked for"}
				}
				if flows, err := s.client(t).LookUpFlows(t.Context(), "L1"); err != nil || len(flows) != 1 || flows[0] != want {
					t.Errorf("flows %+v, %v", flows, err)
				}
			})
		})
	}
}

// A lookup that everybody gives up is not sent, and a request that nobody waits for any
// more ends.
func TestLookupsAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &listServer{never: true}
		c := s.client(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := c.LookUpList(ctx, "L1")
			ended <- err
		}()
		synctest.Wait()
		leaving, leave := context.WithCancel(t.Context())
		var others sync.WaitGroup
		for range 2 {
			others.Go(func() {
				if _, err := c.LookUpList(leaving, "L2"); !errors.As(err, new(*InterruptedError)) {
					t.Errorf("error %v", err)
				}
			})
		}
		time.Sleep(time.Second)
		leave()
		others.Wait()
		wantInterrupted(t, <-ended, context.DeadlineExceeded, "waiting 5s for the answer to get_lists")
		synctest.Wait()
		if c.lookups.gathering != nil || c.lookups.underWay != 0 {
			t.Errorf("%d requests are under way, %+v gathers", c.lookups.underWay, c.lookups.gathering)
		}
		if got := strings.Join(s.asked, ", "); got != "L1" {
			t.Errorf("asked %q", got)
		}
	})
}

// The caller whose context began the request is not the only one who needs it.
func TestLookupOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &listServer{}
		c := s.client(t)
		go func() { _, _ = c.LookUpList(t.Context(), "L0") }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := c.LookUpList(ctx, "L1")
			ended <- err
		}()
		synctest.Wait()
		second := make(chan error, 1)
		go func() {
			l, err := c.LookUpList(t.Context(), "L2")
			if l.ID != "L2" {
				t.Errorf("list %+v", l)
			}
			second <- err
		}()
		time.Sleep(1500 * time.Millisecond) // their request is under way
		cancel()
		wantInterrupted(t, <-ended, context.Canceled, "for the answer to get_lists")
		if err := <-second; err != nil {
			t.Error(err)
		}
		if got := strings.Join(s.asked, ", "); got != "L0, L1 L2" {
			t.Errorf("asked %q", got)
		}
	})
}

// Requests that wait at the same time wait once.
func TestWaitingAtTheSameTime(t *testing.T) {
	t.Parallel()
	start := time.Now()
	second := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	var w Waiting
	for _, s := range []struct{ from, to int }{{10, 15}, {16, 18}, {0, 20}, {0, 20}, {30, 40}, {35, 38}} {
		w.add(second(s.to), time.Duration(s.to-s.from)*time.Second)
	}
	if got := w.Total(); got != 30*time.Second {
		t.Errorf("waited %s", got)
	}
}

// Waiting for the rate limit is measured, whether it is known before or from a 429.
func TestWaitingIsMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := answering(t, `{"data":{"id":"x"}}`, func() (*http.Response, error) {
			n++
			switch n {
			case 1:
				return &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"20"}}}, nil
			case 2:
				return &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {"7"}}}, nil
			default:
				return &http.Response{StatusCode: 200, Header: limitHeader(0, 40)}, nil
			}
		})
		ctx, waiting := WithWaiting(t.Context())
		for range 2 {
			if _, err := c.List(ctx, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if got := waiting.Total(); got < time.Minute || got > 62*time.Second {
			t.Errorf("waited %s, want 20s and 40s", got)
		}
	})
}
