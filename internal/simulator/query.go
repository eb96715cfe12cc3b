package simulator

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parameterKind is how the value of a query parameter is read.
type parameterKind int

const (
	wordsParameter parameterKind = iota // names from a fixed set, separated by commas
	sortParameter
	sizeParameter
	cursorParameter
	filterParameter
)

// parameter is a query parameter that an operation takes.
type parameter struct {
	name         string
	kind         parameterKind
	words        []string
	fallback     int // page size when none is asked for
	maximum      int
	filterFields []filterField
}

func fieldsOf(resource string, names []string) parameter {
	return parameter{name: "fields[" + resource + "]", words: names}
}

func additional(resource string, names ...string) parameter {
	return parameter{name: "additional-fields[" + resource + "]", words: names}
}

func including(names ...string) parameter { return parameter{name: "include", words: names} }

// sortedBy takes each name up and, with a minus, down.
func sortedBy(names ...string) parameter {
	p := parameter{name: "sort", kind: sortParameter}
	for _, name := range names {
		p.words = append(p.words, name, "-"+name)
	}
	return p
}

func filteredBy(fields ...filterField) parameter {
	return parameter{name: "filter", kind: filterParameter, filterFields: fields}
}

// paged are the two parameters of a paged collection.
func paged(fallback, maximum int) []parameter {
	return []parameter{
		{name: "page[size]", kind: sizeParameter, fallback: fallback, maximum: maximum},
		{name: "page[cursor]", kind: cursorParameter},
	}
}

// query is a query string that has been understood.
type query struct {
	words   map[string][]string
	sort    string
	size    int
	cursor  *pageCursor
	filters []condition
}

func (q *query) asks(parameter, word string) bool { return slices.Contains(q.words[parameter], word) }

// fields are the names that fields[resource] asks for, and whether it was given.
func (q *query) fields(resource string) ([]string, bool) {
	names, given := q.words["fields["+resource+"]"]
	return names, given
}

func (x *exchange) parseQuery() *response {
	values, err := url.ParseQuery(x.request.URL.RawQuery)
	if err != nil {
		return refusal(invalidParameter("", "The query string is malformed."))
	}
	x.query = query{words: map[string][]string{}}
	for _, p := range x.operation.parameters {
		if p.kind == sizeParameter {
			x.query.size = p.fallback
		}
	}
	for name, all := range values {
		at := slices.IndexFunc(x.operation.parameters, func(p parameter) bool { return p.name == name })
		if at < 0 {
			return refusal(invalidParameter(name, fmt.Sprintf("'%s' is not a valid query parameter.", name)))
		}
		if len(all) > 1 {
			return refusal(invalidParameter(name, fmt.Sprintf("'%s' is given more than once.", name)))
		}
	}
	// In the order of the table: the cursor is checked against the sort.
	for _, p := range x.operation.parameters {
		if !values.Has(p.name) {
			continue
		}
		if detail := x.take(p, values.Get(p.name)); detail != "" {
			return refusal(invalidParameter(p.name, detail))
		}
	}
	return nil
}

// take reads one parameter and returns what is wrong with it.
func (x *exchange) take(p parameter, value string) string {
	switch p.kind {
	case sortParameter:
		if !slices.Contains(p.words, value) {
			return fmt.Sprintf("'%s' is not a valid sort. Choose from: %s.", value, strings.Join(p.words, ", "))
		}
		x.query.sort = value
	case sizeParameter:
		size, err := strconv.Atoi(value)
		if err != nil || size < 1 || size > p.maximum {
			return fmt.Sprintf("Page size must be an integer between 1 and %d.", p.maximum)
		}
		x.query.size = size
	case cursorParameter:
		cursor, ok := x.decodeCursor(value)
		if !ok {
			return "The page cursor is invalid."
		}
		x.query.cursor = cursor
	case filterParameter:
		filters, detail := parseFilter(value, p.filterFields)
		x.query.filters = filters
		return detail
	default:
		return x.takeWords(p, value)
	}
	return ""
}

func (x *exchange) takeWords(p parameter, value string) string {
	words := []string{}
	if value != "" {
		words = strings.Split(value, ",")
	}
	for _, word := range words {
		if !slices.Contains(p.words, word) {
			return fmt.Sprintf("'%s' is not a valid value. Choose from: %s.", word, strings.Join(p.words, ", "))
		}
	}
	x.query.words[p.name] = words
	return ""
}
