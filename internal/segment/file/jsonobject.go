package file

import (
	"slices"
	"strings"
)

// jsonObject maps the keys of an object to columns.
type jsonObject struct {
	fields map[string]*jsonField
}

type jsonField struct {
	columns []int       // whose value this is
	object  *jsonObject // columns in the value; nil if there are none
}

// maxDots bounds the ways to read a name with dots, which double with each dot.
const maxDots = 8

// add maps a column: its name is a key or, split at any of its dots, a path of keys.
func (o *jsonObject) add(name string, column, depth int) {
	field := o.field(name)
	field.columns = append(field.columns, column)
	if depth+strings.Count(name, ".") > maxDots {
		return
	}
	for i := range name {
		if name[i] != '.' {
			continue
		}
		outer := o.field(name[:i])
		if outer.object == nil {
			outer.object = &jsonObject{}
		}
		outer.object.add(name[i+1:], column, depth+1)
	}
}

func (o *jsonObject) field(name string) *jsonField {
	field := o.fields[name]
	if field == nil {
		if o.fields == nil {
			o.fields = map[string]*jsonField{}
		}
		field = &jsonField{}
		o.fields[name] = field
	}
	return field
}

// jsonKeys are the keys in the file, for the error that a column is missing.
type jsonKeys struct {
	names []string
}

// maxKeys is more than the error lists.
const maxKeys = 200

// add records a key unless it is an email address, which some files have as keys.
func (k *jsonKeys) add(name string) {
	if len(k.names) < maxKeys && !strings.Contains(name, "@") && !slices.Contains(k.names, name) {
		k.names = append(k.names, name)
	}
}
