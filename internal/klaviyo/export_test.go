package klaviyo

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
)

// The parts of the client that tests look at from outside.
const (
	MaxResponse = maxResponse
	MediaType   = mediaType
)

const MaxEmptyPages = maxEmptyPages

var PayloadEmail = payloadEmail

// SetSleep replaces what waits between attempts; to the client the time passes
// all the same. For limits the client no longer waits either.
func (c *Client) SetSleep(sleep func(context.Context, time.Duration) error) {
	slept := &jumpingClock{}
	c.now = slept.Now
	c.sleep = func(ctx context.Context, d time.Duration) error {
		_ = slept.Wait(ctx, d, nil)
		return sleep(ctx, d)
	}
	c.limiter = ratelimit.New(&jumpingClock{})
}

// SetProxy replaces the proxy of the environment.
func (c *Client) SetProxy(proxy *url.URL) {
	c.http.Transport.(*transport).chooseProxy = http.ProxyURL(proxy)
}

// SetDial replaces what connects.
func (c *Client) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.http.Transport.(*transport).base.DialContext = dial
}

// jumpingClock goes on by itself, and by as much as is to be waited.
type jumpingClock struct {
	mu     sync.Mutex
	jumped time.Duration
}

func (c *jumpingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.jumped)
}

func (c *jumpingClock) Wait(ctx context.Context, d time.Duration, _ <-chan struct{}) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jumped += d
	return ctx.Err()
}

// SetTLS replaces what certificates are checked with.
func (c *Client) SetTLS(config *tls.Config) {
	c.http.Transport.(*transport).base.TLSClientConfig = config
}
