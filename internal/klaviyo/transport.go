package klaviyo

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// transport adds what every request carries. The key lives here, out of reach
// of the code that builds and logs requests.
type transport struct {
	authorization string
	userAgent     string
	base          *http.Transport
	chooseProxy   func(*http.Request) (*url.URL, error)
}

// maxConnections bounds the connections to Klaviyo: as many as the busiest
// endpoint can make use of.
const maxConnections = 32

// connectTimeout is the longest time to connect. The 30 s of Go's default would
// make a machine without a network wait for minutes.
const connectTimeout = 10 * time.Second

func newTransport(key, userAgent string) *transport {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxConnsPerHost = maxConnections
	base.MaxIdleConnsPerHost = maxConnections
	base.IdleConnTimeout = 30 * time.Second
	base.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext
	base.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return proxyRefusal{resp.StatusCode}
		}
		return nil
	}
	t := &transport{authorization: "Klaviyo-API-Key " + key, userAgent: userAgent, base: base, chooseProxy: http.ProxyFromEnvironment}
	base.Proxy = t.usableProxy
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	req = req.Clone(httptrace.WithClientTrace(req.Context(), trace))
	req.Header.Set("Authorization", t.authorization)
	req.Header.Set("Revision", Revision)
	req.Header.Set("Accept", mediaType)
	if t.userAgent != "" {
		req.Header.Set("User-Agent", t.userAgent)
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil && !connected.Load() && req.Context().Err() != nil {
		err = notConnected{err}
	}
	return resp, err
}

// notConnected is the error of a request that ended while it waited for a connection.
type notConnected struct{ error }

func (e notConnected) Unwrap() error { return e.error }

// CloseIdleConnections lets [http.Client.CloseIdleConnections] reach the
// connections.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// proxyOf is the host of the proxy that requests to a URL go through, empty for
// none. It is without a user name and a password.
func (t *transport) proxyOf(u *url.URL) string {
	proxy, err := t.usableProxy(&http.Request{URL: u})
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

// usableProxy chooses the proxy of a request, nil for none. One of a kind that
// net/http does not know is refused, since it would be spoken to as if it were an
// HTTP proxy.
func (t *transport) usableProxy(req *http.Request) (*url.URL, error) {
	proxy, err := t.chooseProxy(req)
	if err != nil || proxy == nil {
		return proxy, err
	}
	switch proxy.Scheme {
	case "http", "https", "socks5", "socks5h":
		return proxy, nil
	}
	return nil, proxyScheme{proxy.Scheme}
}
