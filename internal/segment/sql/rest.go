package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// restClient sends requests to the HTTP interface of a warehouse, and again what is
// safe to repeat. It is not safe for concurrent use. It follows no redirects, so that
// credentials reach no other host.
type restClient struct {
	transport *http.Transport
	tlsRemedy string // if there is no secure connection
	clock     wait.Clock

	// authorize adds credentials to a request, and if fresh is true others than
	// before, since those were refused. It is nil if there are none.
	authorize func(ctx context.Context, r *http.Request, fresh bool) error

	// isRetryable reports whether another answer than 429, 502, 503 and 504 to a request
	// that is repeatable is worth another attempt. It may be nil.
	isRetryable func(*restError) bool

	answered map[string]bool // by host: whether there was an answer
}

const (
	restAttempts      = 6
	restBackoff       = 500 * time.Millisecond // before the second attempt; doubled for each further one
	restMaxRetryAfter = 2 * time.Minute
	restMaxErrorBody  = 1 << 20
	restMaxAnswer     = 64 << 20 // of call

	// restHeaderTimeout is how long the beginning of an answer may take, unless the
	// transport is given another one.
	restHeaderTimeout = 90 * time.Second
)

func newRESTClient(authorize func(ctx context.Context, r *http.Request, fresh bool) error) *restClient {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // its type is documented
	transport.ResponseHeaderTimeout = restHeaderTimeout
	return &restClient{
		transport: transport, tlsRemedy: "The certificate of the server must be one that is trusted where Terraform runs.",
		clock: wait.System{}, authorize: authorize, answered: map[string]bool{},
	}
}

func (c *restClient) close() { c.transport.CloseIdleConnections() }

// bearer returns a function for authorize of a client from one that yields tokens.
func bearer(token func(ctx context.Context, fresh bool) (string, error)) func(ctx context.Context, r *http.Request, fresh bool) error {
	return func(ctx context.Context, r *http.Request, fresh bool) error {
		text, err := token(ctx, fresh)
		if err == nil {
			r.Header.Set("Authorization", "Bearer "+text)
		}
		return err
	}
}

type restRequest struct {
	method string
	url    string
	header http.Header
	body   []byte

	// repeatable requests may be repeated when the first one may have been carried out:
	// after the connection was lost, or a gateway has answered.
	repeatable bool
	repeatURL  func(attempt int) string // in place of url from attempt 2 on; optional

	foreign bool // to another server, without the credentials of the client
}

// restAnswer is an answer with a status from 200 to 299.
type restAnswer struct {
	status int
	header http.Header
	body   io.ReadCloser // decompressed
}

// restError is an answer with another status.
type restError struct {
	status int
	header http.Header
	body   []byte // its beginning
}

func (e *restError) Error() string { return fmt.Sprintf("the server answers %d", e.status) }

// call sends a request with a value as JSON, unless that is nil, and decodes the
// answer, unless that is nil. Its errors are those of open.
func (c *restClient) call(ctx context.Context, request restRequest, value, answer any) error {
	if value != nil {
		var err error
		if request.body, err = json.Marshal(value); err != nil {
			return err
		}
	}
	got, err := c.open(ctx, request)
	if err != nil {
		return err
	}
	defer got.body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(got.body, restMaxAnswer)).Decode(answer); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return brokenError(hostOf(request.url))
	}
	return nil
}

