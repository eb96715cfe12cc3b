package sql

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// trinoFailure is the error in the results of a statement.
type trinoFailure struct {
	Message  string `json:"message"`
	Name     string `json:"errorName"`
	Type     string `json:"errorType"`
	Location *struct {
		Line   int `json:"lineNumber"`
		Column int `json:"columnNumber"`
	} `json:"errorLocation"`
}

// trinoAboutStatement matches the errors of users that Trino finds before it reads
// rows. The messages of all others may quote values.
var trinoAboutStatement = regexp.MustCompile(`^(SYNTAX_ERROR|AMBIGUOUS_NAME|TYPE_MISMATCH|NOT_SUPPORTED|PERMISSION_DENIED|READ_ONLY_VIOLATION|INCOMPATIBLE_CLIENT|USER_CANCELED|` +
	`INVALID_PARAMETER_USAGE|INVALID_COLUMN_REFERENCE|INVALID_SESSION_PROPERTY|UNKNOWN_TRANSACTION|TRANSACTION_ALREADY_ABORTED|` +
	`(MISSING|MISMATCHED|NESTED|VIEW_IS|EXPRESSION_NOT|DUPLICATE_COLUMN)_[A-Z_]+|([A-Z_]+_)?NOT_FOUND)$`)

// trinoPosition matches the position that a message begins with.
var trinoPosition = regexp.MustCompile(`^line \d+:\d+: `)

// said is the message in Trino's words. linesBefore is how many lines of the statement
// are before the query; -1 if the position is that of another text.
func (f *trinoFailure) said(linesBefore int) string {
	aboutStatement := f.Type == "INSUFFICIENT_RESOURCES" || f.Type == "USER_ERROR" && trinoAboutStatement.MatchString(f.Name)
	message := strings.Join(strings.Fields(trinoPosition.ReplaceAllString(f.Message, "")), " ")
	message = maskMessage(message, aboutStatement)
	if at := f.Location; at != nil && at.Line > linesBefore && linesBefore >= 0 {
		message += fmt.Sprintf(", at line %d, column %d of the query", at.Line-linesBefore, at.Column)
	}
	if f.Name != "" {
		message += " (" + f.Name + ")"
	}
	return message
}

// queryError explains why a statement failed.
func (f *trinoFailure) queryError(linesBefore int) *segment.Error {
	said := f.said(linesBefore)
	switch f.Name {
	case "READ_ONLY_VIOLATION":
		return argumentError("query", "Use a query that only selects.", "The query writes, and segments are only read: %s.", said)
	case "PERMISSION_DENIED":
		return argumentError("query", "Grant it: GRANT SELECT on what the query reads is enough, or the same in the access control of the cluster.", "The user may not do what the query does: %s.", said)
	case "EXCEEDED_TIME_LIMIT":
		return argumentError("query", "Make the query faster, or raise statement_timeout in the URL, or query_max_run_time and query_max_execution_time of the cluster.", "Trino ended the query, which took too long: %s.", said)
	case "USER_CANCELED", "ADMINISTRATIVELY_KILLED", "ADMINISTRATIVELY_PREEMPTED", "ABANDONED_QUERY":
		return argumentError("query", "Find out who or what did so: the list of queries of the cluster has those of the source "+applicationName+".", "The query was ended on the server: %s.", said)
	case "QUERY_QUEUE_FULL", "CLUSTER_OUT_OF_MEMORY", "NO_NODES_AVAILABLE", "SERVER_STARTING_UP", "SERVER_SHUTTING_DOWN", "REMOTE_TASK_ERROR", "REMOTE_HOST_GONE", "PAGE_TRANSPORT_TIMEOUT", "PAGE_TRANSPORT_ERROR":
		return argumentError("url", "Plan again later. If the error returns, the log of the cluster has its cause.", "The cluster cannot run the query now: %s.", said)
	case "CATALOG_NOT_FOUND", "SCHEMA_NOT_FOUND", "MISSING_CATALOG_NAME", "MISSING_SCHEMA_NAME":
		return argumentError("url", "Write catalog and schema in the URL, or before the table in the query. "+trinoExample, "Trino does not find what the query reads: %s.", said)
	}
	if f.Type == "INSUFFICIENT_RESOURCES" {
		return argumentError("query", "Make the query smaller, or raise that limit in the URL, session_properties, or in the cluster.", "The query reached a limit of the cluster: %s.", said)
	}
	return argumentError("query", "", "Trino refuses the query: %s.", said)
}
