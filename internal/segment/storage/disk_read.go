package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
)

// diskReadSize is how much of a file is read at once. After each read, the file
// must still be the one that was found.
const diskReadSize = 256 << 10

// diskContent is an open file of the file system.
//
// Goroutines with buffers of their own make the system calls, so that the caller
// stops waiting when the context ends, even for a network mount that never
// answers. Read prefetches one buffer, which overlaps the disk with the parsing.
type diskContent struct {
	ctx   context.Context
	file  diskHandle
	found fs.FileInfo

	// State of Read.
	prefetched chan diskRead
	isReading  bool   // a goroutine will send to prefetched
	offset     int64  // of the next read
	unread     []byte // rest of the buffer that was received last
	spare      []byte // that buffer; reused for the read after the current one
	err        error  // of Read, once unread is empty

	mu     sync.Mutex // of ReadAt
	buffer []byte
}

// diskRead is the result of one read.
type diskRead struct {
	buffer []byte
	n      int
	err    error
}

func newDiskContent(ctx context.Context, file diskHandle, found fs.FileInfo) *diskContent {
	return &diskContent{ctx: ctx, file: file, found: found, prefetched: make(chan diskRead, 1)}
}

func (c *diskContent) Size() int64 { return c.found.Size() }

func (*diskContent) EndKnown() bool { return true }

// changed reports whether a file was changed, by its size and time. Invisible are
// a change within the same tick of the file system's clock (a few milliseconds
// on most, up to settledAfter on some), one through a memory mapping or a file
// that Windows has open for writing, whose time is updated later, and one after
// which the time was set back.
func changed(found, now fs.FileInfo) bool {
	return now.Size() != found.Size() || !now.ModTime().Equal(found.ModTime())
}

// readFull fills a buffer unless the file ends before. It is all that an abandoned
// goroutine does.
func (c *diskContent) readFull(buffer []byte, offset int64) diskRead {
	n, err := c.file.ReadAt(buffer, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return diskRead{err: err}
	}
	now, err := c.file.Stat()
	if err != nil {
		return diskRead{err: err}
	}
	expected := min(max(c.Size()-offset, 0), int64(len(buffer)))
	if changed(c.found, now) || int64(n) != expected {
		return diskRead{err: errChanged}
	}
	return diskRead{buffer: buffer, n: n}
}

// newBuffer returns a buffer for a read. It has one byte more than the rest of the
// file, so that a file that has grown is noticed.
func (c *diskContent) newBuffer(offset int64) []byte {
	return make([]byte, min(diskReadSize, max(c.Size()-offset, 0)+1))
}

// Read implements [io.Reader].
func (c *diskContent) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	for len(c.unread) == 0 && c.err == nil {
		if !c.isReading {
			c.prefetch(c.newBuffer(c.offset))
		}
		select {
		case read := <-c.prefetched:
			c.isReading = false
			c.receive(read)
		case <-c.ctx.Done():
			return 0, c.ctx.Err()
		}
	}
	if len(c.unread) == 0 && len(p) > 0 {
		return 0, c.err
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// receive takes over what was read, and prefetches into the buffer before, which
// is used up.
func (c *diskContent) receive(read diskRead) {
	if read.err != nil {
		c.err = read.err
		return
	}
	c.unread = read.buffer[:read.n]
	c.offset += int64(read.n)
	if read.n < len(read.buffer) {
		c.err = io.EOF
		return
	}
	buffer := c.spare
	if buffer == nil {
		buffer = c.newBuffer(c.offset)
	}
	c.spare = read.buffer
	c.prefetch(buffer)
}

func (c *diskContent) prefetch(buffer []byte) {
	c.isReading = true
	go func(offset int64) { c.prefetched <- c.readFull(buffer, offset) }(c.offset)
}

// ReadAt implements [io.ReaderAt].
func (c *diskContent) ReadAt(p []byte, offset int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 0; ; {
		if n == len(p) {
			return n, nil
		}
		if offset >= c.Size() {
			return n, io.EOF
		}
		copied, err := c.copyAt(p[n:], offset)
		if err != nil {
			return n, err
		}
		n, offset = n+copied, offset+int64(copied)
	}
}

// copyAt reads into p, at most one buffer.
func (c *diskContent) copyAt(p []byte, offset int64) (int, error) {
	if c.buffer == nil {
		c.buffer = c.newBuffer(0)
	}
	buffer := c.buffer[:min(len(p), len(c.buffer))]
	read, err := interruptible(c.ctx, func() (diskRead, error) {
		read := c.readFull(buffer, offset)
		return read, read.err
	}, nil)
	if err != nil {
		c.buffer = nil // an abandoned call may still write to it
		return 0, err
	}
	return copy(p, read.buffer[:read.n]), nil
}

// Close implements [io.Closer]. A call that hangs keeps the file open until it
// returns.
func (c *diskContent) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- c.file.Close() }()
	select {
	case err := <-closed:
		return err
	case <-c.ctx.Done():
		return nil
	}
}
