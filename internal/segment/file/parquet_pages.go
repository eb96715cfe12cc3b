package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// Bounds of a page. Most programs write pages of a megabyte, a few put the column
// of a row group into one.
const (
	maxPageSize   = 256 << 20 // decompressed
	maxPageValues = 64 << 20
)

// errTooManyElements means a footer with more columns and row groups, or with deeper
// ones, than any file of a segment has.
var errTooManyElements = errors.New("the footer has too many elements")

// openParquet opens a file. The codecs are those of its column chunks, by row
// group and column.
//
// The library (parquet-go v0.32) allocates what a page claims to hold or, where that
// is more, what it decompresses to, and returns wrong values of LZ4_RAW. It
// therefore sees the file through [pageView], as if it were not compressed.
func openParquet(in *errorRecorder, name string) (*parquet.File, *pageView, [][]format.CompressionCodec, error) {
	if err := checkFooter(in, name); err != nil {
		return nil, nil, nil, err
	}
	options := []parquet.FileOption{parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(columnBufferSize)}
	opened, err := parquet.OpenFile(in, in.Size(), options...)
	if err != nil {
		return nil, nil, nil, err
	}
	metadata := opened.Metadata()
	codecs := make([][]format.CompressionCodec, len(metadata.RowGroups))
	for i, group := range metadata.RowGroups {
		for _, column := range group.Columns {
			codecs[i] = append(codecs[i], column.MetaData.Codec)
		}
	}
	view := &pageView{file: in, name: name, size: in.Size()}
	if view.replaceChunks(metadata); view.chunks == nil {
		return opened, view, codecs, nil
	}
	if err := view.appendFooter(metadata); err != nil {
		return nil, nil, nil, err
	}
	opened, err = parquet.OpenFile(view, view.end()+int64(len(view.footer)), options...)
	return opened, view, codecs, err
}

// checkFooter bounds the memory that the library takes for a footer.
func checkFooter(in *errorRecorder, name string) error {
	var end [8]byte
	if _, err := in.ReadAt(end[:], in.Size()-8); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(end[:4])) // at most the size of the file, see checkParquet
	if length > maxPageSize {
		return tooManyElements(name)
	}
	footer := make([]byte, length)
	if _, err := in.ReadAt(footer, in.Size()-8-length); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err := skimThrift(footer)
	if errors.Is(err, errTooManyElements) {
		return tooManyElements(name)
	}
	if err != nil {
		return err
	}
	metadata := new(format.FileMetaData)
	if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReaderFromBytes(footer)).Decode(metadata); err != nil {
		return err
	}
	return checkShape(metadata, name)
}

// maxPathBytes bounds the paths of all columns, which are made of the names of the groups
// around them: few bytes of nested groups would take gigabytes.
const (
	maxPathBytes = 64 << 20
	stringBytes  = 16 // of a name, besides its text
)

// openGroup is a group whose elements are not all known yet.
type openGroup struct {
	path int   // bytes that its path takes
	rest int32 // elements to come
}

// checkShape checks what the library takes for granted when it makes room for columns:
// that they are not nested without end, and that each row group has all of them.
func checkShape(metadata *format.FileMetaData, name string) error {
	leaves, paths := 0, 0
	var around []openGroup
	for i := range metadata.Schema {
		element := &metadata.Schema[i]
		path := len(element.Name) + stringBytes
		if len(around) > 0 {
			path += around[len(around)-1].path
		}
		if paths += path; paths > maxPathBytes || len(around) > parquet.MaxColumnDepth {
			return storage.PathErrorf("Export it with columns that are not nested.", errTooManyElements, "The Parquet file %q has columns that are nested too deeply to be read.", name)
		}
		if element.Type.Valid {
			leaves++
		}
		if children := element.NumChildren; children.Valid && children.V > 0 {
			around = append(around, openGroup{path, children.V})
		} else {
			around = closeGroups(around)
		}
	}
	for i := range metadata.RowGroups {
		if len(metadata.RowGroups[i].Columns) != leaves {
			return parquet.ErrCorrupted
		}
	}
	return nil
}

// closeGroups takes an element off the innermost group, and ends the groups whose last
// one it was.
func closeGroups(groups []openGroup) []openGroup {
	for len(groups) > 0 {
		last := len(groups) - 1
		if groups[last].rest--; groups[last].rest > 0 {
			break
		}
		groups = groups[:last]
	}
	return groups
}

