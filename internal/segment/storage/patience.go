package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// patience is how long a remote place is waited for.
type patience struct {
	answer time.Duration // for the first byte of an answer
	idle   time.Duration // for the next bytes of a file
	pause  time.Duration // before the first new try; twice as long before each further one
	tries  int           // new ones in a row that bring nothing
}

var usualPatience = patience{answer: 30 * time.Second, idle: time.Minute, pause: 250 * time.Millisecond, tries: 5}

// retry calls f until it succeeds, what fails does not pass, or the tries are
// used up.
func (p patience) retry(ctx context.Context, f func() error) error {
	for failures := 0; ; failures++ {
		err := f()
		if err == nil || failures >= p.tries || !passes(err) {
			return err
		}
		if err := p.wait(ctx, failures); err != nil {
			return err
		}
	}
}

// wait lets the pause before a new try pass.
func (p patience) wait(ctx context.Context, failures int) error {
	return wait.For(ctx, p.pause<<min(failures, 10))
}

// IsContextError reports whether an error is the end of a context. The timeout of
// a connection looks like one and is none.
func IsContextError(err error) bool {
	var op *net.OpError
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &op)
}

func passes(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.passes
}

// ask calls f, which asks a server and waits for its answer. Credentials may be
// looked for by code that no context reaches, so f may be abandoned.
func ask[T any](ctx context.Context, p patience, f func(context.Context) (T, error)) (T, error) {
	asking, cancel := context.WithTimeoutCause(ctx, p.answer, errNoAnswer)
	defer cancel()
	result, err := await(asking, func() (T, error) { return f(asking) }, nil)
	return result, honest(ctx, asking, err)
}

// stream calls open, which asks for a file, and returns what reads it. The
// context of open ends when the answer, or later the next bytes, are waited
// for too long, and when the reader is closed.
func (p patience) stream(ctx context.Context, open func(context.Context) (io.ReadCloser, error)) (io.ReadCloser, error) {
	asking, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(p.answer, func() { cancel(errNoAnswer) })
	body, err := await(asking, func() (io.ReadCloser, error) { return open(asking) }, func(body io.ReadCloser) { _ = body.Close() })
	if err != nil {
		timer.Stop()
		err = honest(ctx, asking, err)
		cancel(nil)
		return nil, err
	}
	timer.Stop()
	return &stream{caller: ctx, ctx: asking, cancel: cancel, timer: timer, idle: p.idle, body: body}, nil
}

// stream is a file that is being received.
type stream struct {
	caller, ctx context.Context
	cancel      context.CancelCauseFunc
	timer       *time.Timer // ends ctx
	idle        time.Duration
	body        io.ReadCloser
}

// Read implements [io.Reader]. Time passes only in here: whoever reads slowly
// is not the server's fault.
func (s *stream) Read(p []byte) (int, error) {
	if err := s.caller.Err(); err != nil {
		return 0, err
	}
	s.timer.Reset(s.idle)
	n, err := s.body.Read(p)
	s.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = honest(s.caller, s.ctx, err)
	}
	return n, err
}

// Close implements [io.Closer].
func (s *stream) Close() error {
	s.timer.Stop()
	s.cancel(nil) // before closing, which may read on to use the connection again
	return s.body.Close()
}

// honest tells an error of the caller's context from one of a patience that
// has run out. Clients call both a cancelled context.
func honest(caller, asking context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case caller.Err() != nil:
		return caller.Err()
	case asking.Err() != nil:
		return errNoAnswer
	default:
		return err
	}
}
