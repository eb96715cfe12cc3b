package file

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// parquetCodecs are the compressions of pages that can be read. Each fills dst with
// what src decompresses to, and takes no memory for more than that.
var parquetCodecs = map[format.CompressionCodec]func(dst, src []byte) error{
	format.Uncompressed: nil, // is not called
	format.Snappy:       decompressSnappy,
	format.Gzip:         decompressGzip,
	format.Brotli:       func(dst, src []byte) error { return readExactly(dst, brotli.NewReader(bytes.NewReader(src))) },
	format.Zstd:         decompressZstd,
	format.Lz4Raw:       decompressLZ4,
}

func decompressSnappy(dst, src []byte) error {
	if n, err := snappy.DecodedLen(src); err != nil || n != len(dst) {
		return parquet.ErrCorrupted
	}
	_, err := snappy.Decode(dst, src)
	return err
}

func decompressGzip(dst, src []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(src))
	if err != nil {
		return err
	}
	return readExactly(dst, r)
}

// pageDecoder decompresses pages of zstd. It is safe for concurrent use.
var pageDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPageSize))
})

func decompressZstd(dst, src []byte) error {
	d, err := pageDecoder()
	if err != nil {
		return err
	}
	out, err := d.DecodeAll(src, dst[:0:len(dst)])
	if err == nil && len(out) != len(dst) {
		err = parquet.ErrCorrupted
	}
	return err
}

func decompressLZ4(dst, src []byte) error {
	n, err := lz4.UncompressBlock(src, dst)
	if err == nil && n != len(dst) {
		err = parquet.ErrCorrupted
	}
	return err
}

// readExactly fills dst with all that there is to read.
func readExactly(dst []byte, r io.Reader) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return errors.Join(parquet.ErrCorrupted, err)
	}
	var more [1]byte
	if n, err := io.ReadFull(r, more[:]); n > 0 || !errors.Is(err, io.EOF) {
		return parquet.ErrCorrupted
	}
	return nil
}
