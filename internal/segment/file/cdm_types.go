package file

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// cdmType is the type of an attribute.
type cdmType struct {
	isJSON bool
	read   func(text string) (value string, ok bool) // of a text that is not empty; nil: it is the value
}

var errUnknownType = errors.New("the type is not known")

// cdmTypeOf returns a type by its name. The culture of the model says in which order
// dates with slashes are written.
func cdmTypeOf(name, culture string) (cdmType, error) {
	american := culture == "" || strings.EqualFold(culture, "en-US")
	switch strings.ToLower(name) {
	case "", "string", "guid", "unclassified", "time":
		return cdmType{}, nil
	case "int64":
		return cdmType{true, readInteger}, nil
	case "double":
		return cdmType{true, readDouble}, nil
	case "decimal":
		return cdmType{true, func(text string) (string, bool) { return text, number.MatchString(text) }}, nil
	case "boolean":
		return cdmType{true, readBoolean}, nil
	case "json":
		return cdmType{true, func(text string) (string, bool) { return text, json.Valid([]byte(text)) }}, nil
	case "date":
		return cdmType{false, func(text string) (string, bool) {
			at, _, ok := readTime(text, american)
			return at.Format(time.DateOnly), ok
		}}, nil
	case "datetime", "datetimeoffset":
		return cdmType{false, func(text string) (string, bool) {
			at, layout, ok := readTime(text, american)
			return at.UTC().Format(layout), ok
		}}, nil
	default:
		return cdmType{}, errUnknownType
	}
}

func readInteger(text string) (string, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return strconv.FormatInt(n, 10), err == nil
}

func readDouble(text string) (string, bool) {
	if number.MatchString(text) {
		return text, true
	}
	n, err := strconv.ParseFloat(text, 64)
	return string(segment.AppendFloat(nil, n, 64)), err == nil
}

func readBoolean(text string) (string, bool) {
	switch strings.ToLower(text) {
	case "true", "1":
		return "true", true
	case "false", "0":
		return "false", true
	default:
		return "", false
	}
}

const (
	layoutWithoutZone = "2006-01-02T15:04:05.999999999"
	layoutOfDay       = time.DateOnly
)

// timeLayouts are how programs write times, and how they are passed on.
var timeLayouts = []struct {
	layout, to string
	american   bool // the month comes first
}{
	{time.RFC3339Nano, time.RFC3339Nano, false},
	{"2006-01-02T15:04:05", layoutWithoutZone, false},
	{"2006-01-02 15:04:05", layoutWithoutZone, false},
	{time.DateOnly, layoutOfDay, false},
	{"2006-01-02 15:04:05Z07:00", time.RFC3339Nano, false},
	{"2006-01-02 15:04:05 Z07:00", time.RFC3339Nano, false},
	{"2006-01-02T15:04", layoutWithoutZone, false},
	{"1/2/2006 3:04:05 PM", layoutWithoutZone, true},
	{"1/2/2006 15:04:05", layoutWithoutZone, true},
	{"1/2/2006 3:04:05 PM Z07:00", time.RFC3339Nano, true},
	{"1/2/2006 15:04:05 Z07:00", time.RFC3339Nano, true},
	{"1/2/2006 3:04 PM", layoutWithoutZone, true},
	{"1/2/2006", layoutOfDay, true},
}

// readTime reads a time, and returns how to write it. With
// slashes, another order than the American one is not guessed.
func readTime(text string, american bool) (at time.Time, layout string, ok bool) {
	for _, l := range timeLayouts {
		if l.american && !american {
			continue
		}
		if at, err := time.Parse(l.layout, text); err == nil {
			return at, l.to, true
		}
	}
	return time.Time{}, "", false
}
