package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// A Delta table is a folder of Parquet files and a log. The log says which of the files
// a version of the table is made of; files of other versions are beside them.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md

// openDelta opens the newest version of the table at the path.
func (f Source) openDelta(ctx context.Context, columns []string) (segment.Rows, error) {
	folder, err := f.deltaFolder(ctx)
	if err != nil {
		return nil, err
	}
	table, err := loadDelta(ctx, folder)
	if err != nil {
		return nil, err
	}
	selected, err := table.selectColumns(columns)
	if err != nil {
		return nil, err
	}
	plain := parquetOpener{columns, jsonNullValues(f.NullValues), newNullValues(f.NullValues, Parquet)}
	rows := &concatRows{ctx: ctx, objects: table.objects(), opener: &deltaOpener{plain, table, selected}}
	if len(rows.objects) == 0 {
		rows.json = jsonOf(selected)
		rows.current = noRows{rows.json}
		return rows, nil
	}
	if err := rows.openNext(); err != nil {
		return nil, err
	}
	return rows, nil
}

// deltaVersion identifies the newest version of the table: by its number, and by the
// commit of it, since another table may be made in the same folder. Rewriting files
// without changing rows, as OPTIMIZE does, makes a new version, too: it may change the
// order of the rows, which decides between two with the same address.
func (f Source) deltaVersion(ctx context.Context) (string, error) {
	folder, err := f.deltaFolder(ctx)
	if err != nil {
		return "", err
	}
	log, err := findDeltaLog(ctx, folder)
	if err != nil {
		return "", err
	}
	commit := log.newest.Version()
	if commit == "" {
		return "", nil
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", folder.Name(), log.version, commit))
	return hex.EncodeToString(sum[:]), nil
}

// deltaFolder returns the folder of the table.
func (f Source) deltaFolder(ctx context.Context) (storage.Folder, error) {
	store, ok := f.store().(storage.FolderStore)
	if !ok {
		return nil, storage.PathErrorf("Name the folder where it can be listed: on a disk, or as s3://, gs:// or azblob://.", nil,
			"A Delta table cannot be read from a web server, which has no list of the files of its log.")
	}
	folder, err := store.Folder(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	return folder, f.checkArguments(Delta, folder.Name())
}

// objects are the files of the table.
func (t *deltaTable) objects() []storage.Object {
	objects := make([]storage.Object, len(t.files))
	for i := range t.files {
		objects[i] = deltaFile{t, &t.files[i]}
	}
	return objects
}

// deltaFile is a file of the table, which is looked for only when it is opened: a table
// may have many.
type deltaFile struct {
	table *deltaTable
	add   *deltaAdd
}

func (f deltaFile) Name() string {
	return strings.TrimRight(f.table.folder.Name(), "/") + "/" + f.add.name()
}

func (f deltaFile) Path() string { return f.add.Path }

func (deltaFile) Version() string { return "" }

// Open implements [storage.Object].
func (f deltaFile) Open(ctx context.Context) (storage.Content, error) {
	object, err := f.table.folder.File(ctx, f.add.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.table.errorf("If VACUUM deleted it while it was read, run Terraform again. Else restore the file, or repair the table: FSCK REPAIR TABLE drops missing files from it.", err,
			"lists the file %q in version %d, but there is no such file", f.add.name(), f.table.version)
	}
	if err != nil {
		return nil, err
	}
	content, err := object.Open(ctx)
	if err != nil {
		return nil, err
	}
	if content.Size() != *f.add.Size {
		_ = content.Close() // nothing was read
		return nil, f.table.errorf("Files of a table are never changed once they are written: restore it.", errDamaged,
			"lists the file %q with %d bytes, but it has %d", f.add.name(), *f.add.Size, content.Size())
	}
	return content, nil
}

// place implements [placed]: the log has the values of partition columns, and what the
// names of folders look like does not matter.
func (f deltaFile) place() place {
	p := place{name: f.Name(), path: f.Path(), folders: map[string]string{}}
	for name, value := range f.add.PartitionValues {
		if value != nil {
			p.folders[name] = *value
		}
	}
	return p
}

// deltaOpener opens the files of a table.
type deltaOpener struct {
	parquetOpener

	table   *deltaTable
	columns []deltaColumn
}

func (f *deltaOpener) open(ctx context.Context, file storage.Content, at place) (fileRows, error) {
	rows, err := f.openColumns(ctx, file, at.name, func(rows *parquetRows, root *parquet.Column) error {
		rows.available = f.table.names // which a file may lack
		for _, c := range f.columns {
			if err := c.addTo(rows, root, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// addTo adds the column to the rows of a file. A column that was added to the table
// after the file was written is NULL in all of its rows.
func (c deltaColumn) addTo(rows *parquetRows, root *parquet.Column, at place) error {
	if c.isPartition {
		value, err := partitionValue(c.kind, at.folders[c.path[0]])
		if err != nil {
			return storage.PathErrorf("Repair the log of the table, or map another column.", errDamaged, "The value of the partition column %q of the file %q is no %s in the log of the table.", c.name, at.name, c.kind)
		}
		rows.addConstant(value, c.isJSON)
		return nil
	}
	found, err := fileColumn(root, c.path)
	switch {
	case err != nil:
		return storage.PathErrorf("Rewrite the file with the columns that the table has.", errDamaged, "The column %q of the table cannot be found in the file %q, which %s.", c.name, at.name, err)
	case found == nil || c.kind == kindVoid:
		rows.addConstant("", c.isJSON)
		return nil
	}
	if err := rows.addColumn(found, c.name); err != nil {
		return err
	}
	if rows.columns[len(rows.columns)-1].json != c.isJSON {
		return storage.PathErrorf("Rewrite the file with the type that the table has.", errDamaged, "The column %q of the file %q has another type than in the table, where it is %s.", c.name, at.name, c.kind)
	}
	return nil
}

// noRows are those of a table without files.
type noRows struct{ json []bool }

func (noRows) position() int64                     { return 0 }
func (noRows) names() []string                     { return nil }
func (r noRows) JSON() []bool                      { return r.json }
func (noRows) Next(dst []string) ([]string, error) { return dst, io.EOF }
func (noRows) Close() error                        { return nil }
