package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// deltaTable is one version of a table.
type deltaTable struct {
	folder  storage.Folder
	version int64

	protocol *deltaProtocol
	metadata *deltaMetadata
	schema   deltaType
	names    []string   // all columns
	files    []deltaAdd // ordered by their paths

	live     map[deltaKey]deltaAdd // while the log is read
	sidecars []string              // of a checkpoint, not read yet
	bytes    int64                 // of the log so far
	actions  int                   // likewise
}

// Bounds of a log, since all files of a table are kept in memory.
const (
	maxDeltaFiles   = 100_000
	maxDeltaActions = 5_000_000
	maxDeltaBytes   = 1 << 30
)

// deltaKey identifies a file of a table. The same file may be added again with other
// rows deleted.
type deltaKey struct{ path, deleted string }

// The actions of the log, as far as they matter to a reader.
type (
	deltaAction struct {
		Add      *deltaAdd      `json:"add"`
		Remove   *deltaAdd      `json:"remove"`
		Protocol *deltaProtocol `json:"protocol"`
		MetaData *deltaMetadata `json:"metaData"`
		Sidecar  *deltaSidecar  `json:"sidecar"`
	}
	deltaSidecar struct {
		Path string `json:"path"`
	}
	deltaAdd struct {
		Path            string             `json:"path"`
		PartitionValues map[string]*string `json:"partitionValues"`
		Size            *int64             `json:"size"`
		DeletionVector  *deltaDeletions    `json:"deletionVector"`
	}
	deltaDeletions struct {
		StorageType string `json:"storageType"`
		PathOrData  string `json:"pathOrInlineDv"`
		Offset      *int64 `json:"offset"`
	}
	deltaProtocol struct {
		MinReaderVersion int      `json:"minReaderVersion"`
		ReaderFeatures   []string `json:"readerFeatures"`
	}
	deltaMetadata struct {
		Format struct {
			Provider string `json:"provider"`
		} `json:"format"`
		SchemaString     string            `json:"schemaString"`
		PartitionColumns []string          `json:"partitionColumns"`
		Configuration    map[string]string `json:"configuration"`
	}
)

// loadDelta reads the log of the newest version. What is read belongs to that version,
// whatever is committed meanwhile. The oldest files of a log may be cleaned up after
// they were listed; then there is a newer checkpoint.
func loadDelta(ctx context.Context, folder storage.Folder) (*deltaTable, error) {
	const attempts = 2
	for attempt := 1; ; attempt++ {
		log, err := findDeltaLog(ctx, folder)
		if err != nil {
			return nil, err
		}
		table := &deltaTable{folder: folder, version: log.version, live: map[deltaKey]deltaAdd{}}
		err = table.read(ctx, log)
		if attempt < attempts && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = table.finish()
		}
		if err != nil {
			return nil, err
		}
		return table, nil
	}
}

// errorf is an error about the table. The problem follows its name.
func (t *deltaTable) errorf(remedy string, cause error, format string, args ...any) *segment.Error {
	return deltaErrorf(t.folder.Name(), remedy, cause, format, args...)
}

func deltaErrorf(table, remedy string, cause error, format string, args ...any) *segment.Error {
	return storage.PathErrorf(remedy, cause, "The Delta table %q %s.", table, fmt.Sprintf(format, args...))
}

// damaged explains that a file of the log cannot be understood.
func (t *deltaTable) damaged(o storage.Object, format string, args ...any) error {
	return t.errorf("Restore the file, or write a checkpoint and let the log be cleaned up.", errDamaged, "has a damaged log: in %q %s", o.Name(), fmt.Sprintf(format, args...))
}

