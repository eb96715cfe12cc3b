package dataverse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const pageSize = 5000 // the largest that Dataverse allows

// client reads from one environment. It is safe for concurrent use.
type client struct {
	base     *url.URL
	source   Source
	pipeline runtime.Pipeline
}

func newClient(base *url.URL, source Source) *client {
	return &client{base: base, source: source, pipeline: newPipeline(base, source)}
}

// address returns the URL of a resource of the Web API. Options such as
// "$select" are names and values in turn.
func (c *client) address(resource string, options ...string) string {
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

// pages calls page with the records of each page of a result, in order, until
// there are no more pages or page returns false.
func (c *client) pages(ctx context.Context, address string, columns []string, page func(records [][]string) (more bool)) error {
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
		if err := c.checkLink(next); err != nil {
			return err
		}
		address = next
	}
	return nil
}

// checkLink refuses a next page on another host, which would get the token.
func (c *client) checkLink(link string) error {
	if link == "" {
		return nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != c.base.Scheme || !strings.EqualFold(u.Host, c.base.Host) {
		return &answerError{problem: "has a next page on another host"}
	}
	return nil
}

// get returns the body of an answer. It is read as a whole, so that an answer
// that breaks off is requested again and not taken for a short one.
func (c *client) get(ctx context.Context, address string) ([]byte, error) {
	req, err := runtime.NewRequest(ctx, http.MethodGet, address)
	if err != nil {
		return nil, err
	}
	header := req.Raw().Header
	header.Set("Accept", "application/json")
	header.Set("OData-MaxVersion", "4.0")
	header.Set("OData-Version", "4.0")
	header.Set("Prefer", "odata.maxpagesize="+strconv.Itoa(pageSize))
	header.Set("User-Agent", "terraform-provider-klaviyo")
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return nil, requestError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, newStatusError(resp)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "html") {
		return nil, &answerError{problem: "is a web page"}
	}
	return runtime.Payload(resp)
}

// requestError names the limit that a request has hit.
func requestError(err error) error {
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return &answerError{problem: fmt.Sprintf("is larger than %d MB", maxPage>>20), err: err}
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, new(*net.OpError)) && !errors.As(err, new(*signInError)):
		return fmt.Errorf("there was no complete answer within %s", attemptTimeout)
	default:
		return err
	}
}
