package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// trinoResult reads the documents of a statement's result, one after the other.
type trinoResult struct {
	*trinoSession
	ctx         context.Context //nolint:containedctx // of the statement, whose rows are read one by one
	linesBefore int
	page        *jsonRows
	idle        time.Duration // wait before the next document, if the last ones had no rows
}

// trinoMaxIdle bounds the time between two questions for rows. Trino itself waits for
// about a second before it answers without rows, but what is before it may not.
const trinoMaxIdle = 500 * time.Millisecond

// open requests a document and reads its beginning.
func (r *trinoResult) open(request restRequest) error {
	answer, err := r.client.open(r.ctx, request)
	if err != nil {
		return r.refusal(err)
	}
	if id := answer.header.Get("X-Trino-Started-Transaction-Id"); id != "" {
		r.transaction = id
	}
	if answer.header.Get("X-Trino-Clear-Transaction-Id") != "" {
		r.transaction = ""
	}
	if added := answer.header.Get("X-Trino-Added-Prepare"); added != "" {
		r.prepared = added
	}
	r.page = newJSONRows(answer.body, "data")
	if _, err := r.page.peek(); err != nil {
		return r.lost(err)
	}
	if next, err := r.nextURL(); err == nil && next != "" {
		r.running = next
	}
	return nil
}

// next returns the next row of the result.
func (r *trinoResult) next() (json.RawMessage, error) {
	for {
		row, err := r.page.next()
		if err == nil {
			r.idle = 0
			return row, nil
		} else if !errors.Is(err, io.EOF) {
			return nil, r.lost(err)
		}
		if text := r.page.fields["error"]; len(text) > 0 && !isNull(text) {
			r.running = ""
			var failure trinoFailure
			_ = json.Unmarshal(text, &failure) // it stays empty
			return nil, failure.queryError(r.linesBefore)
		}
		next, err := r.nextURL()
		if err != nil {
			return nil, err
		}
		if r.running = next; next == "" {
			return nil, io.EOF
		}
		if err := r.client.clock.Wait(r.ctx, r.idle, nil); err != nil {
			return nil, err
		}
		r.idle = min(max(2*r.idle, time.Millisecond), trinoMaxIdle)
		if err := r.open(restRequest{method: http.MethodGet, url: next, repeatable: true}); err != nil {
			return nil, err
		}
	}
}

// nextURL returns where the next document is; empty after the last one. It must be on
// the server of the URL, since it is asked with its credentials.
func (r *trinoResult) nextURL() (string, error) {
	text := r.page.fields["nextUri"]
	if len(text) == 0 || isNull(text) {
		return "", nil
	}
	var next string
	if err := json.Unmarshal(text, &next); err != nil {
		return "", brokenError(r.config.endpoint.Host)
	}
	address, err := url.Parse(next)
	if err != nil || address.Scheme != r.config.endpoint.Scheme || hostAndPort(address) != hostAndPort(r.config.endpoint) {
		return "", argumentError("url", "If a proxy is before the coordinator, set http-server.process-forwarded=true there, so that it answers with the address of the proxy; or write the address of the coordinator in the URL.",
			"The server at %s says that the rows are at another address, to which no credentials are sent.", r.config.endpoint.Host)
	}
	return next, nil
}

func hostAndPort(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	return strings.ToLower(address.Hostname()) + ":" + port
}

// lost reports a document that broke off, or is not what Trino documents.
func (r *trinoResult) lost(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return err
	}
	return brokenError(r.config.endpoint.Host)
}

// refusal explains an answer that is no document.
func (r *trinoResult) refusal(err error) error {
	var refused *restError
	if !errors.As(err, &refused) {
		return err
	}
	const maxSaid = 300
	said, host := fmt.Sprintf("status %d", refused.status), r.config.endpoint.Host
	if strings.HasPrefix(refused.header.Get("Content-Type"), "text/plain") && len(refused.body) > 0 {
		said = maskMessage(strings.ToValidUTF8(string(refused.body[:min(len(refused.body), maxSaid)]), ""), true) + " (" + said + ")"
	}
	switch refused.status {
	case http.StatusUnauthorized:
		return argumentError("url", "Check user and password or token; special characters of the password must be percent-encoded. Without TLS a server takes no password.", "Trino at %s refuses %s: %s.", host, r.config.origin, said)
	case http.StatusForbidden:
		return argumentError("url", "Check the user in the URL, and the access control of the server.", "Trino at %s denies access with %s: %s.", host, r.config.origin, said)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return argumentError("url", "Check host and port in the URL. "+trinoExample, "The server at %s does not speak Trino's protocol: %s.", host, said)
	case http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestURITooLong:
		return argumentError("query", "Make a view of the query, or raise http-server.max-request-header-size of the server.", "The query is longer than the server at %s takes: %s.", host, said)
	}
	return argumentError("url", "Plan again. If the error returns, the log of the server has its cause.", "Trino at %s refuses the request: %s.", host, said)
}

// trinoCursor yields the rows of the query.
type trinoCursor struct {
	result  *trinoResult
	types   []trinoType
	columns []columnInfo // as they were described
	checked bool         // the columns of the result are those
	cells   [][]byte
}

// next implements cursor.
func (c *trinoCursor) next() error {
	row, err := c.result.next()
	if err != nil {
		return err
	}
	if err := c.checkColumns(); err != nil {
		return err
	}
	c.cells = c.cells[:0]
	err = walkJSON(row, func(_, value []byte) error {
		c.cells = append(c.cells, value)
		return nil
	})
	if err != nil || len(c.cells) != len(c.types) {
		return brokenError(c.result.config.endpoint.Host)
	}
	return nil
}

// checkColumns compares the columns of the first rows with the description, and takes
// their types.
func (c *trinoCursor) checkColumns() error {
	text := c.result.page.fields["columns"]
	if c.checked || len(text) == 0 || isNull(text) {
		return nil
	}
	c.checked = true
	var columns []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &columns); err != nil {
		return brokenError(c.result.config.endpoint.Host)
	}
	same := len(columns) == len(c.columns)
	for i := 0; same && i < len(columns); i++ {
		of, column := trinoColumn(columns[i].Name, columns[i].Type)
		same = column.name == c.columns[i].name && column.json == c.columns[i].json && (column.binary == "") == (c.columns[i].binary == "")
		c.types[i] = of
	}
	if !same {
		return argumentError("query", "Plan again.", "The columns of what the query reads changed while it ran.")
	}
	return nil
}

// append implements cursor.
func (c *trinoCursor) append(dst []byte, column int) ([]byte, error) {
	return c.types[column].append(dst, c.cells[column])
}
