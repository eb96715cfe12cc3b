package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ranges opens parts of a file that is elsewhere.
type ranges interface {
	// from reads from an offset, length bytes or, if that is negative, to the
	// end. It fails if the file is not the one any more that was found. The
	// error is a *fault, or that of ctx.
	from(ctx context.Context, offset, length int64) (transfer, error)
}

// transfer is a part of a file on its way.
type transfer struct {
	io.ReadCloser
	framed bool // breaking off is an error, not an end
}

var errNoEnd = &fault{
	problem: "the server says neither how long the file is nor where it ends, so a file that is cut off would look complete",
	remedy: "Let the server send a Content-Length or use chunked encoding (HTTP/1.1), compress the file with gzip or zstd, which have an end of their own, " +
		"or copy the file to a disk first.",
}

// EndNotKnown is the error that a file has neither a size nor an end of its own.
func EndNotKnown(name string) error { return blameFault(name, errNoEnd) }

// remote is a file that is elsewhere. A transfer that breaks off is taken up
// where it ended.
type remote struct {
	ctx context.Context
	ranges
	patience
	bytes int64 // of the file; negative: not known
	done  func() error

	body     io.ReadCloser // of Read; nil: to be asked for
	framed   bool          // body is
	at       int64         // where Read is
	failures int           // of Read in a row
	late     error         // of body, not told yet

	blocks blocks // of ReadAt
}

// start asks for the beginning, so that whoever opens a file learns at once
// whether it can be read.
func (r *remote) start() error {
	err := r.retry(r.ctx, r.ask)
	if err != nil {
		_ = r.Close() // nothing was read
	}
	return err
}

// ask asks for what comes next.
func (r *remote) ask() error {
	body, err := r.from(r.ctx, r.at, -1)
	if err != nil {
		return err
	}
	r.body, r.framed = body, body.framed
	if r.at > 0 && !r.EndKnown() { // nobody asks any more
		r.drop()
		return errNoEnd
	}
	return nil
}

func (r *remote) Size() int64 { return max(r.bytes, 0) }

func (r *remote) EndKnown() bool { return r.framed || r.bytes >= 0 }

// Read implements [io.Reader].
func (r *remote) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if r.body == nil {
			if r.at == r.bytes {
				return 0, io.EOF
			}
			if err := r.ask(); err != nil {
				if err := r.again(err); err != nil {
					return 0, err
				}
				continue
			}
		}
		n, err := r.receive(p)
		switch {
		case r.bytes >= 0 && r.at > r.bytes:
			return 0, errChanged
		case n > 0:
			return n, nil
		case err == nil:
			continue
		case errors.Is(err, io.EOF) && (r.bytes < 0 || r.at >= r.bytes):
			return 0, io.EOF
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		r.drop()
		if err := r.again(r.broken(err, r.at)); err != nil {
			return 0, err
		}
	}
}

// receive reads what comes next. An error that comes with bytes is kept for
// the next call.
func (r *remote) receive(p []byte) (n int, err error) {
	if err, r.late = r.late, nil; err != nil {
		return 0, err
	}
	n, err = r.body.Read(p)
	if n > 0 {
		r.at += int64(n)
		r.failures = 0
		r.late, err = err, nil
	}
	return n, err
}

// again waits for a new try of Read, or returns the error if there is to be
// none.
func (r *remote) again(err error) error {
	if !passes(err) || r.failures >= r.tries {
		return err
	}
	r.failures++
	return r.wait(r.ctx, r.failures-1)
}

// broken says where a transfer broke off.
func (r *remote) broken(err error, at int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return &fault{
		problem: fmt.Sprintf("the transfer breaks off again and again, the last time after %d bytes: %s", at, brief(err)),
		remedy:  networkRemedy, passes: true,
	}
}

// drop lets go of what Read has asked for.
func (r *remote) drop() {
	if r.body != nil {
		_ = r.body.Close() // it is broken, or not wanted
		r.body, r.late = nil, nil
	}
}

// ReadAt implements [io.ReaderAt].
func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	if r.bytes < 0 {
		return 0, &fault{problem: "the server does not say how large the file is, so its parts cannot be read"}
	}
	r.blocks.mu.Lock()
	defer r.blocks.mu.Unlock()
	r.drop()
	n := 0
	for n < len(p) {
		if off >= r.bytes {
			return n, io.EOF
		}
		block, err := r.blocks.get(off/blockSize, r.fetch)
		if err != nil {
			return n, err
		}
		copied := copy(p[n:], block[off%blockSize:])
		n, off = n+copied, off+int64(copied)
	}
	return n, nil
}

// fetch reads a block.
func (r *remote) fetch(number int64) ([]byte, error) {
	offset := number * blockSize
	block := make([]byte, min(blockSize, r.bytes-offset))
	err := r.retry(r.ctx, func() error {
		body, err := r.from(r.ctx, offset, int64(len(block)))
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // only read from
		if n, err := io.ReadFull(body, block); err != nil {
			return r.broken(err, offset+int64(n))
		}
		return nil
	})
	return block, err
}

// Close implements [io.Closer].
func (r *remote) Close() error {
	r.drop()
	if r.done == nil {
		return nil
	}
	return r.done()
}
