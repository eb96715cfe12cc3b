package sql

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// bigqueryFailure is an error of BigQuery.
// https://docs.cloud.google.com/bigquery/docs/error-messages
type bigqueryFailure struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// bigqueryFailureOf reads the body of an answer that is an error.
func bigqueryFailureOf(body []byte) bigqueryFailure {
	var answer struct {
		Error struct {
			Message string            `json:"message"`
			Errors  []bigqueryFailure `json:"errors"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return bigqueryFailure{}
	}
	failure := bigqueryFailure{Message: answer.Error.Message}
	if len(answer.Error.Errors) > 0 {
		failure.Reason = answer.Error.Errors[0].Reason
		if failure.Message == "" {
			failure.Message = answer.Error.Errors[0].Message
		}
	}
	return failure
}

// isRetryable reports whether BigQuery means that the request should be repeated,
// with a status that says otherwise.
func (f *bigqueryFailure) isRetryable() bool {
	return f.Reason == "rateLimitExceeded" || f.Reason == "backendError" || f.Reason == "internalError"
}

// bigqueryAboutRows are the reasons of errors whose messages may quote values of rows
// once the query runs.
var bigqueryAboutRows = map[string]bool{"": true, "invalidQuery": true, "invalid": true, "badRequest": true, "jobBackendError": true, "jobInternalError": true, "attributeError": true}

// said is the message in BigQuery's words. ran is false if nothing has run yet.
func (f *bigqueryFailure) said(ran bool) string {
	message := maskMessage(strings.Join(strings.Fields(f.Message), " "), !ran || !bigqueryAboutRows[f.Reason])
	if f.Reason == "" {
		return message
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s)", message, f.Reason))
}

// queryError explains why BigQuery refuses or ends a query.
func (c *bigqueryConfig) queryError(status int, f *bigqueryFailure, ran bool) *segment.Error {
	said := f.said(ran)
	tooLong := argumentError("query", "Make the query faster, or raise statement_timeout in the URL.", "BigQuery ended the query, which took too long: %s.", said)
	switch f.Reason {
	case "accessDenied":
		return argumentError("query", "Grant the identity that Terraform runs as roles/bigquery.jobUser on the project of the URL and roles/bigquery.dataViewer on what the query reads; no more is needed.",
			"BigQuery denies access: %s.", said)
	case "notFound":
		return argumentError("query", "Check project, dataset and table, and the parameter location of the URL, which must be where the dataset is.", "BigQuery does not find what the query reads: %s.", said)
	case "bytesBilledLimitExceeded":
		return argumentError("max_bytes_billed", "Make the query read less, or raise max_bytes_billed. BigQuery bills at least 10 MB for each table.", "The query was not run, since it would bill for more bytes than it may: %s.", said)
	case "quotaExceeded", "billingNotEnabled", "billingTierLimitExceeded", "responseTooLarge", "resourcesExceeded", "blocked":
		return argumentError("query", "Make the query read less, or raise the quota of the project, or change its billing.", "The query needs more than the project of the URL may use: %s.", said)
	case "rateLimitExceeded", "jobRateLimitExceeded", "backendError", "internalError", "jobBackendError", "jobInternalError", "tableUnavailable":
		return argumentError("url", "Plan again later.", "BigQuery cannot run the query now: %s.", said)
	case "timeout":
		return tooLong
	case "stopped":
		if strings.Contains(f.Message, "timed out") {
			return tooLong
		}
		return argumentError("query", "Find out who or what did so: the job history of the project has the query with the label "+bigqueryLabel+".", "The query was cancelled on the server: %s.", said)
	}
	switch status {
	case http.StatusForbidden:
		return argumentError("url", "Check the project in the URL, that the BigQuery API is enabled in it, and that the identity that Terraform runs as has roles/bigquery.jobUser there.",
			"BigQuery denies access to the project %q: %s.", c.project, said)
	case http.StatusNotFound:
		return argumentError("url", "Check project and location in the URL.", "BigQuery does not find the project %q or the job: %s.", c.project, said)
	}
	if said == "" { // not in the words of BigQuery, but of a proxy perhaps
		return argumentError("url", "Plan again later, and check what is between this machine and BigQuery.", "The server at %s answers %d, and does not say why.", c.endpoint.Host, status)
	}
	return argumentError("query", "", "BigQuery refuses the query: %s.", said)
}

// googleCredentials is where they are looked for.
const googleCredentials = "Credentials come from the file that GOOGLE_APPLICATION_CREDENTIALS names, from gcloud auth application-default login, or from the metadata server."

// accessError reports credentials that Google or BigQuery refuses.
func (c *bigqueryConfig) accessError(f *bigqueryFailure) *segment.Error {
	said := f.said(false)
	if said != "" {
		said = ": " + said
	}
	return argumentError("url", googleCredentials, "BigQuery refuses the credentials%s.", said)
}

// sizeOf writes a number of bytes, and about how many that are.
func sizeOf(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d bytes", bytes)
	}
	value, prefix := float64(bytes)/unit, 0
	for ; value >= unit && prefix < len("KMGTPE")-1; prefix++ {
		value /= unit
	}
	return fmt.Sprintf("%d bytes (%.1f %ciB)", bytes, value, "KMGTPE"[prefix])
}
