package sql

import (
	"regexp"
	"strings"
)

// The protocol of Trino has no place for the values of parameters but the statement
// EXECUTE name USING value, value, in which each value is an expression that Trino
// parses apart from the prepared query: whatever a value holds, it cannot become a
// part of the query. Its own JDBC driver does the same. Values are written as string
// literals, in which Trino knows one special character, the quote, which is doubled,
// and no escapes. https://trino.io/docs/current/sql/execute.html

// trinoExecute returns the statement that executes a prepared query. types are those
// that Trino finds for the parameters, as DESCRIBE INPUT writes them.
func trinoExecute(name string, args []*string, types []string) string {
	values := make([]string, len(args))
	for i, arg := range args {
		values[i] = trinoValue(arg, types[i])
	}
	return "EXECUTE " + name + " USING " + strings.Join(values, ", ")
}

// trinoCasts matches the types that a text is cast to. Others take the text as it is,
// or are refused by Trino: a cast to varchar(3) would cut it.
var trinoCasts = regexp.MustCompile(`^(boolean|tinyint|smallint|integer|bigint|real|double|date|uuid|ipaddress|decimal\(\d+, ?\d+\)|time(stamp)?(\(\d+\))?( with time zone)?)$`)

func trinoValue(arg *string, of string) string {
	if arg == nil {
		return "NULL"
	}
	literal := "'" + strings.ReplaceAll(*arg, "'", "''") + "'"
	if trinoCasts.MatchString(of) {
		return "CAST(" + literal + " AS " + of + ")"
	}
	return literal
}
