package simulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// admitted sends until it is refused, at limit so often.
func admitted(t *testing.T, s *simulator.Server, method, path, body string, limit int) (count int, last reply) {
	t.Helper()
	for count < limit {
		if last = call(t, s, method, path, body); last.status == 429 {
			return count, last
		}
		count++
	}
	return count, last
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	const id = "Y6nRLr"
	list := fmt.Sprintf(`{"data":{"type":"list","id":%q,"attributes":{}}}`, id)
	for _, test := range []struct {
		method, path, body   string
		burst, steady, daily int
	}{
		{"GET", "/api/accounts", "", 1, 15, 0},
		{"GET", "/api/lists", "", 75, 750, 0},
		{"GET", "/api/lists/" + id, "", 75, 750, 0},
		{"GET", "/api/lists/" + id + "?additional-fields%5Blist%5D=profile_count", "", 1, 15, 0},
		{"GET", "/api/lists/" + id + "/flow-triggers", "", 3, 60, 0},
		{"GET", "/api/lists/" + id + "/profiles", "", 75, 750, 0},
		{"PATCH", "/api/lists/" + id, list, 10, 150, 0},
		{"POST", "/api/lists", `{"data":{"type":"list","attributes":{"name":"x"}}}`, 10, 150, 150},
		{"DELETE", "/api/lists/" + id + "/relationships/profiles", `{"data":[]}`, 10, 150, 0},
		{"POST", "/api/profile-bulk-import-jobs", importBody([]string{`{"email":"a@x.com"}`}), 10, 150, 0},
		{"POST", "/api/profile-subscription-bulk-create-jobs", subscription("", "", person("a@x.com", "", "email")), 75, 750, 0},
		{"GET", "/api/profile-bulk-import-jobs", "", 10, 150, 0},
		{"GET", "/api/profiles", "", 75, 750, 0},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := start(t, simulator.Options{RateLimits: true, Now: c.Now})
			s.AddList(simulator.List{ID: id})
			total := 0
			for total < test.steady {
				count, last := admitted(t, s, test.method, test.path, test.body, test.burst+1)
				if count != min(test.burst, test.steady-total) {
					t.Fatalf("%d admitted in a burst after %d, want %d", count, total, test.burst)
				}
				last.refused(t, 429, "throttled", "/data")
				if wait := last.header.Get("Retry-After"); count == test.burst && total+count < test.steady && wait != "1" || last.header.Get("RateLimit-Limit") != "" {
					t.Errorf("headers %v", last.header)
				}
				total += count
				c.Add(time.Second)
			}
			_, last := admitted(t, s, test.method, test.path, test.body, 1)
			last.refused(t, 429, "throttled", "/data")
			c.Add(time.Minute)
			if count, _ := admitted(t, s, test.method, test.path, test.body, 1); (count == 0) != (test.daily > 0) {
				t.Errorf("%d admitted a minute later", count)
			}
			c.Add(24 * time.Hour)
			if count, _ := admitted(t, s, test.method, test.path, test.body, 1); count != 1 {
				t.Error("none admitted a day later")
			}
		})
	}
}

func TestRateLimitHeaders(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, simulator.Options{RateLimits: true, Now: c.Now})
	show := func(r reply) string {
		return r.header.Get("RateLimit-Limit") + " " + r.header.Get("RateLimit-Remaining") + " " + r.header.Get("RateLimit-Reset") + " " + r.header.Get("Retry-After")
	}
	if got := show(get(t, s, "/api/lists").want(t, 200)); got != "750 749 60 " {
		t.Errorf("headers %q", got)
	}
	c.Add(1500 * time.Millisecond)
	// Refusals of another kind count, and say so too.
	if got := show(get(t, s, "/api/lists", "sort", "colour").want(t, 400)); got != "750 748 59 " {
		t.Errorf("headers %q", got)
	}
	for range 16 {
		get(t, s, "/api/accounts")
		c.Add(time.Second)
	}
	if s.Throttled() != 1 {
		t.Errorf("%d throttled", s.Throttled())
	}
	if got := show(get(t, s, "/api/accounts").want(t, 429)); got != "   44" {
		t.Errorf("headers %q", got)
	}
	off := start(t, simulator.Options{})
	for range 3 {
		if got := show(get(t, off, "/api/accounts").want(t, 200)); got != "   " {
			t.Errorf("headers %q without limits", got)
		}
	}
}
