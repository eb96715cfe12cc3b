package file

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// deltaType is the type of a column: a plain one, or one of struct, array and map.
type deltaType struct {
	kind   string
	fields []deltaField // of a struct; the elements of an array, or the keys and values of a map
}

type deltaField struct {
	Name string    `json:"name"`
	Type deltaType `json:"type"`
}

const (
	kindStruct = "struct"
	kindVoid   = "void"
)

// UnmarshalJSON implements [json.Unmarshaler].
func (t *deltaType) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &t.kind) == nil && t.kind != "" {
		return nil
	}
	var nested struct {
		Kind    string       `json:"type"`
		Fields  []deltaField `json:"fields"`
		Element *deltaType   `json:"elementType"`
		Key     *deltaType   `json:"keyType"`
		Value   *deltaType   `json:"valueType"`
	}
	if err := json.Unmarshal(text, &nested); err != nil {
		return err
	}
	t.kind, t.fields = nested.Kind, nested.Fields
	for _, part := range []*deltaType{nested.Element, nested.Key, nested.Value} {
		if part != nil {
			t.fields = append(t.fields, deltaField{Type: *part})
		}
	}
	if t.kind == "" {
		return errors.New("a type without a name")
	}
	return nil
}

// isJSON reports whether values of the type are JSON rather than text; ok is false if
// they cannot be mapped.
func (t deltaType) isJSON() (isJSON, ok bool) {
	switch kind, _, _ := strings.Cut(t.kind, "("); kind {
	case "string", "date", "timestamp", "timestamp_ntz", kindVoid, "null":
		return false, true
	case "byte", "short", "integer", "long", "float", "double", "decimal", "boolean":
		return true, true
	case kindStruct, "array", "map":
		return true, !slices.ContainsFunc(t.fields, func(f deltaField) bool { _, ok := f.Type.isJSON(); return !ok })
	default:
		return false, false
	}
}

// maxSchemaDepth is far more than engines can nest. It bounds the time to read the
// text of a schema, which grows with the square of its depth.
const maxSchemaDepth = 100

// readSchema reads the columns of the table.
func (t *deltaTable) readSchema() error {
	text := t.metadata.SchemaString
	if jsonDepth(text) > 3*maxSchemaDepth || json.Unmarshal([]byte(text), &t.schema) != nil || t.schema.kind != kindStruct {
		return t.errorf("Restore the folder _delta_log.", errDamaged, "has a damaged log: its schema cannot be read")
	}
	t.names = t.schema.names("", nil)
	for _, name := range t.metadata.PartitionColumns {
		if !slices.ContainsFunc(t.schema.fields, func(f deltaField) bool { return f.Name == name }) {
			return t.errorf("Restore the folder _delta_log.", errDamaged, "has a damaged log: its schema lacks the partition column %q", name)
		}
	}
	return nil
}

// jsonDepth is how deeply the brackets of a JSON text nest, those in strings included.
func jsonDepth(text string) (deepest int) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

// names lists the columns, those in structs by their paths.
func (t deltaType) names(prefix string, list []string) []string {
	for _, f := range t.fields {
		if f.Type.kind == kindStruct {
			list = f.Type.names(prefix+f.Name+".", list)
		} else {
			list = append(list, prefix+f.Name)
		}
	}
	return list
}

// find returns the path to a column by its name or, with the name split at any of its
// dots, by a path into structs.
func (t deltaType) find(name string) (path []string, found deltaType) {
	for _, f := range t.fields {
		if f.Name == name {
			return []string{name}, f.Type
		}
	}
	for _, f := range t.fields {
		if rest, ok := strings.CutPrefix(name, f.Name+"."); ok && f.Type.kind == kindStruct {
			if path, found := f.Type.find(rest); path != nil {
				return append([]string{f.Name}, path...), found
			}
		}
	}
	return nil, deltaType{}
}

// deltaColumn is a mapped column.
type deltaColumn struct {
	name        string
	path        []string // names of the structs that it is in, and its own
	kind        string
	isJSON      bool
	isPartition bool // the log has its values, whatever the files have
}

// selectColumns finds the mapped columns in the schema.
func (t *deltaTable) selectColumns(columns []string) (selected []deltaColumn, err error) {
	var missing []string
	for _, name := range columns {
		path, found := t.schema.find(name)
		if path == nil {
			missing = append(missing, name)
			continue
		}
		isJSON, ok := found.isJSON()
		if !ok {
			return nil, t.errorf("Map another column, or let the table have this one as text.", nil, "has the column %q of the type %s, a type that cannot be mapped", name, found.kind)
		}
		selected = append(selected, deltaColumn{name, path, found.kind, isJSON, len(path) == 1 && slices.Contains(t.metadata.PartitionColumns, name)})
	}
	if missing != nil {
		return nil, &segment.MissingColumnsError{Missing: missing, Available: t.names}
	}
	return selected, nil
}

func jsonOf(columns []deltaColumn) []bool {
	json := make([]bool, len(columns))
	for i, c := range columns {
		json[i] = c.isJSON
	}
	return json
}

var (
	errSameName  = errors.New("has columns whose names differ only in case")
	errNotStruct = errors.New("is no struct")
)

// fileColumn finds a column in a file; nil if the file lacks it.
func fileColumn(group *parquet.Column, path []string) (*parquet.Column, error) {
	for i, name := range path {
		found, err := childColumn(group, name)
		switch {
		case found == nil:
			return nil, err
		case i < len(path)-1 && !isGroup(found):
			return nil, errNotStruct
		}
		group = found
	}
	return group, nil
}

// childColumn finds a column by its name. Tables do not distinguish names by case, so a
// file may have been written with another one.
func childColumn(group *parquet.Column, name string) (found *parquet.Column, err error) {
	if exact := group.Column(name); exact != nil {
		return exact, nil
	}
	for _, c := range group.Columns() {
		if !strings.EqualFold(c.Name(), name) {
			continue
		}
		if found != nil {
			return nil, errSameName
		}
		found = c
	}
	return found, nil
}

// number matches what JSON takes for a number.
var number = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$`)

// partitionValue returns the value of a partition column of a type from the text that
// the log has; empty for NULL.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md#partition-value-serialization
func partitionValue(kind, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	switch kind, _, _ = strings.Cut(kind, "("); kind {
	case "byte", "short", "integer", "long":
		n, err := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(n, 10), err
	case "float":
		n, err := strconv.ParseFloat(text, 32)
		return string(segment.AppendFloat(nil, n, 32)), err
	case "double":
		n, err := strconv.ParseFloat(text, 64)
		return string(segment.AppendFloat(nil, n, 64)), err
	case "decimal":
		if !number.MatchString(text) {
			return "", strconv.ErrSyntax
		}
		return text, nil
	case "boolean":
		b, err := strconv.ParseBool(strings.ToLower(text))
		return strconv.FormatBool(b), err
	case "date":
		_, err := time.Parse(time.DateOnly, text)
		return text, err
	case "timestamp", "timestamp_ntz":
		return partitionTime(text)
	default:
		return text, nil
	}
}

// partitionTime makes a time RFC 3339. One without a zone is of the zone of whoever
// wrote the table, which the log does not say, so it stays without one.
func partitionTime(text string) (string, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC().Format(time.RFC3339Nano), nil
	}
	at, err := time.Parse("2006-01-02 15:04:05", text)
	return at.Format("2006-01-02T15:04:05.999999999"), err
}
