package sql

import (
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// databricksConfig is what a URL says.
type databricksConfig struct {
	endpoint  *url.URL
	warehouse string
	catalog   string
	schema    string

	origin       string // of the credential, for messages
	token        string // a personal access token, or one of OAuth
	clientID     string // of a service principal, if there is no token
	clientSecret string
}

const databricksExample = "Write databricks://host/sql/1.0/warehouses/id?catalog=name&schema=name: host and path are among the connection details of the SQL warehouse."

var databricksParameters = []string{"catalog", "schema", "endpoint"}

// databricksPath matches the HTTP path of a warehouse, which had another name.
var databricksPath = regexp.MustCompile(`^/sql/1\.0/(?:warehouses|endpoints)/([0-9A-Za-z]+)/?$`)

// parseDatabricks parses a URL. The environment has what the URL does not.
func parseDatabricks(text string) (*databricksConfig, *segment.Error) {
	address, parameters, problem := parseAddress(text, databricksExample, databricksParameters)
	if problem != nil {
		return nil, problem
	}
	path := databricksPath.FindStringSubmatch(address.Path)
	if path == nil {
		return nil, argumentError("url", databricksExample, "The path of the URL is not that of a SQL warehouse.")
	}
	config := &databricksConfig{
		endpoint: &url.URL{Scheme: "https", Host: address.Host}, warehouse: path[1],
		catalog: parameters.Get("catalog"), schema: parameters.Get("schema"),
	}
	if endpoint := parameters.Get("endpoint"); endpoint != "" {
		if config.endpoint, problem = parseEndpoint(endpoint); problem != nil {
			return nil, problem
		}
	}
	if problem := config.signIn(address.User); problem != nil {
		return nil, problem
	}
	return config, nil
}

// signIn takes the credentials of the URL, or else those of the environment, which
// are named as for the tools of Databricks. A token precedes a service principal.
// https://docs.databricks.com/aws/en/dev-tools/auth/env-vars
func (c *databricksConfig) signIn(user *url.Userinfo) *segment.Error {
	secret, _ := user.Password()
	name := user.Username()
	switch {
	case secret != "" && name == "token":
		c.origin, c.token = "the token of the URL", secret
	case secret != "" && name != "":
		c.origin, c.clientID, c.clientSecret = "the service principal of the URL", name, secret
	case user != nil:
		return argumentError("url", "Write databricks://token:access-token@host or databricks://client-id:secret@host, or leave both out and set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, where Terraform runs.",
			"The URL of Databricks has a user without a secret, or a secret without a user.")
	case os.Getenv("DATABRICKS_TOKEN") != "":
		c.origin, c.token = "the token of DATABRICKS_TOKEN", strings.TrimSpace(os.Getenv("DATABRICKS_TOKEN"))
	case os.Getenv("DATABRICKS_CLIENT_ID") != "" && os.Getenv("DATABRICKS_CLIENT_SECRET") != "":
		c.origin = "the service principal of DATABRICKS_CLIENT_ID"
		c.clientID, c.clientSecret = strings.TrimSpace(os.Getenv("DATABRICKS_CLIENT_ID")), strings.TrimSpace(os.Getenv("DATABRICKS_CLIENT_SECRET"))
	default:
		return argumentError("url", "Set DATABRICKS_TOKEN to a personal access token, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET to an OAuth secret of a service principal, where Terraform runs.",
			"There are no credentials to sign in to Databricks with.")
	}
	return nil
}
