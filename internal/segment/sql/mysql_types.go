package sql

import (
	"bytes"
	"database/sql/driver"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// mysqlKind is how the bytes of a value are converted.
type mysqlKind int

const (
	mysqlText mysqlKind = iota
	mysqlDecimal
	mysqlBits     // of a number
	mysqlDate     // with or without time
	mysqlZeroFill // a number with zeros before it, which is a text
)

// mysqlColumns returns the columns of a result. TINYINT(1) is a number, since the
// protocol does not distinguish booleans.
func mysqlColumns(rows driver.Rows) (kinds []mysqlKind, widths []int, columns []columnInfo) {
	names := rows.Columns()
	kinds, columns = make([]mysqlKind, len(names)), make([]columnInfo, len(names))
	typed, _ := rows.(driver.RowsColumnTypeDatabaseTypeName)
	widths = zeroFilled(rows, len(names))
	for i, name := range names {
		columns[i].name = name
		if typed == nil {
			continue
		}
		switch of := typed.ColumnTypeDatabaseTypeName(i); of {
		case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR", "FLOAT", "DOUBLE", "DECIMAL",
			"UNSIGNED TINYINT", "UNSIGNED SMALLINT", "UNSIGNED MEDIUMINT", "UNSIGNED INT", "UNSIGNED BIGINT":
			kinds[i], columns[i].json = mysqlDecimal, true
			if exact := strings.HasPrefix(of, "UNSIGNED") || of == "DECIMAL"; exact && widths[i] > 0 {
				kinds[i], columns[i].json = mysqlZeroFill, false
			}
		case "SET":
			columns[i].list = true
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
	return kinds, widths, columns
}

// flagZeroFill is the flag of a column with ZEROFILL in the protocol.
const flagZeroFill = 1 << 6

// zeroFilled returns for each column to how many digits the server fills its numbers
// with zeros, 0 where it does not. The driver keeps what the server says about its
// columns to itself, so this reads it out of its rows (a test fails when the driver
// keeps it elsewhere).
func zeroFilled(rows driver.Rows, columns int) []int {
	widths := make([]int, columns)
	fields := structField(structField(reflect.ValueOf(rows), "rs"), "columns")
	if fields.Kind() != reflect.Slice || fields.Len() != columns {
		return widths
	}
	for i := range widths {
		flags, length := structField(fields.Index(i), "flags"), structField(fields.Index(i), "length")
		if flags.CanUint() && length.CanUint() && flags.Uint()&flagZeroFill != 0 {
			widths[i] = int(min(length.Uint(), maxZeroFill))
		}
	}
	return widths
}

// maxZeroFill is the greatest width of a column of numbers.
const maxZeroFill = 255

// structField returns a field of a struct or of a pointer to one; the zero Value if
// there is none.
func structField(of reflect.Value, name string) reflect.Value {
	if of.Kind() == reflect.Pointer || of.Kind() == reflect.Interface {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return of.FieldByName(name)
}

// appendFilled appends a number with zeros before it, as text results have it; results
// of prepared statements have the bare number.
func appendFilled(dst []byte, value driver.Value, width int) []byte {
	start := len(dst)
	dst = appendMySQL(dst, value)
	if missing := width - (len(dst) - start); missing > 0 && len(dst) > start {
		dst = slices.Insert(dst, start, bytes.Repeat([]byte{'0'}, missing)...)
	}
	return dst
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
