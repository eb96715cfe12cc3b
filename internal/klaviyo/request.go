package klaviyo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo/ratelimit"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/logging"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

const mediaType = "application/vnd.api+json"

// maxResponse limits how much of a response is read. The largest that Klaviyo
// sends are a page of a hundred import errors with payloads of 100 KB, and a refused
// import with errors for each of its 10,000 profiles.
const maxResponse = 32 << 20

// request is one call of an operation; every attempt makes a new http.Request
// of it.
type request struct {
	operation *operation
	id        string // for operations with an id in their path
	query     url.Values
	body      [][]byte // sent one after the other; nil for none

	// once marks a request that must not be repeated when it may have been
	// carried out, since a second time would do more than the first.
	once bool

	// final marks a request whose success is not asked for again when the answer
	// cannot be understood: it has been carried out, and it is much work.
	final bool

	// header, unless nil, is set to the header of the answer that ends the request
	// with success.
	header *http.Header

	// arrived, unless nil, is told whether attempts before the last may have been
	// carried out too.
	arrived *bool
}

func (r request) String() string { return r.operation.id }

// do sends a request until it succeeds, fails for good, or the time for
// repeating it is used up, and decodes the response into out.
func (c *Client) do(ctx context.Context, r request, out any) error {
	policy, arrived := c.newRetryPolicy(), false
	state := &callState{operation: r.operation.id}
	retries := retriesOf(ctx)
	defer retries.end(state)
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil && attempt == 0 {
			return fmt.Errorf("%s: %w", r.operation.id, err)
		}
		started := time.Now()
		err := c.attemptPaced(ctx, r, state, out)
		if r.arrived != nil {
			*r.arrived = arrived
		}
		if err == nil {
			c.contact.answered()
			return nil
		}
		if ctx.Err() != nil { // the caller gave up, whatever the transport calls it
			if !errors.As(err, new(*InterruptedError)) { // it had been sent
				arrived = arrived || mayBeDone(err)
				err = state.interrupted(ctx, "for the answer to "+r.operation.id, started)
			}
			return unsettled(err, arrived)
		}
		state.fail(err)
		arrived = arrived || mayBeDone(err)
		wait, retry := r.retryAfter(err, attempt)
		if retry {
			wait, retry, err = policy.allows(err, wait, state)
		} else if answeredByAPI(err) {
			c.contact.answered()
		}
		if !retry {
			return unsettled(c.routed(err), arrived)
		}
		now := policy.describe(err, r.operation.id)
		retries.note(state, now)
		now.log(ctx, attempt+1, wait)
		started = time.Now()
		if err := c.sleep(ctx, wait); err != nil {
			return unsettled(state.interrupted(ctx, "to repeat "+r.operation.id, started), arrived)
		}
		if _, throttled := throttledFor(state.last); throttled {
			addWaiting(ctx, c.now(), wait)
		}
	}
}

// attemptPaced sends a request once, as soon as the limits allow it. Waiting
// for that is not part of the attempt, which has a timeout.
func (c *Client) attemptPaced(ctx context.Context, r request, state *callState, out any) error {
	started, began := time.Now(), c.now()
	s, err := c.limiter.Acquire(ctx, r.operation.limitName(), r.operation.limit)
	if err != nil {
		return state.interrupted(ctx, "for Klaviyo's rate limit of "+r.operation.limitName()+", which all users of the account share", started)
	}
	state.paced = time.Since(started)
	now := c.now()
	addWaiting(ctx, now, now.Sub(began))
	if waited := state.paced; waited >= time.Second {
		logging.Debug(ctx, "Klaviyo request waited for the rate limit", logging.Fields{
			"operation": r.operation.id, "attempt": state.failed + 1, "waited_ms": waited.Milliseconds(),
		})
	}
	trace := &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { s.Sent() },
		WroteRequest: func(httptrace.WroteRequestInfo) { s.Flushed() },
	}
	header, err := c.attempt(httptrace.WithClientTrace(ctx, trace), r, state.failed, out)
	s.Done(rateLimitAnswer(header, err))
	if r.header != nil && err == nil {
		*r.header = header
	}
	return err
}

// attempt sends a request once. It returns the header of the answer, if there
// was one.
func (c *Client) attempt(ctx context.Context, r request, attempt int, out any) (http.Header, error) {
	var bodies sync.WaitGroup
	defer bodies.Wait() // after an early answer the transport may still read one, and the caller reuses its memory
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(c.timeout, func() { cancel(errTimeout{c.timeout}) })
	defer limit.Stop()
	progress := func() { limit.Reset(c.timeout) } // a large body may take longer than any answer
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { progress() }})
	req, err := c.newHTTPRequest(ctx, r, &bodies, progress)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	resp, err := c.http.Do(req)
	fields := logging.Fields{
		"operation": r.operation.id, "method": req.Method, "path": "/" + strings.Join(r.operation.elements(r.id), "/"),
		"attempt": attempt + 1, "duration_ms": time.Since(started).Milliseconds(),
	}
	if err != nil {
		err = c.transportError(r, transportCause(ctx, err))
		fields["error"] = err.Error()
		logging.Debug(ctx, "Klaviyo request failed", fields)
		return nil, err
	}
	defer resp.Body.Close()
	fields["status"] = resp.StatusCode
	fields["rate_limit_remaining"] = resp.Header.Get(ratelimit.HeaderRemaining)
	logging.Debug(ctx, "Klaviyo request", fields)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.Header, c.readError(ctx, r, resp)
	}
	body, err := readAll(resp)
	if err == nil {
		err = decode(resp.StatusCode, body, out)
	}
	if err != nil {
		return resp.Header, c.transportError(r, newUnusableAnswer(resp, body, started, transportCause(ctx, err)))
	}
	return resp.Header, nil
}

