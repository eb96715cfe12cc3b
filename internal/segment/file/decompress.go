package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// compression is a format of compressed files.
type compression struct {
	name, extension, magic string
	reader                 func(io.Reader) (io.ReadCloser, error)
}

var compressions = []compression{
	{"gzip", ".gz", "\x1f\x8b", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"zstd", ".zst", "\x28\xb5\x2f\xfd", newZstd},
	{"zstd", ".zstd", "\x28\xb5\x2f\xfd", newZstd},
}

// maxZstdWindow bounds the memory of the decoder: enough for files that level 19
// writes, not for those of --long and --ultra.
const maxZstdWindow = 32 << 20

func newZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// textReader reads a text file, decompressed where it is compressed.
type textReader struct {
	*bufio.Reader
	name         string
	decompressor io.Closer // nil without compression
	file         io.Closer
}

// openText decompresses a file if its first bytes say that it is compressed,
// refuses a file that is not text, and makes it UTF-8.
func openText(ctx context.Context, file storage.Content, at place, format Format, encoding string) (*textReader, error) {
	name := at.name
	t := &textReader{name: name, file: file}
	in := t.readFrom(file)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readFailure(name, err)
	}
	for _, c := range compressions {
		if len(head) == 0 && strings.HasSuffix(strings.ToLower(at.path), c.extension) { // data of nothing has bytes, too
			return nil, c.failure(name, io.EOF)
		}
		if !bytes.HasPrefix(head, []byte(c.magic)) {
			continue
		}
		decompressor, err := c.reader(errorMarker{in})
		if err != nil {
			return nil, c.failure(name, err)
		}
		t.decompressor = decompressor
		t.readFrom(&decompressedReader{ctx, decompressor, c, name})
		break
	}
	if t.decompressor == nil && !file.EndKnown() {
		return nil, storage.UnknownEndError(name)
	}
	if err := t.checkText(format, encoding); err != nil {
		_ = t.closeDecompressor()
		return nil, err
	}
	return t, nil
}

func (t *textReader) readFrom(in io.Reader) *bufio.Reader {
	t.Reader = bufio.NewReaderSize(in, readBufferSize)
	return t.Reader
}

func (t *textReader) closeDecompressor() error {
	if t.decompressor == nil {
		return nil
	}
	return t.decompressor.Close()
}

// Close closes the file.
func (t *textReader) Close() error { return errors.Join(t.closeDecompressor(), t.file.Close()) }

// decompressedReader explains errors of compressed data. It checks the context,
// since a small file may decompress to a large one.
type decompressedReader struct {
	ctx         context.Context
	in          io.Reader
	compression compression
	name        string
}

func (r *decompressedReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.compression.failure(r.name, err)
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
		return storage.PathErrorf("Compress it without --long and --ultra.", err, "Decompressing the file %q takes more than %d MiB of memory, which is the limit.", name, maxZstdWindow>>20)
	default:
		return storage.PathErrorf("Copy or export it again.", err, "The %s data of the file %q is damaged.", c.name, name)
	}
}

// errorMarker marks errors of reading, to distinguish them from those of the
// decompressor.
type errorMarker struct{ in io.Reader }

func (m errorMarker) Read(p []byte) (int, error) {
	n, err := m.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

// readError is an error of reading, not of the content.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }
