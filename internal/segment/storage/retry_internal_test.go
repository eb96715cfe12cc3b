package storage

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
)

// A connection that times out is a server that cannot be reached and not a user
// who gave up, and its error holds a URL that may be signed.
func TestConnectionsThatTimeOutAreExplained(t *testing.T) {
	t.Parallel()
	timeout := &url.Error{
		Op: "Get", URL: "https://storage.example.com/x?sig=secret",
		Err: &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded},
	}
	ended := &url.Error{Op: "Get", URL: timeout.URL, Err: context.DeadlineExceeded}
	for name, explain := range map[string]func(error) error{"bucket": address{}.explain, "web": explainWebError} {
		var known *readError
		if err := explain(timeout); !errors.As(err, &known) || strings.Contains(err.Error(), "secret") || !isRetryable(err) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := explain(ended); errors.As(err, &known) {
			t.Errorf("%s: the end of a context becomes %v", name, err)
		}
	}
}