// newHTTPRequest makes the request of an attempt. Its bodies are waited for in
// bodies, and progress is called whenever something of one is sent.
func (c *Client) newHTTPRequest(ctx context.Context, r request, bodies *sync.WaitGroup, progress func()) (*http.Request, error) {
	if r.operation.takesID() && (r.id == "" || r.id == "." || r.id == "..") {
		return nil, fmt.Errorf("%s: %q is not an id", r.operation.id, r.id)
	}
	u := c.base.JoinPath(r.operation.elements(r.id)...)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.operation.method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.operation.id, err)
	}
	if r.body != nil {
		for _, part := range r.body {
			req.ContentLength += int64(len(part))
		}
		req.GetBody = func() (io.ReadCloser, error) { return newBody(r.body, bodies, progress), nil }
		req.Body = newBody(r.body, bodies, progress)
		req.Header.Set("Content-Type", mediaType)
	}
	return req, nil
}

// body is the body of one request. The transport closes it, whatever happens,
// once it has read from it for the last time.
type body struct {
	io.Reader
	progress, close func()
}

func newBody(parts [][]byte, open *sync.WaitGroup, progress func()) io.ReadCloser {
	readers := make([]io.Reader, len(parts))
	for i, part := range parts {
		readers[i] = bytes.NewReader(part)
	}
	open.Add(1)
	return body{io.MultiReader(readers...), progress, sync.OnceFunc(open.Done)}
}

// Read implements io.Reader.
func (b body) Read(p []byte) (int, error) {
	b.progress()
	return b.Reader.Read(p)
}

// Close implements io.Closer.
func (b body) Close() error {
	b.close()
	return nil
}

// readAll reads a whole, bounded body, so that a truncated one is noticed. With
// an error comes what was read until then.
func readAll(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err == nil && len(body) > maxResponse {
		err = errTooLarge
	}
	return body, err
}

// decode decodes a body into out.
func decode(status int, body []byte, out any) error {
	if _, ok := out.(*acceptance); ok {
		if status == http.StatusAccepted || len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		return notUnderstood{fmt.Errorf("status %d with a body, where Klaviyo answers without one", status)}
	}
	if err := json.Unmarshal(body, out); err != nil {
		return notUnderstood{fmt.Errorf("status %d with a body that is not the JSON expected: %w", status, err)}
	}
	if d, ok := out.(document); ok && !d.complete() {
		return notUnderstood{fmt.Errorf("status %d with a body that lacks its data", status)}
	}
	return nil
}

// notUnderstood is the error of a body that came as a whole.
type notUnderstood struct{ error }

func (e notUnderstood) Unwrap() error { return e.error }

// document is a JSON:API document that knows what it must hold. One without
// that comes from something in front of Klaviyo, or was cut off: nobody may
// conclude from it that there is nothing.
type document interface{ complete() bool }

// acceptance is an answer without a document, which says that Klaviyo has done or will
// do what was asked. A page with status 200, as a proxy sends it, does not say that.
type acceptance struct{}

// errTooLarge means a response larger than any that Klaviyo sends.
var errTooLarge = fmt.Errorf("the response is larger than %d MiB", maxResponse>>20)

// errTimeout says which limit an attempt ran into.
type errTimeout struct{ after time.Duration }

func (e errTimeout) Error() string {
	return fmt.Sprintf("no complete answer within %s, the request_timeout", e.after)
}

func (c *Client) transportError(r request, cause error) error {
	return &TransportError{Operation: r.operation.id, Err: cause, text: c.redact(lenientString(cause.Error()))}
}

// redactPointer is redact for a JSON Pointer, step by step, so that it still
// points where it did.
func (c *Client) redactPointer(pointer lenientString) string {
	steps := strings.Split(string(pointer), "/")
	for i, step := range steps {
		steps[i] = c.redact(lenientString(step))
	}
	return strings.Join(steps, "/")
}

// maxText is how much of a text from outside is shown.
const maxText = 2000

// redact makes a text from outside fit to be shown: without the client's key and
// what redact.Text masks, and no longer than anybody reads.
func (c *Client) redact(t lenientString) string {
	s := redact.Text(c.key.Replace(string(t)))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// transportCause strips the URL from a transport's error, since a query may
// hold email addresses, and names the timeout where there was one.
func transportCause(ctx context.Context, err error) error {
	var timeout errTimeout
	if errors.As(context.Cause(ctx), &timeout) {
		return timeout
	}
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}

// marshal encodes a request document, which always can be encoded.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
