package sql

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// snowflakeFailure is the body of an answer that reports an error.
type snowflakeFailure struct {
	Code     string `json:"code"`
	SQLState string `json:"sqlState"`
	Message  string `json:"message"`
}

// said is the message in Snowflake's words. An error of compilation is about the
// statement, whatever its SQLSTATE.
func (f *snowflakeFailure) said() string {
	message := strings.Join(strings.Fields(f.Message), " ")
	compiled := strings.HasPrefix(message, "SQL compilation error") || strings.HasPrefix(message, "SQL access control error")
	switch {
	case compiled, f.SQLState == "":
		message = maskMessage(message, compiled || strings.HasPrefix(f.Code, "39")) // codes of sessions, not of rows
	default:
		message, _, _ = strings.Cut(serverMessage(f.SQLState, message), " (SQLSTATE ")
	}
	var codes []string
	if f.Code != "" {
		codes = append(codes, "code "+f.Code)
	}
	if f.SQLState != "" {
		codes = append(codes, "SQLSTATE "+f.SQLState)
	}
	if codes == nil {
		return message
	}
	return message + " (" + strings.Join(codes, ", ") + ")"
}

// snowflakePosition matches the position of an error, whose columns count from 0.
var snowflakePosition = regexp.MustCompile(`line (\d+) at position (\d+)`)

// moveLines makes positions count from the first line of the query, which follows a
// number of lines in the statement that was sent.
func moveLines(message string, before int) string {
	return snowflakePosition.ReplaceAllStringFunc(message, func(position string) string {
		at := snowflakePosition.FindStringSubmatch(position)
		line, _ := strconv.Atoi(at[1])
		column, _ := strconv.Atoi(at[2])
		return fmt.Sprintf("line %d, column %d", max(line-before, 1), column+1)
	})
}

// queryError explains why a statement failed.
func (f *snowflakeFailure) queryError(status int) *segment.Error {
	said := f.said()
	switch {
	case status == http.StatusRequestTimeout || f.Code == "000630":
		return argumentError("query", "Make the query faster, or raise statement_timeout in the URL, or the parameter STATEMENT_TIMEOUT_IN_SECONDS of user and warehouse.",
			"Snowflake ended the query, which took too long: %s.", said)
	case f.Code == "000604" || f.SQLState == "57014":
		return argumentError("query", "Find out who or what did so: the query history of Snowflake has the query with the tag "+applicationName+".", "The query was cancelled on the server: %s.", said)
	case f.Code == "000606":
		return argumentError("url", "Add warehouse= to the parameters of the URL, or give the user a DEFAULT_WAREHOUSE; the role needs USAGE on it.", "Snowflake has no warehouse to run the query on: %s.", said)
	case strings.Contains(f.Message, "resource monitor"), strings.Contains(f.Message, "exceeded its quota"):
		return argumentError("url", "Use another warehouse, or raise the quota of its resource monitor.", "The warehouse has used up its quota: %s.", said)
	case f.Code == "390189", f.Code == "390201", f.Code == "390186":
		return argumentError("url", "Check role, warehouse, database and schema in the URL, and that they are granted to the user. A name in lower case is written with quotes, %22name%22.", "Snowflake refuses the session: %s.", said)
	case f.Code == "003001" || f.SQLState == "42501":
		return argumentError("query", "Grant it to the role of the URL: USAGE on the warehouse, the database and the schema, and SELECT on what the query reads, are enough.",
			"The role may not do what the query does: %s.", said)
	case f.Code == "002003":
		return argumentError("query", "Check the name, which is in upper case unless it is quoted, and database and schema in the URL. Snowflake says the same where the role lacks SELECT: grant it.",
			"Snowflake does not find what the query reads: %s.", said)
	default:
		return argumentError("query", "", "Snowflake refuses the query: %s.", said)
	}
}

// accessError explains why a request was not authorized.
func (f *snowflakeFailure) accessError(status int, credential *snowflakeCredential, host string) *segment.Error {
	said := f.said()
	if said != "" {
		said = ": " + said
	}
	switch {
	case status == http.StatusForbidden:
		return argumentError("url", "Check the account in the URL, and whether a network policy of Snowflake lets this machine in.", "Snowflake at %s denies access%s.", host, said)
	case credential.key != nil:
		return argumentError("url", fmt.Sprintf("Check account and user in the URL, that the public key is assigned to the user (DESCRIBE USER then shows RSA_PUBLIC_KEY_FP as %s), and the clock of this machine.", credential.key.fingerprint),
			"Snowflake at %s refuses %s%s.", host, credential.origin, said)
	default:
		return argumentError("url", "It may have expired, or belong to another account, or not allow the role of the URL. Create a new one.", "Snowflake at %s refuses %s%s.", host, credential.origin, said)
	}
}
