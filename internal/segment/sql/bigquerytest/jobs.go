package bigquerytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

// jobResource is the Job that a client may send: the fields that a query has.
type jobResource struct {
	Kind          string        `json:"kind"`
	JobReference  *jobReference `json:"jobReference"`
	Configuration *struct {
		JobType      string            `json:"jobType"`
		DryRun       bool              `json:"dryRun"`
		JobTimeoutMs json.Number       `json:"jobTimeoutMs"`
		Labels       map[string]string `json:"labels"`
		Reservation  string            `json:"reservation"`
		MaxSlots     json.Number       `json:"maxSlots"`
		Query        *queryConfig      `json:"query"`
	} `json:"configuration"`
}

type jobReference struct {
	ProjectID string `json:"projectId"`
	JobID     string `json:"jobId"`
	Location  string `json:"location"`
}

// querySettings are what jobs.insert and jobs.query have in common.
type querySettings struct {
	Query              string       `json:"query"`
	UseLegacySQL       *bool        `json:"useLegacySql"`
	UseQueryCache      *bool        `json:"useQueryCache"`
	ParameterMode      string       `json:"parameterMode"`
	QueryParameters    []parameter  `json:"queryParameters"`
	MaximumBytesBilled json.Number  `json:"maximumBytesBilled"`
	DefaultDataset     *dataset     `json:"defaultDataset"`
	CreateSession      bool         `json:"createSession"`
	ConnectionProps    []connection `json:"connectionProperties"`
}

type queryConfig struct {
	querySettings
	Priority string `json:"priority"`
}

type dataset struct {
	ProjectID string `json:"projectId"`
	DatasetID string `json:"datasetId"`
}

type connection struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type parameter struct {
	Name           string         `json:"name"`
	ParameterType  *parameterType `json:"parameterType"`
	ParameterValue *struct {
		Value       *string           `json:"value"`
		ArrayValues []json.RawMessage `json:"arrayValues"`
	} `json:"parameterValue"`
}

type parameterType struct {
	Type      string         `json:"type"`
	ArrayType *parameterType `json:"arrayType"`
}

var jobIDs = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

var parameterTypes = regexp.MustCompile(`^(ARRAY|BIGNUMERIC|BOOL|BYTES|DATE|DATETIME|FLOAT64|GEOGRAPHY|INT64|INTERVAL|JSON|NUMERIC|STRING|TIME|TIMESTAMP)$`)

// job is a query job.
type job struct {
	*Result
	project, id, location string
	created               time.Time
	polls                 int
	fail                  *Failure // that it has ended with
	served                int      // the number of the page that was served last
}

func (s *Server) insert(w http.ResponseWriter, r *http.Request) {
	var body jobResource
	if err := standin.Decode(r, &body); err != nil {
		refuse(w, http.StatusBadRequest, "badRequest", "Invalid JSON payload received. "+err.Error())
		return
	}
	if body.Configuration == nil || body.Configuration.Query == nil {
		refuse(w, http.StatusBadRequest, "invalid", "Job configuration must contain exactly one job-specific configuration object (e.g., query, load, extract, spark), but there were 0: ")
		return
	}
	reference := jobReference{}
	if body.JobReference != nil {
		reference = *body.JobReference
	}
	c := body.Configuration
	options := map[string]string{"jobTimeoutMs": c.JobTimeoutMs.String(), "priority": c.Query.Priority}
	j, refused := s.create(w, reference, c.Query.querySettings, c.DryRun, options)
	if refused {
		return
	}
	s.mu.Lock() // the job is known, and can be cancelled meanwhile
	defer s.mu.Unlock()
	standin.JSON(w, http.StatusOK, s.describe(j, c.DryRun))
}

