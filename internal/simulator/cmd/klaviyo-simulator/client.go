package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// client reaches an account through the API, as any other program would.
type client struct {
	url, key, list string
}

func (c *client) register(flags *flag.FlagSet) {
	flags.StringVar(&c.url, "url", os.Getenv("KLAVIYO_BASE_URL"), "`URL` of the simulator (default: KLAVIYO_BASE_URL)")
	flags.StringVar(&c.key, "key", "", "private API `KEY` (default: KLAVIYO_API_KEY)")
	flags.StringVar(&c.list, "list", os.Getenv("KLAVIYO_LIST_ID"), "`ID` of the list (default: KLAVIYO_LIST_ID)")
}

// complete is called after parsing. The key comes from the environment here,
// and not as a default, which -h would print.
func (c *client) complete() error {
	if c.key == "" {
		c.key = os.Getenv("KLAVIYO_API_KEY")
	}
	if c.url == "" || c.key == "" || c.list == "" {
		return errors.New("-url, -key and -list are required, or KLAVIYO_BASE_URL, KLAVIYO_API_KEY and KLAVIYO_LIST_ID")
	}
	c.url = strings.TrimSuffix(c.url, "/")
	return nil
}

func (c *client) listURL(path string, query url.Values) string {
	address := c.url + "/api/lists/" + url.PathEscape(c.list) + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// call sends one request and decodes the answer. It waits and tries again after a 429.
func (c *client) call(ctx context.Context, method, address string, body []byte, into any) error {
	for {
		status, retryAfter, answer, err := c.send(ctx, method, address, body)
		switch {
		case err != nil:
			return err
		case status == http.StatusTooManyRequests:
			seconds, _ := strconv.Atoi(retryAfter)
			if err := sleep(ctx, time.Duration(max(1, seconds))*time.Second); err != nil {
				return err
			}
			continue
		case status >= 300:
			return fmt.Errorf("the answer to %s has the status %d: %s", method, status, problemText(answer))
		case into == nil:
			return nil
		}
		return json.Unmarshal(answer, into)
	}
}

func (c *client) send(ctx context.Context, method, address string, body []byte) (status int, retryAfter string, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	request.Header.Set("Authorization", "Klaviyo-API-Key "+c.key)
	request.Header.Set("revision", simulator.Revision)
	request.Header.Set("Accept", "application/vnd.api+json")
	if body != nil {
		request.Header.Set("Content-Type", "application/vnd.api+json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("Retry-After"), answer, err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func problemText(answer []byte) string {
	var document struct {
		Errors []struct{ Detail string }
	}
	if json.Unmarshal(answer, &document) != nil || len(document.Errors) == 0 {
		return "no reason given"
	}
	return document.Errors[0].Detail
}