func tooManyElements(name string) *segment.Error {
	return storage.PathErrorf("Export it with fewer columns, and with fewer and larger row groups.", errTooManyElements,
		"The Parquet file %q has too many columns and row groups to be read: its footer has more than %d elements.", name, maxThriftElements)
}

// pageView is a Parquet file followed by its column chunks as they are without
// compression, each in a range of virtualSize bytes, and by a footer that refers to
// those.
type pageView struct {
	file    io.ReaderAt
	name    string
	size    int64
	chunks  []*pageChunk
	footer  []byte
	refused *segment.Error // why a page was not read; nil: none was refused
}

// virtualSize is more than a column chunk has.
const virtualSize = 1 << 38

// maxVirtualChunks keeps offsets in an int64.
const maxVirtualChunks = 1 << 24

// replaceChunks lets the metadata refer to the chunks without compression.
func (f *pageView) replaceChunks(metadata *format.FileMetaData) {
	for _, group := range metadata.RowGroups {
		for i := range group.Columns {
			chunk := &group.Columns[i].MetaData
			if _, known := parquetCodecs[chunk.Codec]; !known {
				continue
			}
			start := chunk.DataPageOffset
			if chunk.DictionaryPageOffset != 0 {
				start = chunk.DictionaryPageOffset
			}
			f.chunks = append(f.chunks, &pageChunk{
				view: f, codec: chunk.Codec, column: chunk.PathInSchema, section: io.NewSectionReader(f.file, start, chunk.TotalCompressedSize),
			})
			chunk.Codec = format.Uncompressed
			chunk.DataPageOffset = f.end() - virtualSize
			chunk.DictionaryPageOffset = 0 // the library finds that page before the others
			chunk.TotalCompressedSize = virtualSize
		}
	}
}

// end is where the footer begins.
func (f *pageView) end() int64 { return f.size + int64(len(f.chunks))*virtualSize }

