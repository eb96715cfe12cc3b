package dataverse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// Bounds of the requests to Dataverse, which allows a user 52 at once and
// 6,000 in five minutes.
const (
	atOnce         = 8
	pageSize       = 5000 // the largest
	dataverseTries = 6
	attemptTimeout = 3 * time.Minute  // Dataverse gives up a query after two
	maxThrottled   = 15 * time.Minute // that one request waits because it is told to
	maxPage        = 256 << 20
	maxErrorBody   = 64 << 10
)

// dataverseClient reads from one environment. It is safe for concurrent use.
type dataverseClient struct {
	base   *url.URL
	source Source
	http   *http.Client
	tokens *tokens
	sleep  func(context.Context, time.Duration) error
}

func newDataverseClient(base *url.URL, source Source) *dataverseClient {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = atOnce
	transport.MaxIdleConnsPerHost = atOnce
	c := &dataverseClient{
		base: base, source: source, sleep: source.sleep,
		tokens: newTokens(base.String()+"/.default", source.signIn),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the Web API has none; a page to sign in at would get the token
		}},
	}
	if c.sleep == nil {
		c.sleep = wait.For
	}
	return c
}

func (c *dataverseClient) close() { c.http.CloseIdleConnections() }

// address is that of a resource of the Web API, with options such as
// "$select", name and value in turn.
func (c *dataverseClient) address(resource string, options ...string) string {
	var b strings.Builder
	b.WriteString(c.base.String() + "/api/data/v9.2/" + resource)
	for i := 0; i+1 < len(options); i += 2 {
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		b.WriteString(separator + options[i] + "=" + strings.ReplaceAll(url.QueryEscape(options[i+1]), "+", "%20"))
	}
	return b.String()
}

// pages hands the pages of a result to page, one after the other, until there
// are no more or it returns false.
func (c *dataverseClient) pages(ctx context.Context, address string, columns []string, page func(records [][]string) (more bool)) error {
	seen := map[string]bool{}
	for address != "" {
		if seen[address] {
			return &answerError{problem: "has a next page that was read before"}
		}
		seen[address] = true
		body, err := c.get(ctx, address)
		if err != nil {
			return err
		}
		records, next, err := readPage(body, columns)
		if err != nil {
			return &answerError{problem: "is not the JSON that the Web API writes", err: err}
		}
		if !page(records) {
			return nil
		}
		if address, err = c.follow(next); err != nil {
			return err
		}
	}
	return nil
}

// follow checks a link to the next page: the token goes nowhere else.
func (c *dataverseClient) follow(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != c.base.Scheme || !strings.EqualFold(u.Host, c.base.Host) {
		return "", &answerError{problem: "has a next page on another host"}
	}
	return link, nil
}

// get reads a whole answer, so that one that breaks off is asked for again
// rather than taken for a short one.
func (c *dataverseClient) get(ctx context.Context, address string) ([]byte, error) {
	var throttled time.Duration
	renewed := false
	for attempt := 1; ; attempt++ {
		body, token, err := c.attempt(ctx, address)
		if err == nil {
			return body, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var status *statusError
		if errors.As(err, &status) && status.status == http.StatusUnauthorized && !renewed {
			c.tokens.forget(ctx, token)
			renewed = true
			continue
		}
		wait, retry := retryIn(err, attempt)
		if status != nil && status.status == http.StatusTooManyRequests {
			if throttled += wait; throttled > maxThrottled {
				return nil, err
			}
			attempt-- // an answer to obey, not a failure
		}
		if !retry || attempt >= dataverseTries {
			return nil, err
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// attempt sends a request once, and returns the token that it used.
func (c *dataverseClient) attempt(ctx context.Context, address string) (body []byte, token string, err error) {
	token, err = c.tokens.get(ctx)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, attemptTimeout, errSlow)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, token, err
	}
	body, err = c.send(req, token)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		err = &connectionError{errSlow} // not a deadline of the caller's
	}
	return body, token, err
}

var errSlow = fmt.Errorf("there was no complete answer within %s", attemptTimeout)

func (c *dataverseClient) send(req *http.Request, token string) ([]byte, error) {
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("OData-MaxVersion", "4.0")
	req.Header.Set("OData-Version", "4.0")
	req.Header.Set("Prefer", "odata.maxpagesize="+strconv.Itoa(pageSize))
	req.Header.Set("User-Agent", "terraform-provider-klaviyo")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &connectionError{err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, readStatus(resp)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "html") {
		return nil, &answerError{problem: "is a web page"}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, &connectionError{err}
	case len(body) > maxPage:
		return nil, &answerError{problem: fmt.Sprintf("is larger than %d MB", maxPage>>20)}
	}
	return body, nil
}

// retryIn says whether a request may be sent again, and when.
func retryIn(err error, attempt int) (time.Duration, bool) {
	wait := 500*time.Millisecond<<min(attempt-1, 6) + rand.N(500*time.Millisecond)
	var status *statusError
	if errors.As(err, &status) {
		if status.retryAfter > 0 {
			wait = status.retryAfter + rand.N(time.Second)
		}
		return wait, status.status == http.StatusTooManyRequests || status.status >= 500
	}
	var connection *connectionError
	var dns *net.DNSError
	return wait, errors.As(err, &connection) && (!errors.As(err, &dns) || !dns.IsNotFound)
}
