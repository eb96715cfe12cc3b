package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// rangeOpener requests ranges of a remote file.
type rangeOpener interface {
	// openRange opens length bytes from an offset or, if length is negative,
	// the rest. It fails if the file is no longer the one that was found. The
	// error is a *readError, or that of ctx.
	openRange(ctx context.Context, offset, length int64) (rangeBody, error)
}

// rangeBody is a range of a file that is being received.
type rangeBody struct {
	io.ReadCloser
	framed bool // a transfer that breaks off ends in an error, not in io.EOF
}

var (
	errUnknownEnd = &readError{
		problem: "the server says neither how long the file is nor where it ends, so a file that is cut off would look complete",
		remedy: "Let the server send a Content-Length or use chunked encoding (HTTP/1.1), compress the file with gzip or zstd, which have an end of their own, " +
			"or copy the file to a disk first.",
	}
	errWrongRange = &readError{problem: "the server does not send the part of the file that was requested"}
)

// UnknownEndError is the error of a file that has neither a size nor an end of
// its own.
func UnknownEndError(name string) error { return pathError(name, errUnknownEnd) }

// remoteContent is an open file on a server. A transfer that breaks off is
// resumed where it ended.
type remoteContent struct {
	ctx context.Context
	rangeOpener
	retryPolicy
	remedy string // for a transfer that breaks off
	size   int64  // negative: not known

	// State of Read.
	body    io.ReadCloser // nil: to be requested
	framed  bool          // of body
	offset  int64
	retries int   // since bytes came
	pending error // came with the bytes of the last read

	cache rangeCache // of ReadAt
}

// start requests the beginning, so that opening a file fails at once where it
// cannot be read.
func (r *remoteContent) start() error {
	err := r.retry(r.ctx, r.requestRest)
	if err != nil {
		_ = r.Close() // nothing was read
	}
	return err
}

// requestRest requests the file from the current offset of Read.
func (r *remoteContent) requestRest() error {
	body, err := r.openRange(r.ctx, r.offset, -1)
	if err != nil {
		return err
	}
	r.body, r.framed = body, body.framed
	if r.offset > 0 && !r.EndKnown() { // EndKnown was true when the caller looked
		r.closeBody()
		return errUnknownEnd
	}
	return nil
}

func (r *remoteContent) Size() int64 { return max(r.size, 0) }

func (r *remoteContent) EndKnown() bool { return r.framed || r.size >= 0 }

// Read implements [io.Reader].
func (r *remoteContent) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if r.body == nil {
			if r.offset == r.size {
				return 0, io.EOF
			}
			if err := r.requestRest(); err != nil {
				if err := r.backOffFrom(err); err != nil {
					return 0, err
				}
				continue
			}
		}
		n, err := r.readBody(p)
		switch {
		case r.size >= 0 && r.offset > r.size:
			return 0, errChanged
		case n > 0:
			return n, nil
		case err == nil:
			continue
		case errors.Is(err, io.EOF) && (r.size < 0 || r.offset >= r.size):
			return 0, io.EOF
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		r.closeBody()
		if err := r.backOffFrom(r.brokenOff(err, r.offset)); err != nil {
			return 0, err
		}
	}
}

// readBody reads from the body. An error that comes with bytes is kept for the
// next call.
func (r *remoteContent) readBody(p []byte) (n int, err error) {
	if err, r.pending = r.pending, nil; err != nil {
		return 0, err
	}
	n, err = r.body.Read(p)
	if n > 0 {
		r.offset += int64(n)
		r.retries = 0
		r.pending, err = err, nil
	}
	return n, err
}

// backOffFrom waits before Read retries, or returns the error if it must not.
func (r *remoteContent) backOffFrom(err error) error {
	if !isRetryable(err) || r.retries >= r.maxRetries {
		return err
	}
	r.retries++
	return r.backOff(r.ctx, r.retries-1)
}

// brokenOff says where a transfer broke off.
func (r *remoteContent) brokenOff(err error, offset int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return &readError{
		problem: fmt.Sprintf("the transfer breaks off again and again, the last time after %d bytes: %s", offset, brief(err)),
		remedy:  r.remedy, retryable: true,
	}
}

// closeBody closes the body of Read.
func (r *remoteContent) closeBody() {
	if r.body != nil {
		_ = r.body.Close() // it is broken, or not wanted
		r.body, r.pending = nil, nil
	}
}

// ReadAt implements [io.ReaderAt].
func (r *remoteContent) ReadAt(p []byte, offset int64) (int, error) {
	if r.size < 0 {
		return 0, &readError{problem: "the server does not say how large the file is, so parts of it cannot be read"}
	}
	r.cache.mu.Lock()
	defer r.cache.mu.Unlock()
	r.closeBody()
	n := 0
	for n < len(p) {
		if offset >= r.size {
			return n, io.EOF
		}
		cached, err := r.cache.get(offset/cachedRangeSize, r.fetch)
		if err != nil {
			return n, err
		}
		copied := copy(p[n:], cached[offset%cachedRangeSize:])
		n, offset = n+copied, offset+int64(copied)
	}
	return n, nil
}

// fetch reads a range of the cache.
func (r *remoteContent) fetch(index int64) ([]byte, error) {
	offset := index * cachedRangeSize
	bytes := make([]byte, min(cachedRangeSize, r.size-offset))
	err := r.retry(r.ctx, func() error {
		body, err := r.openRange(r.ctx, offset, int64(len(bytes)))
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // only read from
		if n, err := io.ReadFull(body, bytes); err != nil {
			return r.brokenOff(err, offset+int64(n))
		}
		return nil
	})
	return bytes, err
}

// Close implements [io.Closer].
func (r *remoteContent) Close() error {
	r.closeBody()
	return nil
}
