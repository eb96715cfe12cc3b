package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// retryPolicy says how long a server is waited for, and how often it is asked
// again.
type retryPolicy struct {
	responseTimeout time.Duration // for the beginning of an answer
	idleTimeout     time.Duration // for more bytes of a file
	backoff         time.Duration // before the first retry; doubled for each further one
	maxRetries      int           // in a row, without any progress
}

var defaultRetryPolicy = retryPolicy{responseTimeout: 30 * time.Second, idleTimeout: time.Minute, backoff: 250 * time.Millisecond, maxRetries: 5}

// retry calls f until it succeeds, its error is not retryable, or the retries
// are used up.
func (p retryPolicy) retry(ctx context.Context, f func() error) error {
	for retries := 0; ; retries++ {
		err := f()
		if err == nil || retries >= p.maxRetries || !isRetryable(err) {
			return err
		}
		if err := p.backOff(ctx, retries); err != nil {
			return err
		}
	}
}

// backOff waits before another retry.
func (p retryPolicy) backOff(ctx context.Context, retries int) error {
	return wait.For(ctx, p.backoff<<min(retries, 10))
}

// IsContextError reports whether an error is that of a context that has ended.
// The timeout of a connection also matches [context.DeadlineExceeded], and is
// not meant.
func IsContextError(err error) bool {
	var op *net.OpError
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &op)
}

func isRetryable(err error) bool {
	var e *readError
	return errors.As(err, &e) && e.retryable
}

var errTimeout = errors.New("the server did not answer in time")

// withTimeout calls f, which sends a request and waits for the answer. Code
// that looks for credentials may ignore its context, so f may be abandoned.
func withTimeout[T any](ctx context.Context, p retryPolicy, f func(context.Context) (T, error)) (T, error) {
	requestCtx, cancel := context.WithTimeoutCause(ctx, p.responseTimeout, errTimeout)
	defer cancel()
	result, err := interruptible(requestCtx, func() (T, error) { return f(requestCtx) }, nil)
	return result, causeOf(ctx, requestCtx, err)
}

// openBody calls open, which requests a file, and returns its body. The context
// of open ends when the answer, or later more bytes, do not come in time, and
// when the body is closed.
func (p retryPolicy) openBody(ctx context.Context, open func(context.Context) (io.ReadCloser, error)) (io.ReadCloser, error) {
	requestCtx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(p.responseTimeout, func() { cancel(errTimeout) })
	body, err := interruptible(requestCtx, func() (io.ReadCloser, error) { return open(requestCtx) }, func(body io.ReadCloser) { _ = body.Close() })
	timer.Stop()
	if err != nil {
		err = causeOf(ctx, requestCtx, err)
		cancel(nil)
		return nil, err
	}
	return &timedBody{callerCtx: ctx, requestCtx: requestCtx, cancel: cancel, timer: timer, idleTimeout: p.idleTimeout, body: body}, nil
}

// timedBody is a body whose request is cancelled when no bytes come for too
// long.
type timedBody struct {
	callerCtx, requestCtx context.Context
	cancel                context.CancelCauseFunc // of requestCtx
	timer                 *time.Timer             // calls cancel
	idleTimeout           time.Duration
	body                  io.ReadCloser
}

// Read implements [io.Reader]. The timer only runs in here: a slow caller is
// not the server's fault.
func (b *timedBody) Read(p []byte) (int, error) {
	if err := b.callerCtx.Err(); err != nil {
		return 0, err
	}
	b.timer.Reset(b.idleTimeout)
	n, err := b.body.Read(p)
	b.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = causeOf(b.callerCtx, b.requestCtx, err)
	}
	return n, err
}

// Close implements [io.Closer].
func (b *timedBody) Close() error {
	b.timer.Stop()
	b.cancel(nil) // before closing, which may read on in order to reuse the connection
	return b.body.Close()
}

// causeOf distinguishes the end of the caller's context from a timeout of the
// request. Clients return the same error for both.
func causeOf(callerCtx, requestCtx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case callerCtx.Err() != nil:
		return callerCtx.Err()
	case requestCtx.Err() != nil:
		return errTimeout
	default:
		return err
	}
}
