package klaviyo

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
)

func TestClientsOfAnAccountShareItsLimits(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("RateLimit-Limit", "15")
		body := `{"data":[{"type":"account","id":"AbC123"}]}`
		if strings.HasPrefix(r.URL.Path, "/api/lists/") {
			body = `{"data":{"type":"list","id":"Y6nRLr","attributes":{"name":"VIP","profile_count":1}}}`
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	clock := &stoppedClock{at: time.Now()}
	for i, key := range []string{"pk_one", "pk_two"} {
		c, err := New(Options{APIKey: key, BaseURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		c.limiter = ratelimit.New(clock)
		if _, err := c.Account(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := clock.jumped
		if _, err := c.ListWithCount(t.Context(), "Y6nRLr"); err != nil { // one a second
			t.Fatal(err)
		}
		if shared := clock.jumped > before; shared != (i == 1) {
			t.Errorf("client %d waited %s for the limit", i+1, clock.jumped-before)
		}
	}
}

// stoppedClock is a clock that goes on only while somebody waits.
type stoppedClock struct {
	jumpingClock
	at time.Time
}

func (c *stoppedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(c.jumped)
}

// limitHeader are the headers of an answer about the steady window.
func limitHeader(remaining, reset int) http.Header {
	h := http.Header{}
	h.Set("RateLimit-Limit", "1")
	h.Set("RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("RateLimit-Reset", strconv.Itoa(reset))
	return h
}
