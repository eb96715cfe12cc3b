package storage

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pkg/sftp"
)

// sftpChunkSize is how much of a file is requested at once, in many requests side by
// side, so that the delay of the network hardly counts.
const sftpChunkSize = 1 << 20

// openRange implements [rangeOpener].
func (o sftpObject) openRange(ctx context.Context, offset, length int64) (rangeBody, error) {
	end := o.size
	if length >= 0 {
		end = offset + length
	}
	body, err := o.server.openBody(ctx, func(requestCtx context.Context) (io.ReadCloser, error) {
		return sftpOpen(ctx, requestCtx, o, offset, end)
	})
	if errors.Is(err, errSFTPNotFound) {
		err = errChanged
	}
	if err != nil {
		return rangeBody{}, o.server.explain(err)
	}
	return rangeBody{ReadCloser: body}, nil
}

// sftpOpen opens a file, which must be the one that was found.
func sftpOpen(callerCtx, requestCtx context.Context, o sftpObject, offset, end int64) (io.ReadCloser, error) {
	conn, err := o.server.acquire(requestCtx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(requestCtx, conn.kill)()
	file, err := conn.client.Open(o.address.path)
	if err != nil {
		conn.release()
		return nil, err
	}
	body := &sftpBody{callerCtx: callerCtx, requestCtx: requestCtx, object: o, conn: conn, file: file, offset: offset, end: end, chunks: make(chan sftpChunk, 1)}
	if err := o.check(file.Stat()); err != nil {
		_ = body.Close() // nothing was read
		return nil, err
	}
	return body, nil
}

// sftpBody is a range of a file that is being received. While a chunk is read, the
// next one is on its way.
type sftpBody struct {
	callerCtx   context.Context
	requestCtx  context.Context // ends when bytes do not come in time
	object      sftpObject
	conn        *sftpConnection
	file        *sftp.File
	offset, end int64 // of the next chunk, and of the range

	chunks    chan sftpChunk
	isReading bool   // a goroutine will send to chunks
	unread    []byte // rest of the chunk that was received last
	spare     []byte // that chunk, for the one after the next
	err       error  // once unread is empty
}

// sftpChunk is the result of one read.
type sftpChunk struct {
	bytes []byte
	err   error
}

// Read implements [io.Reader].
func (b *sftpBody) Read(p []byte) (int, error) {
	for len(b.unread) == 0 {
		switch {
		case b.err != nil:
			return 0, b.err
		case !b.isReading && b.offset >= b.end:
			return 0, io.EOF
		case !b.isReading:
			b.fetch()
		}
		select {
		case chunk := <-b.chunks:
			b.receive(chunk)
		case <-b.requestCtx.Done():
			return 0, b.requestCtx.Err()
		}
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

// receive takes over a chunk and requests the next one.
func (b *sftpBody) receive(chunk sftpChunk) {
	b.isReading = false
	if b.err = chunk.err; b.err != nil {
		return
	}
	b.unread = chunk.bytes
	if b.offset < b.end {
		b.fetch()
	}
	b.spare = chunk.bytes
}

// fetch requests the next chunk. Its goroutine owns the buffer until it sends it.
func (b *sftpBody) fetch() {
	buffer, size := b.spare, min(sftpChunkSize, b.end-b.offset)
	b.spare = nil
	if int64(cap(buffer)) < size {
		buffer = make([]byte, size)
	}
	b.isReading = true
	go func(buffer []byte, offset int64) { b.chunks <- b.readAt(buffer, offset) }(buffer[:size], b.offset)
	b.offset += size
}

// readAt reads a chunk of a file that must still be the one that was found.
func (b *sftpBody) readAt(buffer []byte, offset int64) sftpChunk {
	n, err := b.file.ReadAt(buffer, offset)
	switch {
	case n < len(buffer) && errors.Is(err, io.EOF):
		return sftpChunk{err: errChanged}
	case n < len(buffer):
		return sftpChunk{err: err}
	}
	return sftpChunk{bytes: buffer, err: b.object.check(b.file.Stat())}
}

// Close implements [io.Closer]. It does not wait for the server. A connection that
// has not answered yet is given up, since it may never do.
func (b *sftpBody) Close() error {
	if b.isReading {
		b.conn.kill()
	}
	hangs := time.AfterFunc(b.object.server.responseTimeout, b.conn.kill)
	ended := context.AfterFunc(b.callerCtx, b.conn.kill)
	go func() {
		_ = b.file.Close() // only read from
		hangs.Stop()
		ended()
		b.conn.release()
	}()
	return nil
}
