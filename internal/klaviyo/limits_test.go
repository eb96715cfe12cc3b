package klaviyo_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// limited starts a simulator with Klaviyo's limits.
func limited(t *testing.T) *simulator.Server {
	t.Helper()
	s, err := simulator.Start(simulator.Options{RateLimits: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.AddKey(testKey)
	s.AddList(simulator.List{ID: "Y6nRLr", Name: "VIP"})
	return s
}

// The simulator has a table of its own.
func TestLimitsAreThoseOfTheSimulator(t *testing.T) {
	t.Parallel()
	eachCall(t, func(t *testing.T, name string, c call) {
		target, err := url.Parse(limited(t).URL)
		if err != nil {
			t.Fatal(err)
		}
		var told string
		proxy := &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
			ModifyResponse: func(r *http.Response) error {
				told = r.Header.Get("RateLimit-Limit")
				return nil
			},
		}
		server := httptest.NewServer(proxy)
		defer server.Close()
		client, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: server.URL, RetryTimeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.do(t.Context(), client) // what is not found is limited too
		for _, o := range klaviyo.Operations() {
			if o.ID != c.operation || (o.Variant != "") != (name == "ListWithCount") {
				continue
			}
			if want := strconv.Itoa(o.Steady); told != want {
				t.Errorf("%s a minute in the table, the simulator says %q", want, told)
			}
		}
	})
}

// An export's burst is paced. That no request at all is refused is for the
// model to show, which keeps time exactly: on a busy machine one may come late.
// Without pacing the simulator would refuse fifteen at once.
func TestBurstOfImportsIsPaced(t *testing.T) {
	t.Parallel()
	s := limited(t)
	c, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Account(t.Context()); err != nil {
		t.Fatal(err)
	}
	var uploads sync.WaitGroup
	for i := range 25 {
		uploads.Go(func() {
			profile := `{"type":"profile","attributes":{"email":"p` + strconv.Itoa(i) + `@example.com"}}`
			if _, err := c.ImportProfiles(t.Context(), "Y6nRLr", []byte(profile)); err != nil {
				t.Error(err)
			}
		})
	}
	uploads.Wait()
	if got := s.Throttled(); got > 3 {
		t.Errorf("%d requests throttled", got)
	}
	if got := len(s.Members("Y6nRLr")); got != 25 {
		t.Errorf("%d members", got)
	}
}
