package profile

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// appendValue appends a value of one of the property types. It reports false,
// having appended nothing, when the text is not of the type.
func appendValue(dst []byte, t Type, s string) ([]byte, bool) {
	switch t {
	case Number:
		return appendNumber(dst, s)
	case Boolean:
		return appendBoolean(dst, s)
	case Datetime:
		return appendDatetime(dst, s)
	case List:
		return appendList(dst, s)
	case JSON:
		return appendJSON(dst, s)
	default:
		return appendString(dst, s), true
	}
}

// appendNumber keeps the digits as they are where JSON allows it, so that
// nothing is lost to rounding.
func appendNumber(dst []byte, s string) ([]byte, bool) {
	f, ok := parseNumber(s)
	if !ok {
		return dst, false
	}
	if isJSONNumber(s) {
		return append(dst, s...), true
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64), true
}

// parseNumber takes decimal notation only: no hexadecimal, no infinities, no
// separators of thousands.
func parseNumber(s string) (float64, bool) {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// isJSONNumber tells decimal numbers that JSON writes the same way from those
// it does not: +1, 007, .5 and 5. are numbers to people but not to JSON. s is
// a number.
func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	rest := s[whole:]
	return rest == "" || rest[0] != '.' || len(rest) > 1 && isDigit(rest[1])
}

func appendBoolean(dst []byte, s string) ([]byte, bool) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "1":
		return append(dst, "true"...), true
	case "false", "f", "no", "n", "0":
		return append(dst, "false"...), true
	default:
		return dst, false
	}
}

// dateLayouts are tried in turn. A date with slashes has its month first, as
// in the exports of Dynamics 365.
var dateLayouts = []struct{ layout, write string }{
	{time.RFC3339Nano, time.RFC3339Nano},
	{"2006-01-02", time.DateOnly},
	{"2006-01-02 15:04:05.999999999Z07:00", time.RFC3339Nano},
	{"2006-01-02 15:04:05.999999999-07", time.RFC3339Nano},
	{"2006-01-02 15:04:05.999999999", time.RFC3339Nano},
	{"2006-01-02T15:04:05.999999999", time.RFC3339Nano},
	{"2006-01-02 15:04", time.RFC3339Nano},
	{"2006-01-02T15:04", time.RFC3339Nano},
	{"1/2/2006", time.DateOnly},
	{"1/2/2006 15:04", time.RFC3339Nano},
	{"1/2/2006 15:04:05", time.RFC3339Nano},
	{"1/2/2006 3:04 PM", time.RFC3339Nano},
	{"1/2/2006 3:04:05 PM", time.RFC3339Nano},
}

// appendDatetime writes a date as YYYY-MM-DD and a point in time as RFC 3339;
// one without a zone is in UTC.
func appendDatetime(dst []byte, s string) ([]byte, bool) {
	for _, l := range dateLayouts {
		if t, err := time.Parse(l.layout, s); err == nil && t.Year() > 0 {
			dst = append(dst, '"')
			dst = t.AppendFormat(dst, l.write)
			return append(dst, '"'), true
		}
	}
	return dst, false
}

// appendList takes a JSON array as it is and splits anything else at
// semicolons.
func appendList(dst []byte, s string) ([]byte, bool) {
	if s[0] == '[' {
		return appendJSON(dst, s)
	}
	dst = append(dst, '[')
	first := true
	for item := range strings.SplitSeq(s, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(dst, item)
	}
	return append(dst, ']'), true
}

// appendJSON appends a JSON value without insignificant white space. null is
// as good as empty: what Klaviyo makes of it is not certain.
func appendJSON(dst []byte, s string) ([]byte, bool) {
	if s == "null" {
		return dst, true
	}
	out := bytes.NewBuffer(dst)
	if err := json.Compact(out, []byte(s)); err != nil {
		return dst, false
	}
	return out.Bytes(), true
}

// appendLocale takes BCP 47 tags; an underscore for the hyphen is common in
// exports and accepted.
func appendLocale(dst []byte, s string) ([]byte, bool) {
	tag, err := language.Parse(s)
	if err != nil {
		return dst, false
	}
	return appendString(dst, tag.String()), true
}

// appendCoordinate takes a latitude or longitude in degrees, up to limit on
// either side of zero.
func appendCoordinate(dst []byte, s string, limit float64) ([]byte, bool) {
	if f, ok := parseNumber(s); !ok || math.Abs(f) > limit {
		return dst, false
	}
	return appendNumber(dst, s)
}
