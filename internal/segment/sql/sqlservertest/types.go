package sqlservertest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wire is how a type is sent: its description, and a value. A nil value is NULL.
type wire struct {
	info   []byte
	append func(dst []byte, value any) []byte
}

// collation is that of American servers, whose char is Windows-1252.
var collation = []byte{0x09, 0x04, 0xd0, 0x00, 0x34}

// clrTypes are types of the Common Language Runtime, which have no system type.
var clrTypes = []string{"geography", "geometry", "hierarchyid"}

func isCLR(declared string) bool { return slices.Contains(clrTypes, declared) }

// wireType returns how the type of a column is sent.
func wireType(column Column) wire {
	name, arguments, _ := strings.Cut(strings.TrimSuffix(column.Type, ")"), "(")
	if fixed, ok := fixedTypes[name]; ok {
		return fixed.wire(column.NotNull)
	}
	switch name {
	case "decimal", "numeric":
		precision, scale, _ := strings.Cut(arguments, ",")
		return decimal(number(precision, 18), number(scale, 0))
	case "date":
		return wire{[]byte{0x28}, sized(func(value any) []byte { return days(value.(time.Time)) })}
	case "time":
		return clock(0x29, arguments, ticks)
	case "datetime2":
		return clock(0x2a, arguments, func(t time.Time, scale int) []byte { return append(ticks(t, scale), days(t)...) })
	case "datetimeoffset":
		return clock(0x2b, arguments, func(t time.Time, scale int) []byte {
			_, offset := t.Zone()
			utc := append(ticks(t.UTC(), scale), days(t.UTC())...)
			return binary.LittleEndian.AppendUint16(utc, uint16(int16(offset/60)))
		})
	case "uniqueidentifier":
		return wire{[]byte{0x24, 16}, sized(func(value any) []byte { return guid(value.(string)) })}
	case "varchar":
		return character(0xa7, arguments, 1, narrow)
	case "char":
		return character(0xaf, arguments, 1, narrow)
	case "nvarchar":
		return character(0xe7, arguments, 2, wideValue)
	case "nchar":
		return character(0xef, arguments, 2, wideValue)
	case "json": // to clients that do not know the type
		return character(0xe7, "max", 2, wideValue)
	case "xml":
		return wire{[]byte{0xf1, 0}, partly(wideValue)}
	case "text":
		return long(0x23, narrow)
	case "ntext":
		return long(0x63, wideValue)
	case "varbinary":
		return binaryType(0xa5, arguments)
	case "binary":
		return binaryType(0xad, arguments)
	case "timestamp":
		return binaryType(0xad, "8")
	case "sql_variant":
		return wire{binary.LittleEndian.AppendUint32([]byte{0x62}, 8009), variant}
	}
	if isCLR(name) {
		info := binary.LittleEndian.AppendUint16([]byte{0xf0}, 0xffff)
		info = appendShortText(appendShortText(appendShortText(info, Database), "sys"), name)
		return wire{appendText(info, "Microsoft.SqlServer.Types"), partly(func(value any) []byte { return value.([]byte) })}
	}
	panic(fmt.Sprintf("the stand-in has no type %q", column.Type))
}

func number(text string, otherwise int) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return otherwise
	}
	return n
}

// fixedType is a type that has a form without NULL, and one with.
type fixedType struct {
	fixed, nullable byte
	size            int
	encode          func(value any) []byte
}

var fixedTypes = map[string]fixedType{
	"tinyint":       {0x30, 0x26, 1, func(value any) []byte { return integer(value)[:1] }},
	"smallint":      {0x34, 0x26, 2, func(value any) []byte { return integer(value)[:2] }},
	"int":           {0x38, 0x26, 4, func(value any) []byte { return integer(value)[:4] }},
	"bigint":        {0x7f, 0x26, 8, integer},
	"bit":           {0x32, 0x68, 1, boolean},
	"real":          {0x3b, 0x6d, 4, single},
	"float":         {0x3e, 0x6d, 8, double},
	"money":         {0x3c, 0x6e, 8, money},
	"smallmoney":    {0x7a, 0x6e, 4, func(value any) []byte { return money(value)[4:] }},
	"datetime":      {0x3d, 0x6f, 8, datetime},
	"smalldatetime": {0x3a, 0x6f, 4, smallDatetime},
}

func (f fixedType) wire(notNull bool) wire {
	if notNull {
		return wire{[]byte{f.fixed}, func(dst []byte, value any) []byte { return append(dst, f.encode(value)...) }}
	}
	return wire{[]byte{f.nullable, byte(f.size)}, sized(f.encode)}
}

// sized appends a value after its length in one byte.
func sized(encode func(any) []byte) func([]byte, any) []byte {
	return func(dst []byte, value any) []byte {
		if value == nil {
			return append(dst, 0)
		}
		content := encode(value)
		return append(append(dst, byte(len(content))), content...)
	}
}

func integer(value any) []byte {
	switch n := value.(type) {
	case int:
		return binary.LittleEndian.AppendUint64(nil, uint64(n))
	case int64:
		return binary.LittleEndian.AppendUint64(nil, uint64(n))
	}
	panic(fmt.Sprintf("%T is no integer", value))
}

func boolean(value any) []byte {
	if value.(bool) {
		return []byte{1}
	}
	return []byte{0}
}

func single(value any) []byte {
	return binary.LittleEndian.AppendUint32(nil, math.Float32bits(value.(float32)))
}

func double(value any) []byte {
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(value.(float64)))
}

// scaled is a decimal text without its point, for a number of decimals.
func scaled(value any, scale int) *big.Int {
	whole, fraction, _ := strings.Cut(value.(string), ".")
	n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10)
	if !ok {
		panic(fmt.Sprintf("%q is no number", value))
	}
	return n
}

