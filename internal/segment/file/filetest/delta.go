package filetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// Delta makes a Delta table as the protocol describes it, file by file.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md
type Delta struct {
	Files map[string]string // by their names relative to the folder of the table

	version int // of the next commit
	schema  string
	adds    map[string]map[string]any // files of the table, for checkpoints
}

// DeltaSchema is the schema of a table: names and types of columns by turns. A type that
// begins with a brace is JSON.
func DeltaSchema(columns ...string) string {
	type field struct {
		Name     string          `json:"name"`
		Type     json.RawMessage `json:"type"`
		Nullable bool            `json:"nullable"`
		Metadata struct{}        `json:"metadata"`
	}
	var fields []field
	for i := 0; i < len(columns); i += 2 {
		kind := columns[i+1]
		if !strings.HasPrefix(kind, "{") {
			kind = fmt.Sprintf("%q", kind)
		}
		fields = append(fields, field{Name: columns[i], Type: json.RawMessage(kind), Nullable: true})
	}
	return line(map[string]any{"type": "struct", "fields": fields})
}

// NewDelta makes a table whose commit 0 creates it.
func NewDelta(schema string, partitionColumns ...string) *Delta {
	d := &Delta{Files: map[string]string{}, schema: schema, adds: map[string]map[string]any{}}
	d.Commit(DeltaProtocol(1), DeltaMetadata(schema, partitionColumns...), `{"commitInfo":{"timestamp":1764300000000,"operation":"CREATE TABLE","engineInfo":"Apache-Spark/3.5.0 Delta-Lake/3.2.0"}}`)
	return d
}

func line(action any) string {
	text, err := json.Marshal(action)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// DeltaProtocol is the action that says what readers must know; with table features, the
// version is 3.
func DeltaProtocol(minReaderVersion int, features ...string) string {
	protocol := map[string]any{"minReaderVersion": minReaderVersion, "minWriterVersion": 2}
	if features != nil {
		protocol["readerFeatures"], protocol["writerFeatures"], protocol["minWriterVersion"] = features, features, 7
	}
	return line(map[string]any{"protocol": protocol})
}

// DeltaMetadata is the action that says what the table is.
func DeltaMetadata(schema string, partitionColumns ...string) string {
	return DeltaConfigured(schema, map[string]string{}, partitionColumns...)
}

// DeltaConfigured is [DeltaMetadata] with properties of the table.
func DeltaConfigured(schema string, configuration map[string]string, partitionColumns ...string) string {
	return line(map[string]any{"metaData": map[string]any{
		"id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9", "format": map[string]any{"provider": "parquet", "options": map[string]string{}},
		"schemaString": schema, "partitionColumns": append([]string{}, partitionColumns...), "configuration": configuration, "createdTime": int64(1764300000000),
	}})
}

// LogName is the name of a file in the log of a table.
func LogName(version int, kind string) string {
	return fmt.Sprintf("_delta_log/%020d.%s", version, kind)
}

// Commit writes the actions of the next version, and returns it.
func (d *Delta) Commit(actions ...string) int {
	d.Files[LogName(d.version, "json")] = strings.Join(actions, "\n") + "\n"
	d.version++
	return d.version - 1
}

// Add writes a file, and returns the action that adds it. Values of partition columns
// are names and values by turns; NULL is "NULL".
func (d *Delta) Add(name, content string, partitionValues ...string) string {
	d.Files[name] = content
	values := map[string]any{}
	for i := 0; i < len(partitionValues); i += 2 {
		if values[partitionValues[i]] = any(partitionValues[i+1]); partitionValues[i+1] == "NULL" {
			values[partitionValues[i]] = nil
		}
	}
	add := map[string]any{
		"path": (&url.URL{Path: name}).EscapedPath(), "partitionValues": values, "size": len(content), "modificationTime": int64(1764300000000), "dataChange": true,
		"stats": `{"numRecords":1}`,
	}
	d.adds[name] = add
	return line(map[string]any{"add": add})
}

// Remove is the action that takes a file out of the table.
func (d *Delta) Remove(name string) string {
	delete(d.adds, name)
	return line(map[string]any{"remove": map[string]any{"path": (&url.URL{Path: name}).EscapedPath(), "deletionTimestamp": int64(1764300000000), "dataChange": true, "extendedFileMetadata": true}})
}

// The rows of checkpoints.
type (
	// DeltaCheckpointRow is one action.
	DeltaCheckpointRow struct {
		Txn      *deltaTxn      `parquet:"txn,optional"`
		Add      *deltaAdd      `parquet:"add,optional"`
		Remove   *deltaRemove   `parquet:"remove,optional"`
		MetaData *deltaMetadata `parquet:"metaData,optional"`
		Protocol *deltaProtocol `parquet:"protocol,optional"`
		Sidecar  *deltaSidecar  `parquet:"sidecar,optional"`
	}
	deltaTxn struct {
		AppID   string `parquet:"appId,optional"`
		Version int64  `parquet:"version"`
	}
	deltaAdd struct {
		Path            string             `parquet:"path,optional"`
		PartitionValues map[string]*string `parquet:"partitionValues,optional" parquet-value:",optional"`
		Size            int64              `parquet:"size"`
		ModTime         int64              `parquet:"modificationTime"`
		DataChange      bool               `parquet:"dataChange"`
		Stats           *string            `parquet:"stats,optional"`
		Parsed          *struct {
			NumRecords int64    `parquet:"numRecords"`
			Interval   [12]byte `parquet:"interval"` // nothing that can be read
		} `parquet:"stats_parsed,optional"`
		DeletionVector *DeltaDeletions `parquet:"deletionVector,optional"`
	}

	// DeltaDeletions say which rows of a file are deleted.
	DeltaDeletions struct {
		StorageType string `parquet:"storageType"`
		PathOrData  string `parquet:"pathOrInlineDv"`
		Offset      *int32 `parquet:"offset,optional"`
		Size        int32  `parquet:"sizeInBytes"`
		Cardinality int64  `parquet:"cardinality"`
	}
	deltaRemove struct {
		Path      string `parquet:"path,optional"`
		Timestamp int64  `parquet:"deletionTimestamp"`
	}
	deltaMetadata struct {
		ID     string `parquet:"id,optional"`
		Format struct {
			Provider string            `parquet:"provider,optional"`
			Options  map[string]string `parquet:"options"`
		} `parquet:"format"`
		SchemaString     string            `parquet:"schemaString,optional"`
		PartitionColumns []string          `parquet:"partitionColumns,list"`
		Configuration    map[string]string `parquet:"configuration"`
		CreatedTime      int64             `parquet:"createdTime,optional"`
	}
	deltaProtocol struct {
		MinReaderVersion int32    `parquet:"minReaderVersion"`
		MinWriterVersion int32    `parquet:"minWriterVersion"`
		ReaderFeatures   []string `parquet:"readerFeatures,optional,list"`
		WriterFeatures   []string `parquet:"writerFeatures,optional,list"`
	}
	deltaSidecar struct {
		Path string `parquet:"path,optional"`
		Size int64  `parquet:"sizeInBytes"`
	}
)

// AddRows are the files of the table as rows of a checkpoint.
func (d *Delta) AddRows(t testing.TB) (rows []DeltaCheckpointRow) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(d.adds)) {
		var add deltaAdd
		text, err := json.Marshal(d.adds[name])
		if err == nil {
			err = json.Unmarshal(text, &add)
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, DeltaCheckpointRow{Add: &add})
	}
	return rows
}

