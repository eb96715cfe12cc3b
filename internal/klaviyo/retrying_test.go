package klaviyo

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"
)

// Whoever waits for requests that are being repeated is told which, and for how
// long that may go on.
func TestRepeatedRequestsAreTold(t *testing.T) {
	t.Parallel()
	status := func(status int, after string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}, nil
		}
	}
	fails := func(err error) func() (*http.Response, error) {
		return func() (*http.Response, error) { return nil, err }
	}
	for want, answer := range map[string]func() (*http.Response, error){
		"Klaviyo answers 503 to get_list; repeated for 40s so far, at most 10m":               status(503, "60"),
		"Klaviyo answers 429 to get_list; repeated for 40s so far, at most 10m":               status(429, "60"),
		"Klaviyo's answer to get_list is not understood; repeated for 3s so far, at most 20s": status(200, ""),
		"Klaviyo does not answer get_list; repeated for 3s so far, at most 20s":               fails(errors.New("connection reset")),
		"Klaviyo cannot be reached for get_list; repeated for 3s so far, at most 20s":         fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")}),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := answering(t, "<html>", answer)
				ctx, cancel := context.WithCancel(WithRetries(t.Context()))
				ended := make(chan error)
				go func() {
					_, err := c.List(ctx, "x")
					ended <- err
				}()
				after := 3 * time.Second
				if strings.Contains(want, "40s") {
					after = 40 * time.Second
				}
				time.Sleep(after)
				synctest.Wait()
				if got := Retrying(ctx); got != want {
					t.Errorf("%q, want %q", got, want)
				}
				for _, name := range []string{"y", "z"} {
					go func() {
						_, err := c.List(ctx, name)
						ended <- err
					}()
				}
				time.Sleep(time.Second)
				synctest.Wait()
				throttled := strings.Contains(want, "429") // the others wait for their turn
				if got := Retrying(ctx); !throttled && !strings.HasSuffix(got, " (and 2 more requests)") || strings.Contains(got, " 1s so far") {
					t.Errorf("of three: %q", got)
				}
				cancel()
				for range 3 {
					<-ended
				}
				if got := Retrying(ctx); got != "" {
					t.Errorf("in the end %q", got)
				}
			})
		})
	}
	if got := Retrying(t.Context()); got != "" {
		t.Errorf("without an account: %q", got)
	}
}

// A short failure is a detail, a long one is not.
func TestLongRepeatedRequestsAreLoggedAsWarnings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		ctx, cancel := context.WithTimeout(tflogtest.RootLogger(t.Context(), &logged), 30*time.Second)
		defer cancel()
		c := answering(t, "<html>", func() (*http.Response, error) {
			return &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {"1"}}}, nil
		})
		if _, err := c.List(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		lines, err := tflogtest.MultilineJSONDecode(&logged)
		if err != nil {
			t.Fatal(err)
		}
		levels := map[any]int{}
		for _, line := range lines {
			if line["@message"] == "Klaviyo request will be repeated" {
				levels[line["@level"]]++
				if late := line["failing_ms"].(float64) >= 10000; late != (line["@level"] == "warn") {
					t.Errorf("%v", line)
				}
			}
		}
		if levels["warn"] == 0 || levels["debug"] == 0 {
			t.Errorf("levels %v", levels)
		}
	})
}
