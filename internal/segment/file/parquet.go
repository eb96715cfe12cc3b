package file

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// parquetFiles opens Parquet files.
type parquetFiles struct{ columns []string }

// columnBuffer is what is read of a column at once.
const columnBuffer = 256 << 10

func (*parquetFiles) end() error { return io.EOF }

func (f *parquetFiles) open(ctx context.Context, file storage.Content, name string) (part, error) {
	if err := checkParquet(file, name); err != nil {
		return nil, err
	}
	in := &watched{Content: file}
	rows := &parquetRows{ctx: ctx, file: in, name: name}
	err := rows.guard(func() error {
		opened, err := parquet.OpenFile(in, file.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(columnBuffer))
		if err != nil {
			return err
		}
		rows.groups = opened.RowGroups()
		rows.available = parquetNames(opened.Root(), "", nil)
		if err := rows.choose(opened.Root(), f.columns); err != nil {
			return err
		}
		return rows.checkCodecs(opened.Metadata())
	})
	if err != nil {
		return nil, rows.failure(err)
	}
	return rows, nil
}

// checkParquet looks at both ends of a file, so that what is no Parquet is
// told from what is damaged, and a wrong size does not become a buffer.
func checkParquet(file storage.Content, name string) error {
	size := file.Size()
	var head [4]byte
	if _, err := file.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return readFailure(name, err)
	}
	if string(head[:]) == "PARE" {
		return storage.PathErrorf("Export it without encryption.", nil, "The Parquet file %q is encrypted.", name)
	}
	if string(head[:]) != "PAR1" {
		for _, packed := range compressions {
			if strings.HasPrefix(string(head[:]), packed.magic) {
				return storage.PathErrorf("Parquet compresses its columns itself; leave out the compression around it.", nil,
					"The file %q is Parquet inside of %s, which cannot be read.", name, packed.name)
			}
		}
		return storage.PathErrorf("Name a Parquet file, or set format to what it is.", nil, "The file %q is not Parquet.", name)
	}
	var foot [8]byte
	if size < 12 {
		return cutOff(name)
	}
	if _, err := file.ReadAt(foot[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return readFailure(name, err)
	}
	if string(foot[4:]) != "PAR1" || int64(binary.LittleEndian.Uint32(foot[:4])) > size-12 {
		return cutOff(name)
	}
	return nil
}

func cutOff(name string) *segment.Error {
	return storage.PathErrorf("Copy or export it again.", io.ErrUnexpectedEOF, "The Parquet file %q is cut off: it does not end as one.", name)
}

// choose finds the columns that are wanted.
func (r *parquetRows) choose(root *parquet.Column, columns []string) error {
	var missing []string
	for _, name := range columns {
		found := parquetColumn(root, name)
		if found == nil {
			missing = append(missing, name)
			continue
		}
		column, err := newParquetColumn(found)
		if err != nil {
			return storage.PathErrorf("Map another column, or export this one as text.", nil, "The column %q of %q is of %s, a type that cannot be mapped.", name, r.name, err)
		}
		r.columns = append(r.columns, column)
	}
	if missing != nil {
		return &segment.MissingColumnsError{Missing: missing, Available: r.available}
	}
	return nil
}

// checkCodecs refuses LZ4, which the library does not read reliably, and what
// it does not know.
func (r *parquetRows) checkCodecs(metadata *format.FileMetaData) error {
	for _, group := range metadata.RowGroups {
		for _, column := range r.columns {
			for _, leaf := range column.leaves {
				switch codec := group.Columns[leaf.index].MetaData.Codec; codec {
				case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd:
				default:
					return storage.PathErrorf("Export it with Snappy, gzip, Brotli, zstd or no compression.", nil, "The Parquet file %q is compressed with %s, which cannot be read.", r.name, codec)
				}
			}
		}
	}
	return nil
}

// parquetColumn finds a column by its name, or by a path into groups wherever
// the name has dots. A column that has the very name wins.
func parquetColumn(group *parquet.Column, name string) *parquet.Column {
	if column := group.Column(name); column != nil {
		return column
	}
	for i := range name {
		if name[i] != '.' {
			continue
		}
		if outer := group.Column(name[:i]); outer != nil && isGroup(outer) {
			if column := parquetColumn(outer, name[i+1:]); column != nil {
				return column
			}
		}
	}
	return nil
}

// parquetNames lists the columns, those in groups by their paths.
func parquetNames(group *parquet.Column, prefix string, names []string) []string {
	for _, column := range group.Columns() {
		if isGroup(column) {
			names = parquetNames(column, prefix+column.Name()+".", names)
		} else if name := prefix + column.Name(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isGroup tells whether a path may lead through a column.
func isGroup(column *parquet.Column) bool {
	return !column.Leaf() && !column.Repeated() && column.Type().LogicalType() == nil
}

// guard turns a panic of the library over damaged data into an error.
func (*parquetRows) guard(read func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", parquet.ErrCorrupted, cause)
		}
	}()
	return read()
}

// failure explains an error after which no further row can be trusted. The
// library's own words may quote what is in the file, so they are not repeated.
func (r *parquetRows) failure(err error) error {
	var explained *segment.Error
	var missing *segment.MissingColumnsError
	switch {
	case errors.As(err, &explained), errors.As(err, &missing), storage.IsContextError(err):
		return err
	case r.file.failed() != nil:
		return readFailure(r.name, r.file.failed())
	default:
		return storage.PathErrorf("Copy or export it again.", errDamaged, "The Parquet file %q is damaged: it cannot be read beyond row %d.", r.name, r.read)
	}
}

var errDamaged = errors.New("damaged Parquet data")

// watched remembers an error of reading, to tell it from damaged data.
type watched struct {
	storage.Content
	err error
}

func (w *watched) failed() error { return w.err }

func (w *watched) ReadAt(p []byte, offset int64) (int, error) {
	n, err := w.Content.ReadAt(p, offset)
	if err != nil && !errors.Is(err, io.EOF) && offset >= 0 {
		w.err = err
	}
	return n, err
}
