package dataverse_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

// redirector is a transport whose answers all redirect to another host.
type redirector struct {
	to       string
	status   int
	requests atomic.Int64
}

func (r *redirector) RoundTrip(req *http.Request) (*http.Response, error) {
	r.requests.Add(1)
	if strings.HasPrefix(req.URL.String(), r.to) {
		return http.DefaultTransport.RoundTrip(req)
	}
	w := httptest.NewRecorder()
	http.Redirect(w, req, r.to, r.status)
	return w.Result(), nil
}

// The token goes to no other host, whatever redirects there.
func TestDataverseTokensStayWithTheirHost(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host got the header %q", r.Header)
	}))
	t.Cleanup(stranger.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		e := newEnvironment(t, "Email")
		e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
		network := &redirector{to: stranger.URL, status: status}
		e.network = network
		_, err := e.read("VIP", "email")
		wantBlame(t, err, "environment_url", "is not a Dataverse environment")
		if network.requests.Load() == 0 || strings.Contains(err.Error(), stranger.URL) {
			t.Errorf("%d: %d requests, error %q", status, network.requests.Load(), err)
		}
	}
}
