package klaviyo

import (
	"strings"
	"time"
)

// TimeRange is a span of time, with its beginning and without its end. The
// zero value is all time.
type TimeRange struct{ From, To time.Time }

var filterEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// equals is the filter "field has this value", with the value quoted.
func equals(field, value string) string {
	return `equals(` + field + `,"` + filterEscaper.Replace(value) + `")`
}

// anyOf is the filter "field has one of these values", with the values quoted.
func anyOf(field string, values ...string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = `"` + filterEscaper.Replace(value) + `"`
	}
	return "any(" + field + ",[" + strings.Join(quoted, ",") + "])"
}

// within is the filter "field is in this span", empty for all time.
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
