package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// openParquet opens a file. The codecs are those of its column chunks, by row
// group and column.
//
// Of pages compressed with LZ4_RAW the library (parquet-go v0.32) returns wrong
// values: it drops the decompressed page if the codec had to allocate it. It
// therefore sees the file through [lz4File], as if they were not compressed.
func openParquet(in *errorRecorder) (*parquet.File, [][]format.CompressionCodec, error) {
	options := []parquet.FileOption{parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(columnBufferSize)}
	opened, err := parquet.OpenFile(in, in.Size(), options...)
	if err != nil {
		return nil, nil, err
	}
	metadata := opened.Metadata()
	codecs := make([][]format.CompressionCodec, len(metadata.RowGroups))
	for i, group := range metadata.RowGroups {
		for _, column := range group.Columns {
			codecs[i] = append(codecs[i], column.MetaData.Codec)
		}
	}
	view := &lz4File{file: in, size: in.Size()}
	if view.replaceChunks(metadata); view.chunks == nil {
		return opened, codecs, nil
	}
	if err := view.appendFooter(metadata); err != nil {
		return nil, nil, err
	}
	opened, err = parquet.OpenFile(view, view.end()+int64(len(view.footer)), options...)
	return opened, codecs, err
}

// lz4File is a Parquet file followed by its column chunks of LZ4_RAW as they are
// without compression, each in a range of virtualSize bytes, and by a footer that
// refers to those.
type lz4File struct {
	file   io.ReaderAt
	size   int64
	chunks []*lz4Chunk
	footer []byte
}

// virtualSize is more than a column chunk has.
const virtualSize = 1 << 38

// maxVirtualChunks keeps offsets in an int64.
const maxVirtualChunks = 1 << 24

// replaceChunks lets the metadata refer to the chunks without compression.
func (f *lz4File) replaceChunks(metadata *format.FileMetaData) {
	for _, group := range metadata.RowGroups {
		for i := range group.Columns {
			chunk := &group.Columns[i].MetaData
			if chunk.Codec != format.Lz4Raw {
				continue
			}
			start := chunk.DataPageOffset
			if chunk.DictionaryPageOffset != 0 {
				start = chunk.DictionaryPageOffset
			}
			f.chunks = append(f.chunks, &lz4Chunk{section: io.NewSectionReader(f.file, start, chunk.TotalCompressedSize)})
			chunk.Codec = format.Uncompressed
			chunk.DataPageOffset = f.end() - virtualSize
			chunk.DictionaryPageOffset = 0 // the library finds that page before the others
			chunk.TotalCompressedSize = virtualSize
		}
	}
}

// end is where the footer begins.
func (f *lz4File) end() int64 { return f.size + int64(len(f.chunks))*virtualSize }

func (f *lz4File) appendFooter(metadata *format.FileMetaData) error {
	if len(f.chunks) > maxVirtualChunks {
		return parquet.ErrCorrupted
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), metadata)
	if err != nil {
		return err
	}
	f.footer = append(binary.LittleEndian.AppendUint32(footer, uint32(len(footer))), "PAR1"...)
	return nil
}

func (f *lz4File) ReadAt(p []byte, offset int64) (int, error) {
	switch {
	case offset < f.size:
		return f.file.ReadAt(p, offset)
	case offset < f.end():
		chunk, at := (offset-f.size)/virtualSize, (offset-f.size)%virtualSize
		return f.chunks[chunk].readAt(p, at)
	default:
		n := copy(p, f.footer[min(offset-f.end(), int64(len(f.footer))):])
		if n < len(p) {
			return n, io.EOF
		}
		return n, nil
	}
}

// lz4Chunk is a column chunk of LZ4_RAW as it is without compression. Its pages are
// decompressed one by one as they are read.
type lz4Chunk struct {
	section *io.SectionReader
	in      *bufio.Reader // nil once err is known
	headers *thrift.Decoder
	ready   []byte // what was decompressed and not read yet
	offset  int64  // of ready
	err     error  // after ready
}

// readAt reads on, or once more from the start.
func (c *lz4Chunk) readAt(p []byte, offset int64) (n int, err error) {
	if c.headers == nil || offset < c.offset {
		c.begin()
	}
	for n < len(p) {
		if len(c.ready) == 0 {
			if c.err != nil {
				return n, c.err
			}
			if c.err = c.nextPage(); c.err != nil {
				c.in = nil
			}
			continue
		}
		if skip := min(offset-c.offset, int64(len(c.ready))); skip > 0 {
			c.take(int(skip))
			continue
		}
		m := copy(p[n:], c.ready)
		c.take(m)
		n, offset = n+m, offset+int64(m)
	}
	return n, nil
}

func (c *lz4Chunk) begin() {
	*c = lz4Chunk{section: io.NewSectionReader(c.section.Outer())}
	c.in = bufio.NewReaderSize(c.section, columnBufferSize)
	c.headers = thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(c.in))
}

func (c *lz4Chunk) take(n int) {
	c.ready, c.offset = c.ready[n:], c.offset+int64(n)
	if len(c.ready) == 0 {
		c.ready = nil // frees the page
	}
}

// nextPage decompresses a page, with a header that says that it is not compressed.
// The error is that of what follows the page: io.EOF after the last one.
func (c *lz4Chunk) nextPage() error {
	header := new(format.PageHeader)
	if err := c.headers.Decode(header); err != nil {
		return errors.Join(parquet.ErrCorrupted, err)
	}
	data, err := c.readPage(header)
	if err != nil {
		return err
	}
	header.CompressedPageSize, header.CRC = header.UncompressedPageSize, 0
	header.DataPageHeaderV2.V.IsCompressed = thrift.New(false)
	text, err := thrift.Marshal(new(thrift.CompactProtocol), header)
	if err != nil {
		return err
	}
	c.ready = slices.Concat(text, data)
	_, err = c.in.Peek(1)
	return err
}

// readPage reads and decompresses the data of a page. The levels of a page of the
// second version are not compressed.
func (c *lz4Chunk) readPage(header *format.PageHeader) ([]byte, error) {
	size := int64(header.CompressedPageSize)
	if size < 0 || size > c.section.Size() {
		return nil, parquet.ErrCorrupted
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(c.in, data); err != nil {
		return nil, errors.Join(parquet.ErrCorrupted, err)
	}
	if header.CRC != 0 && uint32(header.CRC) != crc32.ChecksumIEEE(data) {
		return nil, parquet.ErrCorrupted
	}
	if v2 := header.DataPageHeaderV2; v2.Valid {
		if v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
			return data, nil
		}
		return decompressLZ4(data, int64(v2.V.RepetitionLevelsByteLength)+int64(v2.V.DefinitionLevelsByteLength), int64(header.UncompressedPageSize))
	}
	return decompressLZ4(data, 0, int64(header.UncompressedPageSize))
}

// maxLZ4Ratio is how many bytes a byte of LZ4 stands for at most.
const maxLZ4Ratio = 255

// decompressLZ4 returns data of a known size, of which the first bytes are not
// compressed.
func decompressLZ4(data []byte, plain, size int64) ([]byte, error) {
	compressed := int64(len(data)) - plain
	if plain < 0 || compressed < 0 || size < plain || size-plain > maxLZ4Ratio*compressed {
		return nil, parquet.ErrCorrupted
	}
	out := make([]byte, size)
	copy(out, data[:plain])
	if size == plain {
		return out, nil
	}
	n, err := lz4.UncompressBlock(data[plain:], out[plain:])
	if err != nil || plain+int64(n) != size {
		return nil, parquet.ErrCorrupted
	}
	return out, nil
}
