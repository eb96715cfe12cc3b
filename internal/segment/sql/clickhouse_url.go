package sql

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// clickhouseConfig is what a URL says.
type clickhouseConfig struct {
	endpoint *url.URL // without user and database
	tls      httpTLS
	user     string
	password string
	origin   string // of the credential, for messages
	database string
	timeout  time.Duration // of a statement; 0 for the server's own
}

const clickhouseExample = "Write clickhouse://user:password@host:8443/database."

var clickhouseParameters = []string{"tls", "ssl-ca", "statement_timeout"}

// parseClickHouse parses a URL. The environment has what the URL does not, by the names
// that ClickHouse's own client reads.
func parseClickHouse(text string) (*clickhouseConfig, *segment.Error) {
	address, parameters, problem := parseAddress(text, clickhouseExample, clickhouseParameters)
	if problem != nil {
		return nil, problem
	}
	config := &clickhouseConfig{database: strings.Trim(address.Path, "/"), user: address.User.Username(), origin: "user and password of the URL"}
	if strings.Contains(config.database, "/") {
		return nil, argumentError("url", clickhouseExample, "The path of the URL has more than the name of a database.")
	}
	if config.endpoint, config.tls, problem = parseHTTPTLS(address.Host, parameters, "8123", "8443"); problem != nil {
		return nil, problem
	}
	if config.timeout, problem = statementTimeout(parameters); problem != nil {
		return nil, problem
	}
	password, given := address.User.Password()
	if config.password = password; !given {
		config.password, config.origin = os.Getenv("CLICKHOUSE_PASSWORD"), "the user of the URL with the password of CLICKHOUSE_PASSWORD"
	}
	if config.user == "" {
		config.user = os.Getenv("CLICKHOUSE_USER")
	}
	if config.user == "" {
		config.user = "default"
	}
	if config.password == "" {
		config.origin = "the user of the URL without a password"
	} else if config.endpoint.Scheme == "http" && !httpx.IsLoopback(config.endpoint.Hostname()) {
		return nil, argumentError("url", "Remove tls=false from the URL.", "Without TLS anyone on the network in between could read the password, so it is not sent.")
	}
	return config, nil
}

func (c *clickhouseConfig) authorize(_ context.Context, r *http.Request, _ bool) error {
	r.SetBasicAuth(c.user, c.password)
	return nil
}
