package file

import (
	"slices"
	"strings"
)

// jsonObject says which keys of an object lead to columns.
type jsonObject struct {
	fields map[string]*jsonField
}

type jsonField struct {
	columns []int       // whose value this is
	object  *jsonObject // that holds further columns; nil if none
}

// maxDots bounds the ways to read a name with dots, which double with each.
const maxDots = 8

// add maps a column: its name is a key, or a path of keys wherever it has dots.
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

// jsonKeys are the keys that there are, for a message that a column is missing.
type jsonKeys struct {
	names []string
}

// maxKeys is how many a message could list, and some more.
const maxKeys = 200

// add notes a key, unless it is an address: some files have those as keys.
func (k *jsonKeys) add(name string) {
	if len(k.names) < maxKeys && !strings.Contains(name, "@") && !slices.Contains(k.names, name) {
		k.names = append(k.names, name)
	}
}
