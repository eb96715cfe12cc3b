package sql

import (
	"regexp"
	"strconv"
	"strings"
)

// databricksSyntax is that of Spark, as far as the lexer needs it.
var databricksSyntax = syntax{backslashes: `'"`}

// databricksParameter is a value of a parameter. Without a type it is a STRING.
type databricksParameter struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

// databricksParameterValues names the args p1, p2 and so on, since the API takes no
// positional parameters.
// https://docs.databricks.com/api/statement-execution/v1/execute-statement
func databricksParameterValues(args []*string) []databricksParameter {
	var parameters []databricksParameter
	for i, arg := range args {
		parameters = append(parameters, databricksParameter{"p" + strconv.Itoa(i+1), arg})
	}
	return parameters
}

var databricksMarker = regexp.MustCompile(`^p([1-9][0-9]{0,4})\b`)

// countDatabricksParameters returns the highest number of the parameters :p1, :p2 and
// so on of a query. What follows a value, as in payload:p1, is a path in JSON.
func countDatabricksParameters(query string) int {
	highest := 0
	l := &lexer{syntax: databricksSyntax, text: query}
	for t := l.next(); t.kind != endToken; t = l.next() {
		if t.text != ":" {
			continue
		}
		before := query[:len(query)-len(l.text)-1]
		if n := len(before); n > 0 && (isWordByte(before[n-1]) || strings.IndexByte("\"'`)]:", before[n-1]) >= 0) {
			continue
		}
		if marker := databricksMarker.FindStringSubmatch(l.text); marker != nil {
			number, _ := strconv.Atoi(marker[1])
			highest = max(highest, number)
		}
	}
	return highest
}
