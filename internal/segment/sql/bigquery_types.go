package sql

import (
	"cmp"
	"encoding/json"
	"errors"
)

// bigqueryField is a column in a schema, or a field of a RECORD.
// https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema
type bigqueryField struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Mode   string          `json:"mode"`
	Fields []bigqueryField `json:"fields"`
}

// bigqueryType is the type of a column, or of a field.
type bigqueryType struct {
	scalar   textType // of each value; of a RECORD only binary counts
	repeated bool     // the values are an array
	names    []string // of the fields of a RECORD, as JSON
	fields   []bigqueryType
}

// bigqueryScalars by the names in schemas, which are those of legacy SQL or of
// GoogleSQL. All values are texts.
var bigqueryScalars = map[string]textType{
	"STRING": {}, "GEOGRAPHY": {}, "INTERVAL": {}, "RANGE": {}, "TIME": {}, "DATE": {},
	"INTEGER": {json: true, convert: appendNumber}, "INT64": {json: true, convert: appendNumber},
	"NUMERIC": {json: true, convert: appendNumber}, "BIGNUMERIC": {json: true, convert: appendNumber},
	"FLOAT": {json: true, convert: appendReal}, "FLOAT64": {json: true, convert: appendReal},
	"BOOLEAN": {json: true, convert: appendBool}, "BOOL": {json: true, convert: appendBool},
	"TIMESTAMP": {convert: appendISOTime}, "DATETIME": {convert: appendISOTime},
	"JSON": {json: true, convert: appendCheckedJSON},
}

// newBigQueryType returns the type of a field. Bytes and unknown types cannot be
// mapped, neither alone nor within a RECORD.
func newBigQueryType(field *bigqueryField) bigqueryType {
	t := bigqueryType{repeated: field.Mode == "REPEATED"}
	scalar, known := bigqueryScalars[field.Type]
	switch {
	case known:
		t.scalar = scalar
	case field.Type != "RECORD" && field.Type != "STRUCT":
		t.scalar.binary = cmp.Or(field.Type, "unknown")
	default:
		for i := range field.Fields {
			of := newBigQueryType(&field.Fields[i])
			if of.scalar.binary != "" {
				t.scalar.binary = "RECORD with " + of.scalar.binary
			}
			name, _ := json.Marshal(field.Fields[i].Name) //nolint:errchkjson // a string cannot fail
			t.names, t.fields = append(t.names, string(name)), append(t.fields, of)
		}
	}
	return t
}

// isOneJSON reports whether a value that is not an array, or one of an array, is JSON.
func (t *bigqueryType) isOneJSON() bool { return t.fields != nil || t.scalar.json }

func (t *bigqueryType) isJSON() bool { return t.repeated || t.isOneJSON() }

// bigqueryColumns returns the columns of a schema with their types.
func bigqueryColumns(schema []bigqueryField) ([]bigqueryType, []columnInfo) {
	types, columns := make([]bigqueryType, len(schema)), make([]columnInfo, len(schema))
	for i := range schema {
		types[i] = newBigQueryType(&schema[i])
		columns[i] = columnInfo{name: schema[i].Name, json: types[i].isJSON(), binary: types[i].scalar.binary}
	}
	return types, columns
}

var errBigQueryRow = errors.New("a value that does not fit its type")

// bigqueryCells splits a row, {"f":[{"v":"a"},{"v":null}]}, into its values. It
// reuses the memory of cells.
func bigqueryCells(cells [][]byte, row []byte) ([][]byte, error) {
	cells = cells[:0]
	var values []byte
	if err := walkJSON(row, func(name, value []byte) error {
		if string(name) == `"f"` {
			values = value
		}
		return nil
	}); err != nil {
		return cells, err
	}
	err := walkJSON(values, func(_, cell []byte) error {
		value, err := bigqueryValue(cell)
		cells = append(cells, value)
		return err
	})
	return cells, err
}

// bigqueryValue returns the value of a cell, {"v":"a"}.
func bigqueryValue(cell []byte) (value []byte, err error) {
	err = walkJSON(cell, func(name, v []byte) error {
		if string(name) == `"v"` {
			value = v
		}
		return nil
	})
	if err == nil && value == nil {
		err = errBigQueryRow
	}
	return value, err
}

// append appends a value. NULL is empty.
func (t *bigqueryType) append(dst, raw []byte) ([]byte, error) {
	if !t.repeated || isNull(raw) {
		return t.appendOne(dst, raw)
	}
	dst, separator := append(dst, '['), ""
	err := walkJSON(raw, func(_, cell []byte) error {
		value, err := bigqueryValue(cell)
		if err != nil {
			return err
		}
		dst = append(dst, separator...)
		separator = ","
		dst, err = appendWithin(dst, value, t.isOneJSON(), t.appendOne)
		return err
	})
	return append(dst, ']'), err
}

// appendOne appends a value that is not an array, or one of an array.
func (t *bigqueryType) appendOne(dst, raw []byte) ([]byte, error) {
	if t.fields == nil || isNull(raw) {
		return t.scalar.appendScalar(dst, raw)
	}
	cells, err := bigqueryCells(make([][]byte, 0, len(t.fields)), raw)
	if err != nil || len(cells) != len(t.fields) {
		return dst, errBigQueryRow
	}
	dst = append(dst, '{')
	for i := range t.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, t.names[i]...), ':')
		if dst, err = appendWithin(dst, cells[i], t.fields[i].isJSON(), t.fields[i].append); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