// open sends a request and returns the answer, whose body the caller closes. The error
// is a *restError for any other answer than a success, once repeating it did not help,
// and otherwise explained, or that of the context.
func (c *restClient) open(ctx context.Context, request restRequest) (*restAnswer, error) {
	fresh := false
	for attempt := 1; ; attempt++ {
		answer, err := c.attempt(ctx, request, fresh)
		var refused *restError
		var lost *lostError
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &lost):
			if !request.repeatable || attempt == restAttempts || lost.isFinal {
				return nil, connectError(hostOf(request.url), c.tlsRemedy, lost.err)
			}
		case !errors.As(err, &refused):
			return nil, err
		case refused.status == http.StatusUnauthorized && !fresh && !request.foreign:
			fresh = true // the credentials may have expired
			continue
		case !c.retries(&request, refused):
			return nil, refused
		case attempt == restAttempts:
			return nil, givenUp(hostOf(request.url), refused)
		}
		delay := restBackoff << (attempt - 1)
		if refused != nil {
			delay = max(delay, min(httpx.RetryAfter(refused.header, c.clock.Now()), restMaxRetryAfter))
		}
		if err := c.clock.Wait(ctx, delay, nil); err != nil {
			return nil, err
		}
		if request.repeatURL != nil {
			request.url = request.repeatURL(attempt + 1)
		}
	}
}

// lostError is a request without an answer.
type lostError struct {
	err     error
	isFinal bool // another attempt would fail as well
}

func (e *lostError) Error() string { return "no answer" }

func (e *lostError) Unwrap() error { return e.err }

// retries reports whether a request is worth another attempt after an answer. One that is
// not repeatable is, if the answer says that nothing was carried out.
func (c *restClient) retries(request *restRequest, refused *restError) bool {
	if !request.repeatable {
		return refused.status == http.StatusTooManyRequests ||
			refused.status == http.StatusServiceUnavailable && httpx.RetryAfter(refused.header, c.clock.Now()) > 0
	}
	return isBusy(refused.status) || c.isRetryable != nil && c.isRetryable(refused)
}

func isBusy(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// attempt sends a request once.
func (c *restClient) attempt(ctx context.Context, request restRequest, fresh bool) (*restAnswer, error) {
	r, err := http.NewRequestWithContext(ctx, request.method, request.url, bytes.NewReader(request.body))
	if err != nil {
		return nil, argumentError("url", "", "The address of the server is malformed.")
	}
	r.Header.Set("User-Agent", applicationName+"/1")
	if request.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range request.header {
		r.Header[name] = values
	}
	if !request.foreign && c.authorize != nil {
		if err := c.authorize(ctx, r, fresh); err != nil {
			return nil, err
		}
	}
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, &lostError{err, c.isFinal(r.URL.Host, err)}
	}
	c.answered[r.URL.Host] = true
	if resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusMultipleChoices {
		return &restAnswer{resp.StatusCode, resp.Header, resp.Body}, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, restMaxErrorBody)) // what there is of it
	return nil, &restError{resp.StatusCode, resp.Header, body}
}

// isFinal reports whether it is of no use to repeat a request that had no answer: a
// server that has never answered is wrongly named, does not run or cannot be reached.
func (c *restClient) isFinal(host string, err error) bool {
	var dns *net.DNSError
	var operation *net.OpError
	var timeout net.Error
	switch {
	case isTLSError(err), errors.As(err, &dns) && dns.IsNotFound:
		return true
	case c.answered[host]:
		return false
	}
	return errors.As(err, &operation) && operation.Op == "dial" || errors.As(err, &timeout) && timeout.Timeout()
}

// errColumnsChanged reports a result with other columns than the query had before it
// ran.
var errColumnsChanged = argumentError("query", "Plan again.", "The columns of the query have changed while it was read.")

// givenUp explains a server that is busy for too long.
func givenUp(host string, refused *restError) error {
	switch {
	case refused.status == http.StatusTooManyRequests:
		return argumentError("url", "Plan again later, or run fewer queries at once.", "The server at %s takes no more requests for now: it answers 429 each time.", host)
	case isBusy(refused.status):
		return argumentError("url", "Plan again later.", "The server at %s is out of order: it answers %d each time.", host, refused.status)
	default:
		return refused
	}
}

// hostOf returns the host of an address, which is all of it that may be shown.
func hostOf(address string) string {
	if parsed, err := url.Parse(address); err == nil {
		return parsed.Host
	}
	return ""
}
