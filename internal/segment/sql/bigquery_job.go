package sql

import (
	"strconv"
	"strings"
)

// bigqueryLabel marks the jobs of this program.
const bigqueryLabel = "client:" + applicationName

// bigqueryJob is the part of a job that is sent or read.
// https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/Job
type bigqueryJob struct {
	Reference     *bigqueryReference    `json:"jobReference,omitempty"`
	Configuration bigqueryConfiguration `json:"configuration"`
	Status        struct {
		Error *bigqueryFailure `json:"errorResult"`
	} `json:"status,omitzero"`
	Statistics bigqueryStatistics `json:"statistics,omitzero"`
}

type bigqueryReference struct {
	Project  string `json:"projectId"`
	ID       string `json:"jobId,omitempty"`
	Location string `json:"location,omitempty"`
}

type bigqueryConfiguration struct {
	DryRun  bool              `json:"dryRun,omitempty"`
	Timeout string            `json:"jobTimeoutMs,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Query   bigqueryQuery     `json:"query"`
}

type bigqueryQuery struct {
	Text       string              `json:"query"`
	LegacySQL  bool                `json:"useLegacySql"`
	Mode       string              `json:"parameterMode,omitempty"`
	Parameters []bigqueryParameter `json:"queryParameters,omitempty"`
	Dataset    *bigqueryDataset    `json:"defaultDataset,omitempty"`
	MaxBytes   string              `json:"maximumBytesBilled,omitempty"`
}

type bigqueryDataset struct {
	Project string `json:"projectId"`
	Dataset string `json:"datasetId"`
}

type bigqueryParameter struct {
	Type struct {
		Name string `json:"type"`
	} `json:"parameterType"`
	Value *bigqueryParameterValue `json:"parameterValue,omitempty"`
}

type bigqueryParameterValue struct {
	Text *string `json:"value"`
}

// bigqueryStatistics are what a dry run finds.
type bigqueryStatistics struct {
	Bytes int64             `json:"totalBytesProcessed,string"`
	Query bigqueryQueryPlan `json:"query"`
}

type bigqueryQueryPlan struct {
	StatementType string              `json:"statementType"`
	Bytes         int64               `json:"totalBytesProcessed,string"`
	Schema        bigquerySchema      `json:"schema"`
	Undeclared    []bigqueryParameter `json:"undeclaredQueryParameters"`
}

type bigquerySchema struct {
	Fields []bigqueryField `json:"fields"`
}

const bigqueryPositional = "POSITIONAL"

// url returns the address of a resource of the project.
func (c *bigqueryConfig) url(path ...string) string {
	return c.endpoint.JoinPath(append([]string{"bigquery", "v2", "projects", c.project}, path...)...).String()
}

// job returns a job of a query.
func (c *bigqueryConfig) job(query string, parameters []bigqueryParameter) *bigqueryJob {
	job := &bigqueryJob{
		Reference:     &bigqueryReference{Project: c.project, Location: c.location},
		Configuration: bigqueryConfiguration{Query: bigqueryQuery{Text: query, Parameters: parameters}},
	}
	if parameters != nil {
		job.Configuration.Query.Mode = bigqueryPositional
	}
	name, value, _ := strings.Cut(bigqueryLabel, ":")
	job.Configuration.Labels = map[string]string{name: value}
	if c.dataset != "" {
		job.Configuration.Query.Dataset = &bigqueryDataset{c.project, c.dataset}
	}
	if c.timeout > 0 {
		job.Configuration.Timeout = strconv.FormatInt(c.timeout.Milliseconds(), 10)
	}
	if c.maxBytes > 0 {
		job.Configuration.Query.MaxBytes = strconv.FormatInt(c.maxBytes, 10)
	}
	return job
}

// bigqueryParameterValues gives the args the types that a dry run has found, and
// STRING where it has found none.
func bigqueryParameterValues(args []*string, found []bigqueryParameter) []bigqueryParameter {
	parameters := make([]bigqueryParameter, len(args))
	for i, arg := range args {
		parameters[i].Type.Name = "STRING"
		if len(found) == len(args) && found[i].Type.Name != "" {
			parameters[i].Type = found[i].Type
		}
		parameters[i].Value = &bigqueryParameterValue{arg}
	}
	return parameters
}