func (t *deltaTable) read(ctx context.Context, log *deltaLog) error {
	for _, o := range log.checkpoint {
		if err := t.readLogFile(ctx, o); err != nil {
			return err
		}
	}
	for _, name := range t.sidecars { // a sidecar has none
		o, err := t.folder.File(ctx, deltaLogFolder+"/_sidecars/"+name)
		if err != nil {
			return err
		}
		if err := t.readCheckpoint(ctx, o); err != nil {
			return err
		}
	}
	for _, o := range log.commits {
		if err := t.readLogFile(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (t *deltaTable) readLogFile(ctx context.Context, o storage.Object) error {
	if strings.HasSuffix(o.Path(), ".parquet") {
		return t.readCheckpoint(ctx, o)
	}
	content, err := t.openLogFile(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read from
	in := newLines(content)
	for {
		end, next, err := in.line(0)
		switch {
		case errors.Is(err, io.EOF):
			if in.number == 1 {
				return t.damaged(o, "there is nothing")
			}
			return nil
		case errors.Is(err, errLongRecord):
			return t.damaged(o, "line %d is longer than %d MiB", in.number, maxRecord>>20)
		case err != nil:
			return readFailure(o.Name(), err)
		}
		if line := bytes.TrimSpace(in.bytes(0, end)); len(line) > 0 {
			var action deltaAction
			if err := json.Unmarshal(line, &action); err != nil { // the error may quote values
				return t.damaged(o, "line %d is no action", in.number)
			}
			if err := t.apply(action); err != nil {
				return t.explain(o, fmt.Sprintf("line %d", in.number), err)
			}
		}
		in.skip(next, 1)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// openLogFile opens a file of the log, if the log is not too large.
func (t *deltaTable) openLogFile(ctx context.Context, o storage.Object) (storage.Content, error) {
	content, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	if t.bytes += content.Size(); t.bytes > maxDeltaBytes {
		_ = content.Close() // nothing was read
		return nil, t.errorf("Compact the table with OPTIMIZE, and write a checkpoint.", nil, "has a log of more than %d MiB", maxDeltaBytes>>20)
	}
	return content, nil
}

// explain names the place of an action that cannot be applied.
func (t *deltaTable) explain(o storage.Object, where string, err error) error {
	var known *segment.Error
	if errors.As(err, &known) || storage.IsContextError(err) {
		return err
	}
	return t.damaged(o, "%s %s", where, err)
}

// apply changes the table by an action.
func (t *deltaTable) apply(a deltaAction) error {
	if t.actions++; t.actions > maxDeltaActions {
		return t.errorf("Compact the table with OPTIMIZE, write a checkpoint, and let VACUUM forget the files that were removed.", nil, "has more than %d actions in its log", maxDeltaActions)
	}
	if a.Protocol != nil {
		t.protocol = a.Protocol
	}
	if a.MetaData != nil {
		t.metadata = a.MetaData
	}
	if a.Sidecar != nil {
		if !storage.IsBelow(a.Sidecar.Path) || strings.Contains(a.Sidecar.Path, "/") {
			return errors.New("names a sidecar that is not in the folder _sidecars")
		}
		t.sidecars = append(t.sidecars, a.Sidecar.Path)
	}
	if a.Remove != nil {
		key, err := a.Remove.key()
		if err != nil {
			return err
		}
		delete(t.live, key)
	}
	if a.Add == nil {
		return nil
	}
	key, err := a.Add.key()
	if err != nil {
		return err
	}
	if a.Add.Size == nil || *a.Add.Size <= 0 {
		return errors.New("adds a file without a size")
	}
	a.Add.Path = key.path
	if t.live[key] = *a.Add; len(t.live) > maxDeltaFiles {
		return t.errorf("Compact the table with OPTIMIZE.", nil, "has more than %d files", maxDeltaFiles)
	}
	return nil
}

// name is the path of a file for messages: without the folders, if their names hold the
// addresses that a table is partitioned by.
func (a *deltaAdd) name() string {
	if !strings.Contains(a.Path, "@") {
		return a.Path
	}
	if name := path.Base(a.Path); !strings.Contains(name, "@") {
		return "…/" + name
	}
	return "…"
}

// key returns the path of a file, which is a URI, as that of a file in the folder of
// the table. A removed file need not be there, so all that matters is that it is the same.
func (a *deltaAdd) key() (deltaKey, error) {
	plain, err := url.PathUnescape(a.Path)
	if err != nil || plain == "" {
		return deltaKey{}, errors.New("names a file with a path that is not valid")
	}
	key := deltaKey{path: plain}
	if d := a.DeletionVector; d != nil {
		key.deleted = d.StorageType + d.PathOrData
		if d.Offset != nil {
			key.deleted += fmt.Sprint("@", *d.Offset)
		}
	}
	return key, nil
}

// finish checks what was read.
func (t *deltaTable) finish() error {
	if t.protocol == nil || t.metadata == nil {
		return t.errorf("Restore the folder _delta_log.", errDamaged, "has a damaged log: neither a commit nor a checkpoint says what the table is")
	}
	if err := t.checkProtocol(); err != nil {
		return err
	}
	if err := t.readSchema(); err != nil {
		return err
	}
	for key, add := range t.live {
		if key.deleted != "" {
			return t.errorf("Rewrite the files without deletion vectors: REORG TABLE ... APPLY (PURGE), and set delta.enableDeletionVectors = false on the table so that it has none again. Then plan again.", nil,
				"has deletion vectors, which cannot be read: rows of %q were deleted without rewriting the file", add.name())
		}
		if !storage.IsBelow(add.Path) {
			return t.errorf("A shallow clone is such a table: name the table that it was cloned from, or make a deep clone.", nil, "lists a file that is not in its folder")
		}
		for _, name := range t.metadata.PartitionColumns {
			if value, ok := add.PartitionValues[name]; !ok || value != nil && len(*value) > maxPartitionValue {
				return t.errorf("Restore the folder _delta_log.", errDamaged, "has a damaged log: the file %q has no value of the partition column %q, or one that is too long", add.name(), name)
			}
		}
		t.files = append(t.files, add)
	}
	t.live = nil
	slices.SortFunc(t.files, func(a, b deltaAdd) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// maxPartitionValue is more than a store lets the name of a folder have.
const maxPartitionValue = 4 << 10

// deltaFeatures are the table features that concern readers and that are understood,
// or that show in the metadata or in the actions once a table makes use of them.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md#valid-feature-names-in-table-features
var deltaFeatures = []string{"columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}

// checkProtocol refuses tables that whoever does not know all about them would read
// wrongly.
func (t *deltaTable) checkProtocol() error {
	const (
		tableFeatures = 3
		remedy        = "Only an engine that knows it may read the table: let it write the segment as Parquet, or as a table without this feature."
	)
	p, m := t.protocol, t.metadata
	if p.MinReaderVersion < 1 || p.MinReaderVersion > tableFeatures || p.MinReaderVersion == tableFeatures && p.ReaderFeatures == nil {
		return t.errorf(remedy, nil, "has the reader version %d of the protocol, which is not known; known are 1 to %d", p.MinReaderVersion, tableFeatures)
	}
	for _, feature := range p.ReaderFeatures {
		if !slices.Contains(deltaFeatures, feature) {
			return t.errorf(remedy, nil, "needs the reader feature %q, which is not supported", feature)
		}
	}
	if mode := m.Configuration["delta.columnMapping.mode"]; mode != "" && mode != "none" {
		return t.errorf("Write the segment as a table without it: CREATE TABLE ... AS SELECT with delta.columnMapping.mode = 'none', whose names of columns have no spaces.", nil,
			"has column mapping (mode %q), which is not supported", mode)
	}
	if m.Format.Provider != "" && m.Format.Provider != "parquet" {
		return t.errorf("", nil, "has files of the format %q, not Parquet", m.Format.Provider)
	}
	return nil
}
