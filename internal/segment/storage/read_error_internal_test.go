package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

// Messages of other programs are shown without secrets and control characters.
func TestBriefIsSafe(t *testing.T) {
	t.Parallel()
	_, parse := url.Parse(strings.Join([]string{"http://user:Zq7x", "pw@host"}, "/"))
	for err, want := range map[error]string{
		errors.New("tls: \x1b[31mred\u009b\nmore"):                                           `tls: \x1b[31mred\u009b`,
		errors.New("dial HTTPS://user:Zq7x@host/x: no"):                                      "dial HTTPS://… no",
		errors.New(`endpoint "ftp:/user:Zq7x@host" is odd`):                                  `endpoint "ftp:/…" is odd`,
		errors.New("no way to user:Zq7x@host now"):                                           "no way to … now",
		&url.Error{Op: "Get", URL: "http://Zq7x", Err: errors.New("odd")}:                    "odd",
		fmt.Errorf("config: %w", parse):                                                      "an address is not a valid URL",
		errors.New("config: " + parse.Error()):                                               "an address is not a valid URL",
		fmt.Errorf("invalid proxy address %q: odd", "user:Zq7x/pw@proxy"):                    "an address is not a valid URL",
		&url.Error{Op: "Get", Err: fmt.Errorf("failed to parse Location header %q", "Zq7x")}: "an address is not a valid URL",
	} {
		if got := brief(err); got != want {
			t.Errorf("%q becomes %q, want %q", err, got, want)
		}
	}
	if s := statusOf(&smithy.GenericAPIError{Code: "No\x1b[31mSuchKey"}); s.code != "" {
		t.Errorf("code %q", s.code)
	}
}

// endless is a body that ignores contexts.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func (endless) Close() error { return nil }

// Skipping the beginning of a file may take long, too.
func TestSkippingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	body := &timedBody{callerCtx: ctx, requestCtx: ctx, cancel: func(error) {}, timer: time.NewTimer(time.Hour), idleTimeout: time.Hour, body: endless{}}
	s := &skippingBody{body, 1 << 62}
	cancel()
	if _, err := s.Read(make([]byte, 1<<10)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Code that ignores its context, such as that which looks for credentials, is
// abandoned.
func TestTimeoutOfACallThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	defer close(end)
	hang := func(context.Context) (int, error) { <-end; return 0, nil }
	if _, err := withTimeout(t.Context(), retryPolicy{responseTimeout: time.Millisecond}, hang); !errors.Is(err, errTimeout) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := withTimeout(ctx, defaultRetryPolicy, hang); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