// money sends its upper half first.
func money(value any) []byte {
	n := uint64(scaled(value, 4).Int64())
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(n>>32)), uint32(n))
}

func decimal(precision, scale int) wire {
	size := 4 * (1 + (max(precision, 1)-1)/9)
	switch {
	case precision > 28:
		size = 16
	case precision > 19:
		size = 12
	case precision > 9:
		size = 8
	}
	return wire{[]byte{0x6a, byte(size + 1), byte(precision), byte(scale)}, sized(func(value any) []byte {
		n, sign := scaled(value, scale), byte(1)
		if n.Sign() < 0 {
			sign = 0
		}
		digits := n.Abs(n).FillBytes(make([]byte, size))
		slices.Reverse(digits)
		return append([]byte{sign}, digits...)
	})}
}

// dayNumber counts days of the Gregorian calendar from a year on.
func dayNumber(t time.Time, year int) int {
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	const day = 24 * 60 * 60
	return int((midnight.Unix() - time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Unix()) / day)
}

func days(t time.Time) []byte {
	return binary.LittleEndian.AppendUint32(nil, uint32(dayNumber(t, 1)))[:3]
}

// ticks are the units since midnight, of which a second has 10 to the power of scale.
func ticks(t time.Time, scale int) []byte {
	since := int64(t.Hour()*3600+t.Minute()*60+t.Second())*1_000_000_000 + int64(t.Nanosecond())
	for range 9 - scale {
		since /= 10
	}
	sizes := []int{3, 3, 3, 4, 4, 5, 5, 5}
	return binary.LittleEndian.AppendUint64(nil, uint64(since))[:sizes[scale]]
}

func clock(kind byte, arguments string, encode func(time.Time, int) []byte) wire {
	scale := number(arguments, 7)
	return wire{[]byte{kind, byte(scale)}, sized(func(value any) []byte { return encode(value.(time.Time), scale) })}
}

func datetime(value any) []byte {
	t := value.(time.Time)
	parts := uint32((t.Hour()*3600+t.Minute()*60+t.Second())*300 + int(math.Round(float64(t.Nanosecond())*300/1e9)))
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(int32(dayNumber(t, 1900)))), parts)
}

func smallDatetime(value any) []byte {
	t := value.(time.Time)
	return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(dayNumber(t, 1900))), uint16(t.Hour()*60+t.Minute()))
}

// guid has its first three parts with the lowest byte first.
func guid(text string) []byte {
	id, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(id) != 16 {
		panic(fmt.Sprintf("%q is no uniqueidentifier", text))
	}
	slices.Reverse(id[:4])
	slices.Reverse(id[4:6])
	slices.Reverse(id[6:8])
	return id
}

// narrow encodes in Windows-1252, as far as that is Latin-1.
func narrow(value any) []byte {
	var content []byte
	for _, r := range value.(string) {
		if r > 0xff {
			panic(fmt.Sprintf("%q is not in Latin-1", r))
		}
		content = append(content, byte(r))
	}
	return content
}

func wideValue(value any) []byte { return wide(value.(string)) }

func character(kind byte, arguments string, width int, encode func(any) []byte) wire {
	if arguments == "max" {
		return wire{append([]byte{kind, 0xff, 0xff}, collation...), partly(encode)}
	}
	info := binary.LittleEndian.AppendUint16([]byte{kind}, uint16(width*number(arguments, 1)))
	return wire{append(info, collation...), short(encode)}
}

func binaryType(kind byte, arguments string) wire {
	encode := func(value any) []byte { return value.([]byte) }
	if arguments == "max" {
		return wire{[]byte{kind, 0xff, 0xff}, partly(encode)}
	}
	return wire{binary.LittleEndian.AppendUint16([]byte{kind}, uint16(number(arguments, 1))), short(encode)}
}

// short appends a value after its length in two bytes.
func short(encode func(any) []byte) func([]byte, any) []byte {
	return func(dst []byte, value any) []byte {
		if value == nil {
			return append(dst, 0xff, 0xff)
		}
		content := encode(value)
		return append(binary.LittleEndian.AppendUint16(dst, uint16(len(content))), content...)
	}
}

// partly appends a value in chunks.
func partly(encode func(any) []byte) func([]byte, any) []byte {
	return func(dst []byte, value any) []byte {
		if value == nil {
			return binary.LittleEndian.AppendUint64(dst, math.MaxUint64)
		}
		content := encode(value)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(len(content)))
		for chunk := range slices.Chunk(content, 1000) {
			dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(chunk))), chunk...)
		}
		return append(dst, 0, 0, 0, 0)
	}
}

// long is a type of old, with a pointer before its value.
func long(kind byte, encode func(any) []byte) wire {
	info := append(binary.LittleEndian.AppendUint32([]byte{kind}, math.MaxInt32), collation...)
	info = appendText(append(info, 1), "people")
	return wire{info, func(dst []byte, value any) []byte {
		if value == nil {
			return append(dst, 0)
		}
		content := encode(value)
		dst = append(append(dst, 16), make([]byte, 16+8)...)
		return append(binary.LittleEndian.AppendUint32(dst, uint32(len(content))), content...)
	}}
}

// variant sends a text in a sql_variant.
func variant(dst []byte, value any) []byte {
	if value == nil {
		return append(dst, 0, 0, 0, 0)
	}
	content := wide(value.(string))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(2+7+len(content)))
	dst = append(append(dst, 0xe7, 7), collation...)
	return append(binary.LittleEndian.AppendUint16(dst, 8000), content...)
}
