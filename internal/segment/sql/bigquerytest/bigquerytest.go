// Package bigquerytest is a stand-in for BigQuery's REST API, version 2, and for
// Google's token endpoint, for tests. It is written from
// https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/jobs and the
// discovery document of the API,
// https://docs.cloud.google.com/bigquery/docs/error-messages and
// https://developers.google.com/identity/protocols/oauth2/service-account.
//
// Values in rows are strings as BigQuery writes
// them, nil for NULL, []any for a repeated column or a RECORD; a time.Time in a
// TIMESTAMP column is written as the request's format options demand. Types are
// those of a schema: STRING, INTEGER, FLOAT, NUMERIC, BIGNUMERIC, BOOLEAN, TIMESTAMP, DATE,
// TIME, DATETIME, BYTES, GEOGRAPHY, JSON, INTERVAL, RANGE and RECORD.
package bigquerytest

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

type (
	// Result is what a statement yields.
	Result = standin.Result
	// Column is a column of a result.
	Column = standin.Column
	// Failure is an error of the service.
	Failure = standin.Failure
	// FailAt is a failure after some pages.
	FailAt = standin.FailAt
	// Fault is something that goes wrong with requests.
	Fault = standin.Fault
	// Statement is a statement that a client submitted.
	Statement = standin.Statement
	// Arg is an argument of a statement.
	Arg = standin.Arg
)

// Errors that a query meets.
var (
	Syntax    = Failure{Name: "invalidQuery", Message: "Syntax error: Expected end of input but got identifier \"FORM\" at [1:10]"}
	Forbidden = Failure{Name: "accessDenied", Message: "Access Denied: Table example-project:crm.buyers: User does not have permission to query table example-project:crm.buyers, or perhaps it does not exist."}
	NotFound  = Failure{Name: "notFound", Message: "Not found: Table example-project:crm.buyers was not found in location US"}
	Timeout   = Failure{Name: "stopped", Message: "Job execution was cancelled: Job timed out after 10s"}
	Quota     = Failure{Name: "quotaExceeded", Message: "Quota exceeded: Your project exceeded quota for query usage per day."}
	NoJobs    = Failure{Name: "accessDenied", Message: "Access Denied: Project example-project: User does not have bigquery.jobs.create permission in project example-project."}
	cancelled = Failure{Name: "stopped", Message: "Job execution was cancelled: User requested cancellation"}
)

// statuses are those of https://docs.cloud.google.com/bigquery/docs/error-messages,
// and 499 for the results of a job that was stopped, which have no row there.
var statuses = map[string]int{
	"invalidQuery": 400, "invalid": 400, "badRequest": 400, "bytesBilledLimitExceeded": 400, "resourcesExceeded": 400, "billingTierLimitExceeded": 400,
	"accessDenied": 403, "quotaExceeded": 403, "rateLimitExceeded": 403, "jobRateLimitExceeded": 403, "responseTooLarge": 403, "billingNotEnabled": 403, "blocked": 403,
	"notFound": 404, "duplicate": 409, "stopped": 499, "internalError": 500, "backendError": 503,
}

// Server is a project of BigQuery with one service account.
type Server struct {
	standin.Server
	standin.Tokens

	Project      string
	ClientEmail  string
	RefreshToken string // of the user's credentials
	// NoJobs refuses the right to create jobs.
	NoJobs bool

	mu       sync.Mutex
	jobs     map[string]*job
	requests map[string]*job // of jobs.query, by requestId
}

// Start starts a server, which the test stops.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{
		Project: "example-project", ClientEmail: "reader@example-project.iam.gserviceaccount.com", RefreshToken: "1//stand-in",
		jobs: map[string]*job{}, requests: map[string]*job{},
	}
	const project = "/bigquery/v2/projects/{project}"
	const all, some = "bigquery cloud-platform", "bigquery cloud-platform cloud-platform.read-only"
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST "+project+"/jobs", s.endpoint(all, s.insert))
	mux.HandleFunc("GET "+project+"/jobs/{job}", s.endpoint(some, s.get, "location"))
	mux.HandleFunc("POST "+project+"/jobs/{job}/cancel", s.endpoint(all, s.cancel, "location"))
	mux.HandleFunc("POST "+project+"/queries", s.endpoint(some, s.query))
	mux.HandleFunc("GET "+project+"/queries/{job}", s.endpoint(some, s.results, "formatOptions.timestampOutputFormat", "formatOptions.useInt64Timestamp",
		"location", "maxResults", "pageToken", "startIndex", "timeoutMs"))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuseStatus(w, http.StatusNotFound) })
	s.Server.Start(t, mux, refuseStatus)
	return s
}

// endpoint checks what all requests must have. The token must allow one of the scopes.
func (s *Server) endpoint(scopes string, serve http.HandlerFunc, parameters ...string) http.HandlerFunc {
	known := append([]string{"alt", "fields", "prettyPrint", "quotaUser", "key"}, parameters...)
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.authorized(w, r, scopes) {
			return
		}
		if name, found := standin.UnknownParameter(r, known...); found {
			refuse(w, http.StatusBadRequest, "badRequest", `Invalid JSON payload received. Unknown name "`+name+`": Cannot bind query parameter.`)
			return
		}
		if r.Method == http.MethodPost && r.ContentLength != 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			refuse(w, http.StatusBadRequest, "badRequest", "Invalid JSON payload received: the Content-Type is not application/json.")
			return
		}
		if project := r.PathValue("project"); project != s.Project {
			refuse(w, http.StatusForbidden, "accessDenied", "Access Denied: Project "+project+": User does not have bigquery.jobs.create permission in project "+project+".")
			return
		}
		serve(w, r)
	}
}

// large are the locations where a job is found without naming its location.
var large = regexp.MustCompile(`(?i)^(US|EU)$`)

// job returns the job that a request names, whose location must be the job's
// unless that is one of the two large ones, or answers that there is none.
func (s *Server) job(w http.ResponseWriter, r *http.Request) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, location := r.PathValue("job"), r.URL.Query().Get("location")
	j := s.jobs[id]
	if j == nil || location != "" && !strings.EqualFold(location, j.location) || location == "" && !large.MatchString(j.location) {
		refuse(w, http.StatusNotFound, "notFound", "Not found: Job "+s.Project+":"+id)
		return nil
	}
	return j
}

var grpcStatuses = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
	429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

// refuse answers with an error as Google does.
func refuse(w http.ResponseWriter, status int, reason, message string) {
	detail := map[string]any{"domain": "global", "reason": reason, "message": message}
	if reason == "invalidQuery" {
		detail["location"], detail["locationType"] = "q", "parameter"
	}
	body := map[string]any{"code": status, "message": message, "errors": []any{detail}}
	if name := grpcStatuses[status]; name != "" {
		body["status"] = name
	}
	standin.JSON(w, status, map[string]any{"error": body})
}

func refuseStatus(w http.ResponseWriter, status int) {
	reason := map[int]string{
		400: "badRequest", 401: "authError", 403: "rateLimitExceeded", 404: "notFound", 429: "rateLimitExceeded", 500: "internalError", 502: "backendError", 503: "backendError",
	}[status]
	message := http.StatusText(status)
	switch reason {
	case "rateLimitExceeded":
		message = "Exceeded rate limits: too many api requests per user per method for this user_method. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas"
	case "authError":
		message = badToken
	}
	refuse(w, status, reason, message)
}
