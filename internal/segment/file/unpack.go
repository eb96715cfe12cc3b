package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// compression is a way to make a file smaller.
type compression struct {
	name, extension, magic string
	reader                 func(io.Reader) (io.ReadCloser, error)
}

var compressions = []compression{
	{"gzip", ".gz", "\x1f\x8b", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"zstd", ".zst", "\x28\xb5\x2f\xfd", newZstd},
	{"zstd", ".zstd", "\x28\xb5\x2f\xfd", newZstd},
}

// zstdWindow is how far back zstd may look, which is what it holds in memory:
// enough for its level 19, not for --long and --ultra.
const zstdWindow = 32 << 20

func newZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// text is what is in a file once its compression is off.
type text struct {
	*bufio.Reader
	below    *meter // of the Reader
	name     string
	unpacker io.Closer // nil without compression
	file     io.Closer
}

// unpack takes off the compression that the first bytes of a file show, and
// refuses what is no text.
func unpack(ctx context.Context, file storage.Content, name string, format Format) (*text, error) {
	t := &text{name: name, file: file}
	in := t.read(file)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readFailure(name, err)
	}
	for _, packed := range compressions {
		if !bytes.HasPrefix(head, []byte(packed.magic)) {
			continue
		}
		unpacker, err := packed.reader(marking{in})
		if err != nil {
			return nil, packed.failure(name, err)
		}
		t.unpacker = unpacker
		t.read(&unpacked{ctx, unpacker, packed, name})
		break
	}
	if t.unpacker == nil && !file.EndKnown() {
		return nil, storage.UnknownEndError(name)
	}
	if err := checkText(t.Reader, name, format); err != nil {
		_ = t.closeUnpacker()
		return nil, err
	}
	return t, nil
}

// read has the text come from in.
func (t *text) read(in io.Reader) *bufio.Reader {
	t.below = &meter{in: in}
	t.Reader = bufio.NewReaderSize(t.below, readBuffer)
	return t.Reader
}

// offset is how many bytes of the text were taken.
func (t *text) offset() int64 { return t.below.n - int64(t.Buffered()) }

func (t *text) closeUnpacker() error {
	if t.unpacker == nil {
		return nil
	}
	return t.unpacker.Close()
}

// Close closes the file.
func (t *text) Close() error { return errors.Join(t.closeUnpacker(), t.file.Close()) }

// meter counts the bytes of a text, and ends it where a record gets too long.
type meter struct {
	in     io.Reader
	n      int64
	record int64 // where the record begins that is being read, if there is a bound
	most   int64 // bytes of a record that may be read before its end is; 0: no bound
	err    error
}

var errLongRecord = errors.New("the record is too long")

// Read implements [io.Reader]. It is called only when all that was read before
// is in use, so that belongs to the record.
func (m *meter) Read(p []byte) (int, error) {
	switch {
	case m.err != nil: // of which a buffered reader tells just once
		return 0, m.err
	case m.most > 0 && m.n-m.record > m.most:
		m.err = errLongRecord
		return 0, m.err
	}
	n, err := m.in.Read(p)
	m.n += int64(n)
	m.err = err
	return n, err
}

// unpacked says what is wrong with compressed data. A small file may hold
// plenty of it, so it looks at the context itself.
type unpacked struct {
	ctx  context.Context
	in   io.Reader
	as   compression
	name string
}

func (u *unpacked) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.as.failure(u.name, err)
	}
	return n, err
}

func (c compression) failure(name string, err error) error {
	var read *readError
	switch {
	case errors.As(err, &read):
		return readFailure(name, read.error)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return storage.PathErrorf("It was cut off; copy or export it again.", io.ErrUnexpectedEOF, "The file %q ends in the middle of its %s data.", name, c.name)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return storage.PathErrorf("Compress it without --long and --ultra.", err, "Unpacking the file %q takes more than the %d MiB of memory that it may.", name, zstdWindow>>20)
	default:
		return storage.PathErrorf("Copy or export it again.", err, "The %s data of the file %q is damaged.", c.name, name)
	}
}

// marking marks the errors of reading, which an unpacker passes on among its own.
type marking struct{ in io.Reader }

func (m marking) Read(p []byte) (int, error) {
	n, err := m.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

// readError is an error of the file, not of what is in it.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }
