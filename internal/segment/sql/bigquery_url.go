package sql

import (
	"net/url"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// bigqueryConfig is what a URL says.
type bigqueryConfig struct {
	endpoint *url.URL
	project  string
	dataset  string        // of tables that the query names without one
	location string        // where jobs run; empty: BigQuery finds it by the tables
	timeout  time.Duration // of a statement; 0 for the server's own
	maxBytes int64         // that a query may scan; 0 for no limit
}

const bigqueryExample = "Write bigquery://project/dataset?location=EU; dataset and location may be left out."

var bigqueryParameters = []string{"location", "statement_timeout", "endpoint"}

// bigquerySyntax is that of GoogleSQL, as far as the lexer needs it.
// https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/lexical
var bigquerySyntax = syntax{backslashes: "'\"`", hashComments: true, tripleQuotes: true}

func parseBigQuery(text string) (*bigqueryConfig, *segment.Error) {
	address, parameters, problem := parseAddress(text, bigqueryExample, bigqueryParameters)
	if problem != nil {
		return nil, problem
	}
	if address.User != nil || address.Port() != "" {
		return nil, argumentError("url", bigqueryExample+" Credentials are those that GOOGLE_APPLICATION_CREDENTIALS names, or the others of Google's application default credentials.",
			"The URL of BigQuery has a user or a port.")
	}
	config := &bigqueryConfig{
		endpoint: &url.URL{Scheme: "https", Host: "bigquery.googleapis.com"},
		project:  address.Hostname(), dataset: strings.Trim(address.Path, "/"), location: parameters.Get("location"),
	}
	if strings.Contains(config.dataset, "/") {
		return nil, argumentError("url", bigqueryExample, "The path of the URL has more than a dataset.")
	}
	if config.timeout, problem = statementTimeout(parameters); problem != nil {
		return nil, problem
	}
	if endpoint := parameters.Get("endpoint"); endpoint != "" {
		config.endpoint, problem = parseEndpoint(endpoint)
	}
	return config, problem
}
