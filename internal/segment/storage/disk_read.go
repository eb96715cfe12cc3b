package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
)

// diskBlock is how much of a file is read at once, after which it is made sure
// that the file is still the one that was found.
const diskBlock = 256 << 10

// diskContent is an open file of the file system.
//
// System calls are made by goroutines with buffers of their own, so that
// whoever reads stops waiting when the context ends, even for a network mount
// that never answers. Read is one block ahead, which overlaps the disk with
// the parsing.
type diskContent struct {
	ctx   context.Context
	file  diskHandle
	found fs.FileInfo

	ahead   chan diskRead // of the block that is being read
	reading bool
	next    int64  // where the block after that begins
	rest    []byte // of the block that was read last
	spare   []byte // the buffer of that block
	end     error  // of Read, after the rest

	mu     sync.Mutex // of ReadAt
	buffer []byte
}

// diskRead is what a block brought.
type diskRead struct {
	buffer []byte
	n      int
	err    error
}

func newDiskContent(ctx context.Context, file diskHandle, found fs.FileInfo) *diskContent {
	return &diskContent{ctx: ctx, file: file, found: found, ahead: make(chan diskRead, 1)}
}

func (c *diskContent) Size() int64 { return c.found.Size() }

func (*diskContent) EndKnown() bool { return true }

// changed reports whether a file was changed. What leaves its size and its time
// of change as they are cannot be seen: a change within the same tick of the
// file system's clock (a few milliseconds on most, up to settledAfter on
// some), one through a memory mapping or a file that Windows has open for
// writing, of which the time is noted later, and one after which the time was
// set back.
func changed(found, now fs.FileInfo) bool {
	return now.Size() != found.Size() || !now.ModTime().Equal(found.ModTime())
}

// block reads a part of the file into a buffer, all of it unless the file ends
// before. It is the only thing that an abandoned goroutine does.
func (c *diskContent) block(buffer []byte, offset int64) diskRead {
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

// room is a buffer for a block. Its last byte is for what is not to be there
// after the end.
func (c *diskContent) room(offset int64) []byte {
	return make([]byte, min(diskBlock, max(c.Size()-offset, 0)+1))
}

// Read implements [io.Reader].
func (c *diskContent) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	for len(c.rest) == 0 && c.end == nil {
		if !c.reading {
			c.readAhead(c.room(c.next))
		}
		select {
		case block := <-c.ahead:
			c.reading = false
			c.take(block)
		case <-c.ctx.Done():
			return 0, c.ctx.Err()
		}
	}
	if len(c.rest) == 0 && len(p) > 0 {
		return 0, c.end
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// take takes over a block and has the next one read into the buffer of the one
// before, which is used up.
func (c *diskContent) take(block diskRead) {
	if block.err != nil {
		c.end = block.err
		return
	}
	c.rest = block.buffer[:block.n]
	c.next += int64(block.n)
	if block.n < len(block.buffer) {
		c.end = io.EOF
		return
	}
	buffer := c.spare
	if buffer == nil {
		buffer = c.room(c.next)
	}
	c.spare = block.buffer
	c.readAhead(buffer)
}

func (c *diskContent) readAhead(buffer []byte) {
	c.reading = true
	go func(offset int64) { c.ahead <- c.block(buffer, offset) }(c.next)
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

// copyAt copies a part of the file, at most a block of it.
func (c *diskContent) copyAt(p []byte, offset int64) (int, error) {
	if c.buffer == nil {
		c.buffer = c.room(0)
	}
	buffer := c.buffer[:min(len(p), len(c.buffer))]
	block, err := interruptible(c.ctx, func() (diskRead, error) {
		block := c.block(buffer, offset)
		return block, block.err
	}, nil)
	if err != nil {
		c.buffer = nil // an abandoned call may still write to it
		return 0, err
	}
	return copy(p, block.buffer[:block.n]), nil
}

// Close implements [io.Closer]. A call that is still under way keeps the file
// open until it returns.
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
