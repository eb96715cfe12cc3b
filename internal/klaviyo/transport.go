package klaviyo

import (
	"net/http"
	"time"
)

// transport adds what every request carries. The key lives here, out of reach
// of the code that builds and logs requests.
type transport struct {
	authorization string
	userAgent     string
	base          http.RoundTripper
}

// maxConnections bounds the connections to Klaviyo: as many as the busiest
// endpoint can make use of.
const maxConnections = 32

func newTransport(key, userAgent string) *transport {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxConnsPerHost = maxConnections
	base.MaxIdleConnsPerHost = maxConnections
	base.IdleConnTimeout = 30 * time.Second
	return &transport{authorization: "Klaviyo-API-Key " + key, userAgent: userAgent, base: base}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", t.authorization)
	req.Header.Set("Revision", Revision)
	req.Header.Set("Accept", mediaType)
	if t.userAgent != "" {
		req.Header.Set("User-Agent", t.userAgent)
	}
	return t.base.RoundTrip(req)
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] reach the
// connections.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}