// HeadRows are the other rows of a checkpoint: what the table is, a transaction of an
// application, a file that was removed.
func (d *Delta) HeadRows(partitionColumns ...string) []DeltaCheckpointRow {
	m := &deltaMetadata{ID: "5fba94ed-9794-4965-ba6e-6ee3c0d22af9", SchemaString: d.schema, PartitionColumns: partitionColumns}
	m.Format.Provider = "parquet"
	return []DeltaCheckpointRow{
		{Protocol: &deltaProtocol{MinReaderVersion: 1, MinWriterVersion: 2}},
		{MetaData: m},
		{Txn: &deltaTxn{"3ae45b72-24e1-865a-a211-34987ae02f2a", 4389}},
		{Remove: &deltaRemove{"part-99999.snappy.parquet", 1764300000000}},
	}
}

// SidecarRow is the row that names a further part of a checkpoint of version 2.
func SidecarRow(name string) DeltaCheckpointRow {
	return DeltaCheckpointRow{Sidecar: &deltaSidecar{Path: name}}
}

// Checkpoint writes a file of a checkpoint of the last commit; kind is what its name has
// after the version.
func (d *Delta) Checkpoint(t testing.TB, kind string, rows []DeltaCheckpointRow) {
	t.Helper()
	d.Files[LogName(d.version-1, kind)] = Parquet(t, rows, parquet.Compression(&parquet.Snappy))
}

// Forget deletes the commits before and at a version, as the clean-up of a log does.
func (d *Delta) Forget(version int) {
	for v := range version + 1 {
		delete(d.Files, LogName(v, "json"))
	}
}
