package file

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// appendValue appends a value that is not null as text. Of a value without a text,
// such as NaN, it appends nothing.
type appendValue func(buf []byte, v parquet.Value) []byte

// parquetType returns how to convert the values of a leaf to text, and whether that
// is JSON; nil if they cannot be converted.
func parquetType(column *parquet.Column) (appendValue, bool) {
	kind := column.Type().Kind()
	if logical := column.Type().LogicalType(); logical != nil {
		switch t := logical.Value.(type) {
		case *format.StringType, *format.EnumType:
			return textType(kind)
		case *format.JsonType:
			return appendBytes, true
		case *format.UUIDType:
			return appendUUID, false
		case *format.DecimalType:
			return decimalType(kind, int(t.Scale)), true
		case *format.DateType:
			return appendEpochDate, false
		case *format.TimestampType:
			return timestampType(t), false
		case *format.TimeType:
			return timeType(t), false
		case *format.IntType:
			if !t.IsSigned {
				return unsignedType(kind), true
			}
		case *format.NullType:
			return appendBytes, false
		default:
			return nil, false
		}
	}
	if column.Type().ConvertedType() != nil && kind != parquet.Int32 && kind != parquet.Int64 {
		return nil, false // an interval
	}
	return physicalType(kind)
}

func isUnsigned(column *parquet.Column) bool {
	logical := column.Type().LogicalType()
	if logical == nil {
		return false
	}
	integer, ok := logical.Value.(*format.IntType)
	return ok && !integer.IsSigned
}

func isDecimal(column *parquet.Column) bool {
	logical := column.Type().LogicalType()
	if logical == nil {
		return false
	}
	_, ok := logical.Value.(*format.DecimalType)
	return ok
}

func physicalType(kind parquet.Kind) (appendValue, bool) {
	switch kind {
	case parquet.Boolean:
		return func(buf []byte, v parquet.Value) []byte { return strconv.AppendBool(buf, v.Boolean()) }, true
	case parquet.Int32:
		return func(buf []byte, v parquet.Value) []byte { return strconv.AppendInt(buf, int64(v.Int32()), 10) }, true
	case parquet.Int64:
		return func(buf []byte, v parquet.Value) []byte { return strconv.AppendInt(buf, v.Int64(), 10) }, true
	case parquet.Float:
		return func(buf []byte, v parquet.Value) []byte { return segment.AppendFloat(buf, float64(v.Float()), 32) }, true
	case parquet.Double:
		return func(buf []byte, v parquet.Value) []byte { return segment.AppendFloat(buf, v.Double(), 64) }, true
	case parquet.Int96:
		return appendInt96, false
	default:
		return textType(kind) // writers often do not mark text as such
	}
}

func textType(kind parquet.Kind) (appendValue, bool) {
	if kind != parquet.ByteArray {
		return nil, false
	}
	return appendBytes, false
}

func appendBytes(buf []byte, v parquet.Value) []byte { return append(buf, v.ByteArray()...) }

func appendUUID(buf []byte, v parquet.Value) []byte {
	id, err := uuid.FromBytes(v.ByteArray())
	if err != nil {
		return buf
	}
	return append(buf, id.String()...)
}

func unsignedType(kind parquet.Kind) appendValue {
	if kind == parquet.Int32 {
		return func(buf []byte, v parquet.Value) []byte { return strconv.AppendUint(buf, uint64(v.Uint32()), 10) }
	}
	return func(buf []byte, v parquet.Value) []byte { return strconv.AppendUint(buf, v.Uint64(), 10) }
}

func decimalType(kind parquet.Kind, scale int) appendValue {
	switch kind {
	case parquet.Int32:
		return func(buf []byte, v parquet.Value) []byte {
			return appendDecimal(buf, strconv.FormatInt(int64(v.Int32()), 10), scale)
		}
	case parquet.Int64:
		return func(buf []byte, v parquet.Value) []byte {
			return appendDecimal(buf, strconv.FormatInt(v.Int64(), 10), scale)
		}
	default:
		return func(buf []byte, v parquet.Value) []byte {
			return appendDecimal(buf, twosComplement(v.ByteArray()).String(), scale)
		}
	}
}

func twosComplement(bytes []byte) *big.Int {
	n := new(big.Int).SetBytes(bytes)
	if len(bytes) > 0 && bytes[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))))
	}
	return n
}

// appendDecimal inserts the decimal point.
func appendDecimal(buf []byte, digits string, scale int) []byte {
	if digits[0] == '-' {
		buf, digits = append(buf, '-'), digits[1:]
	}
	if scale <= 0 || scale > 1000 { // the format has no negative scale
		return append(buf, digits...)
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - scale
	buf = append(append(buf, digits[:point]...), '.')
	return append(buf, digits[point:]...)
}

func appendEpochDate(buf []byte, v parquet.Value) []byte {
	return time.Unix(int64(v.Int32())*86400, 0).UTC().AppendFormat(buf, time.DateOnly)
}

func timestampType(t *format.TimestampType) appendValue {
	layout := time.RFC3339Nano
	if !t.IsAdjustedToUTC {
		layout = "2006-01-02T15:04:05.999999999" // without a zone
	}
	at := time.UnixMilli
	switch t.Unit.Value.(type) {
	case *format.MicroSeconds:
		at = time.UnixMicro
	case *format.NanoSeconds:
		at = func(n int64) time.Time { return time.Unix(0, n) }
	}
	return func(buf []byte, v parquet.Value) []byte { return at(v.Int64()).UTC().AppendFormat(buf, layout) }
}

func timeType(t *format.TimeType) appendValue {
	const layout = "15:04:05.999999999"
	switch t.Unit.Value.(type) {
	case *format.MicroSeconds:
		return func(buf []byte, v parquet.Value) []byte {
			return time.UnixMicro(v.Int64()).UTC().AppendFormat(buf, layout)
		}
	case *format.NanoSeconds:
		return func(buf []byte, v parquet.Value) []byte {
			return time.Unix(0, v.Int64()).UTC().AppendFormat(buf, layout)
		}
	default:
		return func(buf []byte, v parquet.Value) []byte {
			return time.UnixMilli(int64(v.Int32())).UTC().AppendFormat(buf, layout)
		}
	}
}

// appendInt96 converts a timestamp of old writers: a Julian day and nanoseconds.
func appendInt96(buf []byte, v parquet.Value) []byte {
	const unixEpoch = 2440588 // as Julian day
	n := v.Int96()
	nanoseconds := int64(n[1])<<32 | int64(n[0])
	return time.Unix((int64(n[2])-unixEpoch)*86400, nanoseconds).UTC().AppendFormat(buf, time.RFC3339Nano)
}

// appendQuoted appends a value as JSON; null where it has no text.
func appendQuoted(buf []byte, v parquet.Value, value appendValue, isJSON bool) []byte {
	start := len(buf)
	buf = value(buf, v)
	switch {
	case isJSON && len(buf) == start:
		return append(buf, "null"...)
	case isJSON:
		return buf
	}
	text := string(buf[start:])
	return appendJSONString(buf[:start], text)
}

func appendJSONString(buf []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // cannot happen for a string
		return append(buf, "null"...)
	}
	return append(buf, quoted...)
}
