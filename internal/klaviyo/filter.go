package klaviyo

import (
	"strings"
	"time"
)

// TimeRange is the time from From, included, to To, excluded. A zero bound is no
// bound.
type TimeRange struct{ From, To time.Time }

var filterEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// equals returns a filter for a field with this value.
func equals(field, value string) string {
	return `equals(` + field + `,"` + filterEscaper.Replace(value) + `")`
}

// anyOf returns a filter for a field with one of these values.
func anyOf(field string, values ...string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = `"` + filterEscaper.Replace(value) + `"`
	}
	return "any(" + field + ",[" + strings.Join(quoted, ",") + "])"
}

// within returns a filter for a time in a range; it is empty for all time.
func within(field string, during TimeRange) string {
	var both []string
	if !during.From.IsZero() {
		both = append(both, "greater-or-equal("+field+","+during.From.UTC().Format(time.RFC3339)+")")
	}
	if !during.To.IsZero() {
		both = append(both, "less-than("+field+","+during.To.UTC().Format(time.RFC3339)+")")
	}
	return strings.Join(both, ",")
}
