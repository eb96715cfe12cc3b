package file

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// parquetOpener opens Parquet files.
type parquetOpener struct {
	columns          []string
	jsonNulls, nulls nullValues
}

// columnBufferSize is how much of a column is read at once.
const columnBufferSize = 256 << 10

func (*parquetOpener) end() error { return io.EOF }

func (*parquetOpener) notices() []string { return nil }

func (f *parquetOpener) open(ctx context.Context, file storage.Content, at place) (fileRows, error) {
	return f.openColumns(ctx, file, at.name, func(rows *parquetRows, root *parquet.Column) error {
		return rows.selectColumns(root, f.columns, at)
	})
}

// openColumns opens a file whose columns are chosen by whoever calls it.
func (f *parquetOpener) openColumns(ctx context.Context, file storage.Content, name string, choose func(rows *parquetRows, root *parquet.Column) error) (*parquetRows, error) {
	if err := checkParquet(file, name); err != nil {
		return nil, err
	}
	in := &errorRecorder{Content: file}
	rows := &parquetRows{ctx: ctx, file: in, name: name, opener: f}
	err := rows.recoverPanic(func() error {
		opened, view, codecs, err := openParquet(in, name)
		if err != nil {
			return err
		}
		rows.view, rows.groups = view, opened.RowGroups()
		rows.available = parquetNames(opened.Root())
		if err := choose(rows, opened.Root()); err != nil {
			return err
		}
		if err := rows.checkCodecs(codecs); err != nil {
			return err
		}
		return rows.checkDeltas(opened.Metadata())
	})
	if err != nil {
		return nil, rows.failure(err)
	}
	return rows, nil
}

// checkParquet checks both ends of a file: to distinguish another format from
// damage, and to bound the size of the footer, which becomes a buffer.
func checkParquet(file storage.Content, name string) error {
	size := file.Size()
	if size == 0 {
		return storage.PathErrorf("Export it again; a Parquet file without rows still has a schema.", errEmptyFile, "The file %q is empty.", name)
	}
	var head [512]byte
	if _, err := file.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return readFailure(name, err)
	}
	if string(head[:4]) == "PARE" {
		return storage.PathErrorf("Export it without encryption.", nil, "The Parquet file %q is encrypted.", name)
	}
	if string(head[:4]) != "PAR1" {
		for _, c := range compressions {
			if strings.HasPrefix(string(head[:]), c.magic) {
				return storage.PathErrorf("Parquet compresses its columns itself; leave out the compression around it.", nil,
					"The file %q is Parquet inside of %s, which cannot be read.", name, c.name)
			}
		}
		if err := checkMagic(head[:], name, Parquet); err != nil {
			return err
		}
		for _, p := range pages {
			if p.begin.Match(head[:]) {
				return storage.PathErrorf(p.remedy, nil, "The file %q is not Parquet but %s.", name, p.is)
			}
		}
		return storage.PathErrorf("Name a Parquet file, or set format to what it is.", nil, "The file %q is not Parquet.", name)
	}
	var footer [8]byte
	if size < 12 {
		return truncatedError(name)
	}
	if _, err := file.ReadAt(footer[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return readFailure(name, err)
	}
	if string(footer[4:]) != "PAR1" || int64(binary.LittleEndian.Uint32(footer[:4])) > size-12 {
		return truncatedError(name)
	}
	return nil
}

func truncatedError(name string) *segment.Error {
	return storage.PathErrorf("Copy or export it again.", io.ErrUnexpectedEOF, "The Parquet file %q is cut off: its end is missing.", name)
}

// selectColumns finds the mapped columns.
func (r *parquetRows) selectColumns(root *parquet.Column, columns []string, at place) error {
	var missing []string
	for _, name := range columns {
		found := parquetColumn(root, name)
		if found == nil {
			value, ok := at.folders[name]
			if ok {
				r.addConstant(value, false)
			} else {
				missing = append(missing, name)
			}
			continue
		}
		if err := r.addColumn(found, name); err != nil {
			return err
		}
	}
	if missing != nil {
		return &segment.MissingColumnsError{Missing: missing, Available: append(r.available[:len(r.available):len(r.available)], at.names()...)}
	}
	return nil
}

// addColumn makes a column of the file the next one of the rows.
func (r *parquetRows) addColumn(found *parquet.Column, name string) error {
	column, err := newParquetColumn(found)
	if err != nil {
		return storage.PathErrorf("Map another column, or export this one as text.", nil, "The column %q of %q is of %s, a type that cannot be mapped.", name, r.name, err)
	}
	r.columns = append(r.columns, column)
	return nil
}

