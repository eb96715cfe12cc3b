// Package klaviyo is a typed client of Klaviyo's API, as far as exporting
// segments needs it. Methods are named after Klaviyo's operations, one file a
// resource family; each takes a context that ends waiting as well as
// requests.
package klaviyo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Revision of the API that the client speaks.
const Revision = "2026-07-15"

// DefaultBaseURL is where Klaviyo's API lives.
const DefaultBaseURL = "https://a.klaviyo.com"

// Defaults of the options.
const (
	DefaultTimeout      = 60 * time.Second
	DefaultRetryTimeout = 5 * time.Minute
)

// Options of a client. The zero value of each but APIKey means its default.
type Options struct {
	APIKey       string        // a private key
	BaseURL      string        // checked by [ParseBaseURL]
	Timeout      time.Duration // of one attempt of a request
	RetryTimeout time.Duration // for how long a request is repeated; negative for not at all
	UserAgent    string
	Clock        wait.Clock // of retries and limits; nil is the clock of the machine
}

// Client speaks to Klaviyo with one private key. It is safe for concurrent
// use.
type Client struct {
	base         *url.URL
	http         *http.Client
	timeout      time.Duration
	retryTimeout time.Duration
	contact      contact

	// account holds the account once it is known, and nil before. It is a mutex as
	// well: a caller that receives the value sends one back.
	account chan *Account

	// limiter is the client's own until the account is known, and then one
	// with that of all clients of the account.
	limiter *ratelimit.Limiter

	jobLists jobLists
	lookups  listLookups

	// key masks the API key in texts from outside, where it has no business
	// and no form that a pattern could know.
	key *strings.Replacer

	// sleep waits for a duration or the end of the context, and now is the time
	// that passes meanwhile.
	sleep func(context.Context, time.Duration) error
	now   func() time.Time
}

// New returns a client. It makes no request.
func New(o Options) (*Client, error) {
	if err := CheckPrivateKey(o.APIKey); err != nil {
		return nil, err
	}
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	base, err := ParseBaseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.RetryTimeout == 0 {
		o.RetryTimeout = DefaultRetryTimeout
	}
	if o.Clock == nil {
		o.Clock = wait.System{}
	}
	account := make(chan *Account, 1)
	account <- nil
	return &Client{
		account:      account,
		limiter:      ratelimit.New(o.Clock),
		key:          strings.NewReplacer(o.APIKey, "pk_***"),
		base:         base,
		http:         &http.Client{Transport: newTransport(o.APIKey, o.UserAgent), CheckRedirect: sameHostOnly},
		timeout:      o.Timeout,
		retryTimeout: max(o.RetryTimeout, 0),
		sleep:        func(ctx context.Context, d time.Duration) error { return o.Clock.Wait(ctx, d, nil) },
		now:          o.Clock.Now,
	}, nil
}

// Close closes the connections that are not in use, and those in use once they
// are not. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ErrPublicKey means that a public key was given where a private one is
// needed.
var ErrPublicKey = errors.New("this is a public API key: six letters and digits that are the id of an account and grant nothing; a private API key begins with pk_")

// CheckPrivateKey finds the usual mistakes in a private key. The
// error never quotes the key.
func CheckPrivateKey(key string) error {
	if key == "" {
		return errors.New("the API key is empty")
	}
	for _, c := range key {
		if c <= ' ' || c > '~' {
			return errors.New("the API key has white space or characters in it that do not belong in a key; copy it again")
		}
	}
	if len(key) == 6 && !strings.Contains(key, "_") {
		return ErrPublicKey
	}
	return nil
}

// ParseBaseURL checks where requests, and the key with them, are to go: https
// anywhere, http to the loopback interface only.
func ParseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("it is not a URL of the form https://host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("it must have neither user name, query nor fragment")
	case u.Scheme == "http" && !httpx.IsLoopback(u.Hostname()):
		return nil, errors.New("plain http would show the API key and personal data to the network; it is allowed for loopback addresses only, use https")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("its scheme is %q, use https", u.Scheme)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// errRedirect means that a server tried to send the key elsewhere.
var errRedirect = errors.New("refused to follow a redirect")

// sameHostOnly follows no redirect that would carry the key elsewhere.
func sameHostOnly(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return fmt.Errorf("%w to %s://%s: the API key is for %s only", errRedirect, req.URL.Scheme, req.URL.Host, first.Host)
	}
	if req.Method != via[0].Method {
		return fmt.Errorf("%w that makes a %s of a %s", errRedirect, req.Method, via[0].Method)
	}
	if len(via) >= 5 {
		return fmt.Errorf("%w: it is the fifth in a row", errRedirect)
	}
	return nil
}
