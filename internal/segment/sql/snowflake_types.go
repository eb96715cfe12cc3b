package sql

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// snowflakeColumn is a column in the description of a result.
type snowflakeColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// snowflakeTypes are the types of columns, by their names in lower case. All values
// are texts, in the format that
// https://docs.snowflake.com/en/developer-guide/sql-api/handling-responses gives for
// each type.
var snowflakeTypes = map[string]textType{
	"fixed": {json: true, convert: appendNumber}, "number": {json: true, convert: appendNumber}, "decfloat": {json: true, convert: appendNumber},
	"real": {json: true, convert: appendReal}, "float": {json: true, convert: appendReal}, "double": {json: true, convert: appendReal},
	"boolean": {json: true, convert: appendSnowflakeBool},
	"text":    {}, "varchar": {}, "char": {}, "string": {},
	"date": {convert: appendEpochDays},
	"time": {convert: func(dst, text []byte) ([]byte, error) {
		return appendEpoch(dst, text, "15:04:05.999999999", time.UTC)
	}},
	"timestamp_ntz": {convert: func(dst, text []byte) ([]byte, error) {
		return appendEpoch(dst, text, "2006-01-02T15:04:05.999999999", time.UTC)
	}},
	"timestamp_ltz": {convert: func(dst, text []byte) ([]byte, error) { return appendEpoch(dst, text, time.RFC3339Nano, time.UTC) }},
	"timestamp_tz":  {convert: appendEpochWithZone},
	"variant":       {json: true, convert: appendCheckedJSON}, "object": {json: true, convert: appendCheckedJSON},
	"array": {json: true, convert: appendCheckedJSON}, "map": {json: true, convert: appendCheckedJSON},
}

// snowflakeColumns returns the columns of a result with their types. Types that are
// not in the table cannot be mapped: BINARY, GEOGRAPHY, GEOMETRY, VECTOR, FILE and
// those that Snowflake may add.
func snowflakeColumns(of []snowflakeColumn) ([]textType, []columnInfo) {
	types, columns := make([]textType, len(of)), make([]columnInfo, len(of))
	for i, column := range of {
		var known bool
		if types[i], known = snowflakeTypes[strings.ToLower(column.Type)]; !known {
			types[i].binary = strings.ToUpper(column.Type)
		}
		columns[i] = columnInfo{name: column.Name, json: types[i].json, binary: types[i].binary}
	}
	return types, columns
}

// appendReal appends a floating-point number of 64 bits as JSON. NaN and infinity,
// which JSON does not have, become empty.
func appendReal(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, errors.New("a number that cannot be read")
	}
	return segment.AppendFloat(dst, f, 64), nil
}

func appendSnowflakeBool(dst, text []byte) ([]byte, error) {
	return strconv.AppendBool(dst, string(text) == "1" || strings.EqualFold(string(text), "true")), nil
}

var errEpoch = errors.New("a date or time that cannot be read")

// appendEpochDays appends the date that is a number of days after 1970-01-01.
func appendEpochDays(dst, text []byte) ([]byte, error) {
	days, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil {
		return dst, errEpoch
	}
	return time.Unix(days*24*60*60, 0).UTC().AppendFormat(dst, time.DateOnly), nil
}

// appendEpoch appends the time that is a number of seconds, which may have decimals,
// after the beginning of 1970.
func appendEpoch(dst, text []byte, layout string, in *time.Location) ([]byte, error) {
	const decimals = 9
	digits, negative := bytes.CutPrefix(text, []byte{'-'})
	whole, fraction, _ := bytes.Cut(digits, []byte{'.'})
	if len(whole) == 0 || len(fraction) > decimals {
		return dst, errEpoch
	}
	seconds, err := strconv.ParseUint(string(whole), 10, 62)
	if err != nil {
		return dst, errEpoch
	}
	nanoseconds, err := strconv.ParseUint(string(fraction)+"000000000"[len(fraction):], 10, 62)
	if err != nil {
		return dst, errEpoch
	}
	at := time.Unix(int64(seconds), int64(nanoseconds))
	if negative {
		at = time.Unix(-int64(seconds), -int64(nanoseconds))
	}
	return at.In(in).AppendFormat(dst, layout), nil
}

// appendEpochWithZone does the same where the offset from UTC follows, in minutes
// plus a day: 1616173619.000000000 960 is 8 hours behind UTC.
func appendEpochWithZone(dst, text []byte) ([]byte, error) {
	const day = 24 * 60
	text, zone, found := bytes.Cut(text, []byte{' '})
	minutes, err := strconv.Atoi(string(zone))
	if !found || err != nil || minutes < 0 || minutes > 2*day {
		return dst, errEpoch
	}
	in := time.UTC
	if minutes != day {
		in = time.FixedZone("", (minutes-day)*60)
	}
	return appendEpoch(dst, text, time.RFC3339Nano, in)
}
