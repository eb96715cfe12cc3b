package sql

import (
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// sqlServerColumn returns what a type means for a column. declared is as in a
// declaration: decimal(10,2). Types that are not known are refused: among them are
// binary, varbinary, image, timestamp, sql_variant, hierarchyid, geography, geometry,
// vector and those of users.
func sqlServerColumn(name, declared string) columnInfo {
	column := columnInfo{name: name}
	kind, _, _ := strings.Cut(strings.ToLower(declared), "(")
	switch kind {
	case "tinyint", "smallint", "int", "bigint", "decimal", "numeric", "real", "float", "money", "smallmoney", "bit", "json":
		column.json = true
	case "char", "varchar", "text", "nchar", "nvarchar", "ntext", "xml", "uniqueidentifier",
		"date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset":
	case "":
		column.binary = "unknown"
	default:
		column.binary = kind
	}
	return column
}

// sqlServerTypes returns the names of the types of the rows, as the protocol has
// them: json is text, for one.
func sqlServerTypes(rows driver.Rows) []string {
	types := make([]string, len(rows.Columns()))
	typed, _ := rows.(driver.RowsColumnTypeDatabaseTypeName)
	for i := range types {
		types[i] = typeName(typed, i)
	}
	return types
}

// typeName returns the name of a type, empty for those of old, for which the driver
// panics.
func typeName(typed driver.RowsColumnTypeDatabaseTypeName, column int) (name string) {
	defer func() {
		if recover() != nil {
			name = ""
		}
	}()
	if typed == nil {
		return ""
	}
	return typed.ColumnTypeDatabaseTypeName(column)
}

// Layouts of dates and times. Those without an offset have no time zone.
var sqlServerLayouts = map[string]string{
	"DATE":           time.DateOnly,
	"TIME":           "15:04:05.999999999",
	"DATETIMEOFFSET": "2006-01-02T15:04:05.999999999Z07:00",
	"DATETIME":       "2006-01-02T15:04:05.999999999",
	"DATETIME2":      "2006-01-02T15:04:05.999999999",
	"SMALLDATETIME":  "2006-01-02T15:04:05.999999999",
}

var errUnreadableType = errors.New("a value of a type that cannot be read")

// appendSQLServer appends a value that the driver has decoded.
func appendSQLServer(dst []byte, of string, value driver.Value) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return dst, nil
	case string:
		return append(dst, v...), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case float64:
		if of == "REAL" {
			return segment.AppendFloat(dst, v, 32), nil
		}
		return segment.AppendFloat(dst, v, 64), nil
	case time.Time:
		if layout := sqlServerLayouts[of]; layout != "" {
			return v.AppendFormat(dst, layout), nil
		}
	case []byte:
		switch of {
		case "DECIMAL", "MONEY", "SMALLMONEY", "BINARY", "VARBINARY": // binary ones in version queries: max(row_version)
			return append(dst, v...), nil
		case "UNIQUEIDENTIFIER":
			var id mssql.UniqueIdentifier // its first parts have their lowest byte first
			if err := id.Scan(v); err != nil {
				return dst, errUnreadableType
			}
			return append(dst, id.String()...), nil
		}
	}
	return dst, errUnreadableType
}
