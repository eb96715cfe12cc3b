package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// Columns of a checkpoint that are read. Others, such as statistics, may be of any type.
const (
	checkpointPath = iota
	checkpointPartitionValues
	checkpointSize
	checkpointDeletions
	checkpointSidecar
	checkpointReaderVersion
	checkpointReaderFeatures
	checkpointSchema
	checkpointPartitionColumns
	checkpointConfiguration
	checkpointFormat
)

var checkpointColumns = []string{
	checkpointPath: "add.path", checkpointPartitionValues: "add.partitionValues", checkpointSize: "add.size", checkpointDeletions: "add.deletionVector",
	checkpointSidecar:       "sidecar.path",
	checkpointReaderVersion: "protocol.minReaderVersion", checkpointReaderFeatures: "protocol.readerFeatures",
	checkpointSchema: "metaData.schemaString", checkpointPartitionColumns: "metaData.partitionColumns",
	checkpointConfiguration: "metaData.configuration", checkpointFormat: "metaData.format.provider",
}

// readCheckpoint reads the actions of a checkpoint in Parquet, or of a part of one. Those
// that removed files are left out, since no file that they are about is there.
func (t *deltaTable) readCheckpoint(ctx context.Context, o storage.Object) error {
	content, err := t.openLogFile(ctx, o)
	if err != nil {
		return err
	}
	opener := &parquetOpener{columns: checkpointColumns}
	rows, err := opener.openColumns(ctx, content, o.Name(), func(rows *parquetRows, root *parquet.Column) error {
		if parquetColumn(root, checkpointColumns[checkpointPath]) == nil && parquetColumn(root, checkpointColumns[checkpointSidecar]) == nil {
			return t.damaged(o, "there are no actions")
		}
		for _, name := range checkpointColumns {
			found := parquetColumn(root, name)
			if found == nil {
				rows.addConstant("", true)
			} else if err := rows.addColumn(found, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		_ = content.Close() // only read from
		return err
	}
	defer func() { _ = rows.Close() }()
	var row []string
	for n := 1; ; n++ {
		row, err = rows.Next(row[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		var action deltaAction
		if err == nil {
			action, err = checkpointAction(row)
		}
		if err == nil {
			err = t.apply(action)
		}
		if err != nil {
			return t.explain(o, fmt.Sprintf("row %d", n), err)
		}
	}
}

// checkpointAction makes an action of a row, of which no more than one column has a
// value: lists, maps and structs as JSON.
func checkpointAction(row []string) (a deltaAction, err error) {
	decode := func(column int, to any) {
		if row[column] != "" && json.Unmarshal([]byte(row[column]), to) != nil {
			err = errors.New("is no action") // the error of the library may quote values
		}
	}
	if path := row[checkpointPath]; path != "" {
		a.Add = &deltaAdd{Path: path}
		decode(checkpointPartitionValues, &a.Add.PartitionValues)
		decode(checkpointSize, &a.Add.Size)
		decode(checkpointDeletions, &a.Add.DeletionVector)
	}
	if path := row[checkpointSidecar]; path != "" {
		a.Sidecar = &deltaSidecar{path}
	}
	if version := row[checkpointReaderVersion]; version != "" {
		a.Protocol = &deltaProtocol{}
		if a.Protocol.MinReaderVersion, err = strconv.Atoi(version); err != nil {
			return a, errors.New("has no reader version")
		}
		decode(checkpointReaderFeatures, &a.Protocol.ReaderFeatures)
	}
	if schema := row[checkpointSchema]; schema != "" {
		a.MetaData = &deltaMetadata{SchemaString: schema}
		a.MetaData.Format.Provider = row[checkpointFormat]
		decode(checkpointPartitionColumns, &a.MetaData.PartitionColumns)
		decode(checkpointConfiguration, &a.MetaData.Configuration)
	}
	return a, err
}