// create starts a job or describes a query. It answers if the request is refused.
func (s *Server) create(w http.ResponseWriter, reference jobReference, q querySettings, dryRun bool, options map[string]string) (j *job, refused bool) {
	reason, problem := s.check(reference, q)
	if problem != "" {
		refuse(w, statuses[reason], reason, problem)
		return nil, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j = &job{project: s.Project, id: reference.JobID, location: reference.Location, created: time.Now()}
	if j.location == "" {
		j.location = "US"
	}
	if j.id == "" {
		j.id = fmt.Sprintf("job_standin-%d", len(s.jobs)+1)
	}
	if s.jobs[j.id] != nil && !dryRun {
		refuse(w, http.StatusConflict, "duplicate", fmt.Sprintf("Already Exists: Job %s:%s.%s", s.Project, j.location, j.id))
		return nil, true
	}
	args := arguments(q.QueryParameters)
	j.Result, j.fail = s.plan(q, len(args), dryRun)
	j.polls = j.Polls
	if dryRun && j.fail != nil { // the same error as without
		refuse(w, status(j.fail), j.fail.Name, j.fail.Message)
		return nil, true
	}
	options["location"], options["maximumBytesBilled"] = j.location, q.MaximumBytesBilled.String()
	if q.DefaultDataset != nil {
		options["defaultDataset"] = q.DefaultDataset.DatasetID
	}
	s.Submitted(Statement{ID: j.id, Text: q.Query, Args: args, Options: options, DryRun: dryRun})
	if !dryRun {
		s.jobs[j.id] = j
	}
	if j.fail != nil {
		s.Ended(j.id)
	}
	return j, false
}

// check returns what is wrong with a request.
func (s *Server) check(reference jobReference, q querySettings) (reason, problem string) {
	switch {
	case s.NoJobs:
		return NoJobs.Name, NoJobs.Message
	case q.Query == "":
		return "invalid", "Required parameter is missing: query"
	case q.UseLegacySQL == nil || *q.UseLegacySQL: // legacy SQL is the API's default
		return "invalidQuery", "The stand-in has no legacy SQL: useLegacySql must be false."
	case reference.ProjectID != "" && reference.ProjectID != s.Project:
		return "invalid", "Value '" + reference.ProjectID + "' in content does not agree with value '" + s.Project + "'."
	case reference.JobID != "" && (!jobIDs.MatchString(reference.JobID) || len(reference.JobID) > 1024):
		return "invalid", "Invalid job ID \"" + reference.JobID + "\". Job IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 characters long."
	case len(q.QueryParameters) > 0 && q.ParameterMode != "POSITIONAL" && q.ParameterMode != "NAMED":
		return "invalid", "The parameter mode must be POSITIONAL or NAMED."
	}
	for i, p := range q.QueryParameters {
		switch {
		case (p.Name != "") != (q.ParameterMode == "NAMED"):
			return "invalid", fmt.Sprintf("Query parameter %d must have a name only in the mode NAMED.", i+1)
		case p.ParameterType == nil || !parameterTypes.MatchString(p.ParameterType.Type):
			return "invalid", fmt.Sprintf("Query parameter %d has no known type.", i+1)
		case p.ParameterValue == nil:
			return "invalid", fmt.Sprintf("Query parameter %d has no value.", i+1)
		}
	}
	return "", ""
}

func arguments(parameters []parameter) []Arg {
	var args []Arg
	for _, p := range parameters {
		arg := Arg{Name: p.Name, Type: p.ParameterType.Type}
		if p.ParameterValue.Value != nil {
			arg.Value = *p.ParameterValue.Value
		}
		args = append(args, arg)
	}
	return args
}

// plan finds the result of a query, and the failure that it ends with.
func (s *Server) plan(q querySettings, args int, dryRun bool) (*Result, *Failure) {
	result, found := s.Find(q.Query)
	if !found {
		return &Result{}, &Failure{Name: "invalidQuery", Message: "No result is registered for this query at [1:1]"}
	}
	if result.Fail != nil {
		return result, result.Fail
	}
	if !dryRun && args < result.Args {
		return result, &Failure{Name: "invalidQuery", Message: fmt.Sprintf("Query parameter number %d is not defined at [1:30]", args+1)}
	}
	if limit, err := q.MaximumBytesBilled.Int64(); err == nil && !dryRun && result.Bytes > limit {
		return result, &Failure{Name: "bytesBilledLimitExceeded", Message: fmt.Sprintf("Query exceeded limit for bytes billed: %d. %d or higher required.", limit, result.Bytes)}
	}
	described := *result
	described.Args = max(0, result.Args-args) // those that are undeclared
	return &described, nil
}

// status is the HTTP status of a failed query.
func status(f *Failure) int {
	if f.Status != 0 {
		return f.Status
	}
	if status := statuses[f.Name]; status != 0 {
		return status
	}
	return http.StatusBadRequest
}

// describe is a Job. The caller holds s.mu.
func (s *Server) describe(j *job, dryRun bool) map[string]any {
	kind := j.Kind
	if kind == "" {
		kind = "SELECT"
	}
	bytes := strconv.FormatInt(j.Bytes, 10)
	query := map[string]any{"totalBytesProcessed": bytes, "totalBytesBilled": "0", "cacheHit": false, "statementType": kind}
	reference := map[string]any{"projectId": j.project, "location": j.location}
	body := map[string]any{
		"kind": "bigquery#job", "etag": "stand-in", "user_email": s.ClientEmail, "jobReference": reference,
		"configuration": map[string]any{"jobType": "QUERY", "dryRun": dryRun, "query": map[string]any{"priority": "INTERACTIVE", "useLegacySql": false}},
		"statistics":    map[string]any{"creationTime": strconv.FormatInt(j.created.UnixMilli(), 10), "totalBytesProcessed": bytes, "query": query},
	}
	if dryRun { // it has no id, since there is no job
		query["schema"], query["totalBytesProcessedAccuracy"] = map[string]any{"fields": fields(j.Columns)}, "PRECISE"
		if undeclared := slices.Repeat([]any{map[string]any{"parameterType": map[string]any{"type": "STRING"}}}, j.Args); len(undeclared) > 0 {
			query["undeclaredQueryParameters"] = undeclared
		}
		body["status"] = map[string]any{"state": "DONE"}
		return body
	}
	reference["jobId"] = j.id
	body["id"] = j.project + ":" + j.location + "." + j.id
	body["selfLink"] = s.URL + "/bigquery/v2/projects/" + j.project + "/jobs/" + j.id + "?location=" + j.location
	state := map[string]any{"state": "DONE"}
	switch {
	case j.fail != nil:
		problem := map[string]any{"reason": j.fail.Name, "message": j.fail.Message}
		if j.fail.Name == "invalidQuery" {
			problem["location"] = "query"
		}
		state["errorResult"], state["errors"] = problem, []any{problem}
	case j.Endless || j.polls > 0:
		state["state"] = "RUNNING"
	}
	body["status"] = state
	return body
}

// fields is the schema of columns.
func fields(columns []Column) []any {
	list := []any{}
	for _, c := range columns {
		name, rest, _ := strings.Cut(strings.TrimSuffix(c.Type, ")"), "(")
		field := map[string]any{"name": c.Name, "type": name, "mode": "NULLABLE"}
		if c.Repeated {
			field["mode"] = "REPEATED"
		}
		if precision, scale, both := strings.Cut(rest, ","); both {
			field["precision"], field["scale"] = precision, strings.TrimSpace(scale)
		}
		if len(c.Fields) > 0 {
			field["fields"] = fields(c.Fields)
		}
		list = append(list, field)
	}
	return list
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	if j := s.job(w, r); j != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		standin.JSON(w, http.StatusOK, s.describe(j, false))
	}
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	j := s.job(w, r)
	if j == nil {
		return
	}
	ran := s.Cancel(j.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ran {
		j.fail, j.polls = &cancelled, 0
	}
	standin.JSON(w, http.StatusOK, map[string]any{"kind": "bigquery#jobCancelResponse", "job": s.describe(j, false)})
}
