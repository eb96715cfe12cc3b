package sql

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// databricksFailure is an error of the API, or of a statement.
type databricksFailure struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`

	sqlState string
}

func databricksFailureOf(body []byte) (failure databricksFailure) {
	_ = json.Unmarshal(body, &failure) // it stays empty
	return failure
}

var (
	databricksState    = regexp.MustCompile(`\s*\(?SQLSTATE: ([0-9A-Z]{5})\)?`)
	databricksPosition = regexp.MustCompile(`[(]?line (\d+),? pos(?:ition)? (\d+)[)]?`)
)

// said is the message in Databricks' words, and its SQLSTATE. before is how many lines
// of the statement are before the query. Nothing that is said of a description is
// about rows.
func (f *databricksFailure) said(before int, described bool) (text, state string) {
	message, _, _ := strings.Cut(f.Message, "== SQL") // the statement follows
	state = f.sqlState
	if match := databricksState.FindStringSubmatch(message); match != nil && state == "" {
		state = match[1]
	}
	where := ""
	if at := databricksPosition.FindStringSubmatch(message); at != nil {
		line, _ := strconv.Atoi(at[1])
		column, _ := strconv.Atoi(at[2])
		where = ", at line " + strconv.Itoa(max(line-before, 1)) + ", column " + strconv.Itoa(column+1)
	}
	message = databricksState.ReplaceAllString(databricksPosition.ReplaceAllString(message, ""), "")
	message = strings.TrimRight(strings.Join(strings.Fields(message), " "), ".;, ")
	if described {
		if message = maskMessage(message, true); state != "" {
			message += " (SQLSTATE " + state + ")"
		}
		return message + where, state
	}
	return serverMessage(state, message) + where, state
}

// queryError explains why a statement failed.
func (f *databricksFailure) queryError(before int, described bool) *segment.Error {
	said, state := f.said(before, described)
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(f.Message, word) {
				return true
			}
		}
		return false
	}
	switch {
	case state == "42501" || has("INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED"):
		return argumentError("query", "Grant it: USE CATALOG on the catalog, USE SCHEMA on the schema and SELECT on what the query reads are enough.", "The query may not read what it names: %s.", said)
	case state == "42P02" || has("UNBOUND_SQL_PARAMETER"):
		return argumentError("args", "Write the parameters of the query as :p1, :p2 and so on, and give one value for each.", "A parameter of the query has no value: %s.", said)
	case f.Code == "DEADLINE_EXCEEDED" || has("STATEMENT_TIMEOUT", "timed out"):
		return argumentError("query", "Make the query faster, or raise STATEMENT_TIMEOUT of the warehouse or the workspace.", "Databricks ended the query, which took too long: %s.", said)
	case f.Code == "RESOURCE_EXHAUSTED":
		return argumentError("url", "Plan again later, or use a larger warehouse.", "The warehouse has no room for the query: %s.", said)
	case f.Code == "TEMPORARILY_UNAVAILABLE", f.Code == "SERVICE_UNDER_MAINTENANCE", f.Code == "WORKSPACE_TEMPORARILY_UNAVAILABLE", f.Code == "INTERNAL_ERROR", f.Code == "IO_ERROR":
		return argumentError("url", "Plan again later.", "Databricks cannot run the query now: %s.", said)
	}
	return argumentError("query", "", "Databricks refuses the query: %s.", said)
}

// requestError explains why a request was refused.
func (c *databricksConfig) requestError(status int, f *databricksFailure) *segment.Error {
	said, _ := f.said(0, true)
	if said != "" {
		said = ": " + said
	}
	if code := f.Code; code != "" {
		said += " (" + code + ")"
	}
	host := c.endpoint.Host
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && strings.Contains(strings.ToLower(f.Message), "token"):
		return argumentError("url", "It may have expired, or belong to another workspace. Create a new one.", "Databricks at %s refuses %s%s.", host, c.origin, said)
	case status == http.StatusForbidden:
		return argumentError("url", "Give the user or the service principal the permission Can use on the SQL warehouse, and check whether an access list of the workspace lets this machine in.",
			"Databricks at %s denies access to the SQL warehouse%s.", host, said)
	case status == http.StatusNotFound, f.Code == "INVALID_PARAMETER_VALUE" && strings.Contains(f.Message, "endpoint id"):
		return argumentError("url", databricksExample, "Databricks at %s has no SQL warehouse %q%s.", host, c.warehouse, said)
	case isBusy(status): // which is given up at once if the request must not be repeated
		return argumentError("url", "Plan again later.", "The server at %s answers %d%s, so it is not known whether the query has begun.", host, status, said)
	case said == "": // not in the words of Databricks, but of a proxy perhaps
		return argumentError("url", "Plan again later, and check what is between this machine and Databricks.", "The server at %s answers %d, and does not say why.", host, status)
	default:
		return argumentError("query", "", "Databricks at %s refuses the request%s.", host, said)
	}
}
