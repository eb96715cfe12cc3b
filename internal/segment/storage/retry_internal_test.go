package storage

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
)

// The timeout of a connection is reported as an unreachable server, not as a
// cancellation by the user, and without its URL, which may be signed.
func TestConnectionsThatTimeOutAreExplained(t *testing.T) {
	t.Parallel()
	timeout := &url.Error{
		Op: "Get", URL: "https://storage.example.com/x?sig=secret",
		Err: &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded},
	}
	ended := &url.Error{Op: "Get", URL: timeout.URL, Err: context.DeadlineExceeded}
	token := &credentialsError{err: ended, retryable: true} // the timeout of the client that fetches tokens
	var known *readError
	if err := (address{scheme: schemeGCS}).explain(token); !errors.As(err, &known) || !isRetryable(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("token: error %v", err)
	}
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
