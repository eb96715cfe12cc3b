package klaviyo

import "strings"

var filterEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// equals is the filter "field has this value", with the value quoted.
func equals(field, value string) string {
	return `equals(` + field + `,"` + filterEscaper.Replace(value) + `")`
}