// addConstant makes a value that is the same in all rows of the file the next column.
func (r *parquetRows) addConstant(value string, isJSON bool) {
	r.columns = append(r.columns, &parquetReader{constant: true, value: value, json: isJSON})
}

// checkCodecs refuses codecs that cannot be read, LZ4 of the old kind among them.
func (r *parquetRows) checkCodecs(codecs [][]format.CompressionCodec) error {
	for _, group := range codecs {
		for _, column := range r.columns {
			for _, leaf := range column.leaves {
				if _, known := parquetCodecs[group[leaf.index]]; !known {
					return storage.PathErrorf("Export it with Snappy, gzip, Brotli, zstd, LZ4_RAW or no compression.", nil, "The Parquet file %q is compressed with %s, which cannot be read.", r.name, group[leaf.index])
				}
			}
		}
	}
	return nil
}

// checkDeltas refuses columns of 32-bit integers whose deltas take more than 32 bits,
// as DuckDB writes them: the library (parquet-go v0.32) returns wrong values. The
// statistics say how far apart the values are.
func (r *parquetRows) checkDeltas(metadata *format.FileMetaData) error {
	for _, group := range metadata.RowGroups {
		for _, column := range r.columns {
			for _, leaf := range column.leaves {
				chunk := &group.Columns[leaf.index].MetaData
				if chunk.Type == format.Int32 && slices.Contains(chunk.Encoding, format.DeltaBinaryPacked) && spread(&chunk.Statistics, leaf.unsigned) > math.MaxInt32 {
					return storage.PathErrorf("Export it as a 64-bit integer or as text, or with version 1 of the format.", nil,
						"A column of the Parquet file %q, %q, has 32-bit integers in the encoding DELTA_BINARY_PACKED that are too far apart to be read.", r.name, strings.Join(chunk.PathInSchema, "."))
				}
			}
		}
	}
	return nil
}

// spread is the difference between the largest and the smallest 32-bit integer; 0 if
// that is not known. Unsigned ones start at 0, since the library reads no others.
func spread(s *format.Statistics, unsigned bool) int64 {
	if len(s.MinValue) != 4 || len(s.MaxValue) != 4 {
		return 0
	}
	low, high := binary.LittleEndian.Uint32(s.MinValue), binary.LittleEndian.Uint32(s.MaxValue)
	if unsigned {
		return int64(high)
	}
	return int64(int32(high)) - int64(int32(low))
}

// parquetColumn finds a column by its name or, with the name split at any of its
// dots, by a path into groups. A column with the whole name takes precedence.
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
func parquetNames(root *parquet.Column) (names []string) {
	seen := map[string]bool{}
	var list func(group *parquet.Column, prefix string)
	list = func(group *parquet.Column, prefix string) {
		for _, column := range group.Columns() {
			if name := prefix + column.Name(); isGroup(column) {
				list(column, name+".")
			} else if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	list(root, "")
	return names
}

// isGroup reports whether a path may lead through a column.
func isGroup(column *parquet.Column) bool {
	return !column.Leaf() && !column.Repeated() && column.Type().LogicalType() == nil
}

// recoverPanic turns a panic of the library on damaged data into an error.
func (*parquetRows) recoverPanic(read func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", parquet.ErrCorrupted, cause)
		}
	}()
	return read()
}

// failure explains an error that ends the segment. It does not repeat the message
// of the library, which may quote values.
func (r *parquetRows) failure(err error) error {
	var explained *segment.Error
	var missing *segment.MissingColumnsError
	switch {
	case errors.As(err, &explained), errors.As(err, &missing), storage.IsContextError(err):
		return err
	case r.view != nil && r.view.refused != nil:
		return r.view.refused
	case r.file.err != nil:
		return readFailure(r.name, r.file.err)
	default:
		return storage.PathErrorf("Copy or export it again.", errDamaged, "The Parquet file %q is damaged: it cannot be read beyond row %d.", r.name, r.read)
	}
}

var errDamaged = errors.New("damaged Parquet data")

// errorRecorder records an error of reading, to distinguish it from damaged data.
type errorRecorder struct {
	storage.Content
	err error
}

func (r *errorRecorder) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.Content.ReadAt(p, offset)
	if err != nil && !errors.Is(err, io.EOF) && offset >= 0 {
		r.err = err
	}
	return n, err
}
