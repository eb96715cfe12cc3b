package sql

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// trinoConfig is what a URL says.
type trinoConfig struct {
	endpoint   *url.URL // without user
	user       string
	catalog    string
	schema     string
	role       string
	clientTags string
	session    []string // properties, as in the header
	tls        httpTLS

	origin        string // of the credential, for messages
	authorization string // header
}

const trinoExample = "Write trino://user:password@host:443/catalog/schema."

var trinoParameters = []string{"tls", "ssl-ca", "statement_timeout", "session_properties", "role", "client_tags"}

// parseTrino parses a URL. The environment has what the URL does not.
func parseTrino(text string) (*trinoConfig, *segment.Error) {
	address, parameters, problem := parseAddress(text, trinoExample, trinoParameters)
	if problem != nil {
		return nil, problem
	}
	config := &trinoConfig{
		user: address.User.Username(), role: parameters.Get("role"), clientTags: parameters.Get("client_tags"),
	}
	catalog, schema, _ := strings.Cut(strings.Trim(address.Path, "/"), "/")
	if strings.Contains(schema, "/") {
		return nil, argumentError("url", trinoExample, "The path of the URL has more than a catalog and a schema.")
	}
	config.catalog, config.schema = catalog, schema
	if config.endpoint, config.tls, problem = parseHTTPTLS(address.Host, parameters, "8080", ""); problem != nil {
		return nil, problem
	}
	if problem := config.setSession(parameters); problem != nil {
		return nil, problem
	}
	if problem := config.signIn(address.User); problem != nil {
		return nil, problem
	}
	return config, nil
}

// setSession reads the properties of the session.
func (c *trinoConfig) setSession(parameters url.Values) *segment.Error {
	timeout, problem := statementTimeout(parameters)
	if problem != nil {
		return problem
	}
	if timeout > 0 {
		c.session = append(c.session, fmt.Sprintf("query_max_run_time=%dms", timeout/time.Millisecond))
	}
	for property := range strings.SplitSeq(parameters.Get("session_properties"), ",") {
		name, value, found := strings.Cut(strings.TrimSpace(property), ":")
		switch {
		case name == "" && !found:
		case !found || name == "" || strings.ContainsAny(name, " ,=\t\r\n\""):
			return argumentError("url", "Write session_properties=name:value,name:value.", "The parameter session_properties of the URL is not a list of names with values.")
		default:
			c.session = append(c.session, name+"="+url.QueryEscape(value))
		}
	}
	return nil
}

// signIn takes the password of the URL, or else the token of the environment, or else
// its password, which Trino's command line reads, too.
func (c *trinoConfig) signIn(user *url.Userinfo) *segment.Error {
	c.user = cmp.Or(c.user, os.Getenv("TRINO_USER"))
	password, _ := user.Password()
	token := os.Getenv("TRINO_ACCESS_TOKEN")
	c.origin = "the user of the URL, without a password"
	switch {
	case password != "":
		c.origin = "user and password of the URL"
	case token != "":
		c.origin, c.authorization = "the token of TRINO_ACCESS_TOKEN", "Bearer "+strings.TrimSpace(token)
	default:
		if password = os.Getenv("TRINO_PASSWORD"); password != "" {
			c.origin = "the user of the URL with the password of TRINO_PASSWORD"
		}
	}
	if c.user == "" && c.authorization == "" {
		return argumentError("url", "Write the user before the host, trino://user@host, or set TRINO_USER or TRINO_ACCESS_TOKEN where Terraform runs.",
			"There are no credentials to sign in to Trino with.")
	}
	if password != "" {
		request := &http.Request{Header: http.Header{}}
		request.SetBasicAuth(c.user, password)
		c.authorization = request.Header.Get("Authorization")
	}
	if c.authorization != "" && c.endpoint.Scheme == "http" && !httpx.IsLoopback(c.endpoint.Hostname()) {
		return argumentError("url", "Remove tls=false from the URL.", "Without TLS anyone on the network in between could read the password or token, so it is not sent.")
	}
	return nil
}

// headers returns the headers of a statement, without those that belong to a
// transaction. https://trino.io/docs/current/develop/client-protocol.html
func (c *trinoConfig) headers() http.Header {
	headers := http.Header{}
	for name, value := range map[string]string{
		"X-Trino-User": c.user, "X-Trino-Source": applicationName, "X-Trino-Catalog": c.catalog, "X-Trino-Schema": c.schema,
		"X-Trino-Client-Tags": c.clientTags, "X-Trino-Session": strings.Join(c.session, ","),
		"X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME", // times with the precision that they have
	} {
		if value != "" {
			headers.Set(name, value)
		}
	}
	if c.role != "" {
		headers.Set("X-Trino-Role", "system="+url.QueryEscape("ROLE{"+c.role+"}"))
	}
	return headers
}
