package file

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// place is where a file of a segment is.
type place struct {
	name    string            // for messages
	path    string            // not for messages; its extension names the format
	folders map[string]string // values that folders such as tier=gold give to all rows
	part    int               // number of the file, where files are written in different ways
}

// hiveNull is the value in the name of a folder that stands for no value.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// placed is a file whose place is not in its path.
type placed interface{ place() place }

// placeOf returns the place of a file. Spark, Hive and others keep the columns by
// which they split a table only in the names of folders, percent-encoded.
func placeOf(o storage.Object) place {
	if o, ok := o.(placed); ok {
		return o.place()
	}
	p := place{name: o.Name(), path: o.Path()}
	folders := strings.FieldsFunc(o.Path(), func(r rune) bool { return r == '/' || r == '\\' })
	for _, folder := range folders[:max(0, len(folders)-1)] {
		name, value, ok := strings.Cut(folder, "=")
		if !ok || name == "" {
			continue
		}
		if p.folders == nil {
			p.folders = map[string]string{}
		}
		value = unescapeFolder(value)
		if value == hiveNull {
			value = ""
		}
		p.folders[unescapeFolder(name)] = value
	}
	return p
}

// unescapeFolder decodes a part of the name of a folder; one that is not encoded
// stays as it is.
func unescapeFolder(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}

// names are the columns in the path.
func (p place) names() []string { return slices.Sorted(maps.Keys(p.folders)) }
