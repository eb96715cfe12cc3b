package sql

import (
	"database/sql/driver"
	"strconv"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// mysqlKind is how the bytes of a value are converted.
type mysqlKind int

const (
	mysqlText mysqlKind = iota
	mysqlDecimal
	mysqlBits // of a number
	mysqlDate // with or without time
)

// mysqlColumns returns the columns of a result. TINYINT(1) is a number, since the
// protocol does not distinguish booleans.
func mysqlColumns(rows driver.Rows) ([]mysqlKind, []columnInfo) {
	names := rows.Columns()
	kinds, columns := make([]mysqlKind, len(names)), make([]columnInfo, len(names))
	typed, _ := rows.(driver.RowsColumnTypeDatabaseTypeName)
	for i, name := range names {
		columns[i].name = name
		if typed == nil {
			continue
		}
		switch of := typed.ColumnTypeDatabaseTypeName(i); of {
		case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR", "FLOAT", "DOUBLE", "DECIMAL",
			"UNSIGNED TINYINT", "UNSIGNED SMALLINT", "UNSIGNED MEDIUMINT", "UNSIGNED INT", "UNSIGNED BIGINT":
			kinds[i], columns[i].json = mysqlDecimal, true
		case "BIT":
			kinds[i], columns[i].json = mysqlBits, true
		case "JSON":
			columns[i].json = true
		case "DATE", "DATETIME", "TIMESTAMP":
			kinds[i] = mysqlDate
		case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "GEOMETRY", "VECTOR":
			columns[i].binary = of
		}
	}
	return kinds, columns
}

// appendMySQL appends a value that the driver has decoded.
func appendMySQL(dst []byte, value driver.Value) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case float32:
		return segment.AppendFloat(dst, float64(v), 32)
	case float64:
		return segment.AppendFloat(dst, v, 64)
	case []byte:
		return append(dst, v...)
	case string:
		return append(dst, v...)
	default: // NULL
		return dst
	}
}

// appendBits appends a value of the type BIT as a number.
func appendBits(dst, bits []byte) []byte {
	var n uint64
	for _, b := range bits {
		n = n<<8 | uint64(b)
	}
	return strconv.AppendUint(dst, n, 10)
}