func (f *pageView) appendFooter(metadata *format.FileMetaData) error {
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

func (f *pageView) ReadAt(p []byte, offset int64) (int, error) {
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

// pageChunk is a column chunk as it is without compression. Its pages are
// decompressed one by one as they are read.
type pageChunk struct {
	view    *pageView
	codec   format.CompressionCodec
	column  []string // path of its column
	section *io.SectionReader

	in         *bufio.Reader // nil before the first page, and once err is known
	compressed []byte        // buffer
	page       []byte        // likewise
	ready      []byte        // the part of the page that was not read yet
	offset     int64         // of ready
	err        error         // after ready
}

// readAt reads on, or once more from the start.
func (c *pageChunk) readAt(p []byte, offset int64) (n int, err error) {
	if c.in == nil && c.err == nil || offset < c.offset {
		c.begin()
	}
	for n < len(p) {
		if len(c.ready) == 0 {
			if c.err != nil {
				return n, c.err
			}
			if c.err = c.nextPage(); c.err != nil {
				c.in, c.compressed = nil, nil
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

func (c *pageChunk) begin() {
	c.section = io.NewSectionReader(c.section.Outer())
	c.in = bufio.NewReaderSize(c.section, columnBufferSize)
	c.ready, c.offset, c.err = nil, 0, nil
}

func (c *pageChunk) take(n int) {
	c.ready, c.offset = c.ready[n:], c.offset+int64(n)
	if len(c.ready) == 0 && c.err != nil {
		c.ready, c.page = nil, nil
	}
}

// nextPage decompresses a page, with a header that says that it is not compressed.
// The error is that of what follows the page: io.EOF after the last one.
func (c *pageChunk) nextPage() error {
	header, err := c.readHeader()
	if err != nil {
		return err
	}
	compressed, size, err := c.sizes(header)
	if err != nil {
		return err
	}
	levels, crc := int64(header.DataPageHeaderV2.V.RepetitionLevelsByteLength)+int64(header.DataPageHeaderV2.V.DefinitionLevelsByteLength), header.CRC
	plain := isPlain(c.codec, header)
	header.CompressedPageSize, header.UncompressedPageSize, header.CRC = int32(size), int32(size), 0
	header.DataPageHeaderV2.V.IsCompressed = thrift.New(false)
	text, err := thrift.Marshal(new(thrift.CompactProtocol), header)
	if err != nil {
		return err
	}
	c.page = append(slices.Grow(c.page[:0], len(text)+size), text...)[:len(text)+size]
	data := c.page[len(text):]
	if plain {
		err = c.readData(data, crc)
	} else {
		c.compressed = slices.Grow(c.compressed[:0], compressed)[:compressed]
		if err = c.readData(c.compressed, crc); err == nil {
			err = decompressPage(c.codec, data, c.compressed, levels)
		}
	}
	if err != nil {
		return errors.Join(parquet.ErrCorrupted, err)
	}
	c.ready = c.page
	_, err = c.in.Peek(1)
	return err
}

// isPlain reports whether the data of a page is not compressed.
func isPlain(codec format.CompressionCodec, header *format.PageHeader) bool {
	v2 := header.DataPageHeaderV2
	return codec == format.Uncompressed || v2.Valid && v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V
}

// readHeader reads the header of a page.
func (c *pageChunk) readHeader() (*format.PageHeader, error) {
	text, err := c.headerText()
	if err != nil {
		return nil, errors.Join(parquet.ErrCorrupted, err)
	}
	header := new(format.PageHeader)
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), text, header); err != nil {
		return nil, errors.Join(parquet.ErrCorrupted, err)
	}
	_, err = c.in.Discard(len(text))
	return header, err
}

// maxPageHeader is enough for statistics, which hold four values, of the longest
// values.
const maxPageHeader = 4*maxRecord + 1<<10

// headerText is the header of a page as it is in the file.
func (c *pageChunk) headerText() ([]byte, error) {
	const usual = 1 << 10
	text, err := c.in.Peek(usual)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	length, err := skimThrift(text)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(text) < usual {
		return text[:length], err
	}
	at, err := c.section.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	at -= int64(c.in.Buffered())
	for size := int64(columnBufferSize); ; size *= 4 {
		size = min(size, maxPageHeader, c.section.Size()-at)
		text = make([]byte, size)
		if _, err := c.section.ReadAt(text, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		length, err := skimThrift(text)
		if !errors.Is(err, io.ErrUnexpectedEOF) || size == min(maxPageHeader, c.section.Size()-at) {
			return text[:length], err
		}
	}
}

// sizes returns the sizes of the data of a page, which must be no larger than what
// can be read.
func (c *pageChunk) sizes(header *format.PageHeader) (compressed, size int, err error) {
	compressed, size = int(header.CompressedPageSize), int(header.UncompressedPageSize)
	if isPlain(c.codec, header) {
		size = compressed
	}
	values := max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues, header.DictionaryPageHeader.V.NumValues)
	switch {
	case compressed < 0 || size < 0 || int64(compressed) > c.section.Size():
		return 0, 0, parquet.ErrCorrupted
	case size > maxPageSize:
		return 0, 0, c.refuse("has %d MiB, and at most %d MiB can be read", size>>20, maxPageSize>>20)
	case values > maxPageValues:
		return 0, 0, c.refuse("has %d values, and at most %d can be read", values, maxPageValues)
	default:
		return compressed, size, nil
	}
}

// refuse records why a page is not read.
func (c *pageChunk) refuse(problem string, args ...any) error {
	args = append([]any{strings.Join(c.column, "."), c.view.name}, args...)
	c.view.refused = storage.PathErrorf("Export the file again, with pages of about 1 MiB.", nil, "A page of the column %q of the Parquet file %q "+problem+".", args...)
	return c.view.refused
}

// readData reads the data of a page as it is in the file.
func (c *pageChunk) readData(data []byte, crc int32) error {
	if _, err := io.ReadFull(c.in, data); err != nil {
		return err
	}
	if crc != 0 && uint32(crc) != crc32.ChecksumIEEE(data) {
		return parquet.ErrCorrupted
	}
	return nil
}

// decompressPage fills a page, of which the levels are not compressed if it is of
// the second version.
func decompressPage(codec format.CompressionCodec, dst, src []byte, levels int64) error {
	if levels < 0 || levels > int64(min(len(dst), len(src))) {
		return parquet.ErrCorrupted
	}
	copy(dst, src[:levels])
	if dst, src = dst[levels:], src[levels:]; len(dst) == 0 {
		return nil
	}
	return parquetCodecs[codec](dst, src)
}
