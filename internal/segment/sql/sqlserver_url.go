package sql

import (
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// sqlServerConfig is what a URL and the environment say.
type sqlServerConfig struct {
	driver           msdsn.Config
	where            string // host and port, or host and instance
	timeout          time.Duration
	statementTimeout time.Duration // 0: none
	fedauth          string        // the way to sign in to Microsoft Entra ID, in lower case; empty: user and password
	secured          bool          // TLS is required by default, not by the URL
}

const sqlServerExample = "Write sqlserver://user:password@host:1433/database, with the parameters of github.com/microsoft/go-mssqldb; special characters of the password are percent-encoded."

// sqlServerParameters are the parameters of a URL, in lower case, as they are
// written.
var sqlServerParameters = map[string]string{
	"app name":               "app name",
	"applicationintent":      "ApplicationIntent",
	"certificate":            "certificate",
	"connection timeout":     "connection timeout",
	"database":               "database",
	"dial timeout":           "dial timeout",
	"encrypt":                "encrypt",
	"fedauth":                "fedauth",
	"hostnameincertificate":  "hostNameInCertificate",
	"multisubnetfailover":    "multiSubnetFailover", // all addresses of a host are tried in any case
	"packet size":            "packet size",
	"servercertificate":      "serverCertificate",
	"statement_timeout":      "statement_timeout",
	"tlsmin":                 "tlsmin",
	"trustservercertificate": "TrustServerCertificate",
	"workstation id":         "workstation id",
}

// parseSQLServer parses a URL. The driver parses only the parameters, never user
// and password.
func parseSQLServer(text string) (*sqlServerConfig, error) {
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" {
		return nil, argumentError("url", sqlServerExample, "The URL of the database is malformed.") // err quotes the URL
	}
	if strings.Contains(address.RawQuery, "@") { // the names of parameters are quoted in errors
		return nil, argumentError("url", "Special characters of the password must be percent-encoded: ? is %3F, @ is %40, also in parameters.",
			"The URL of the database has an @ among its parameters, so they cannot be told from a password.")
	}
	parameters, err := sqlServerQuery(address)
	if err != nil {
		return nil, err
	}
	instance, err := sqlServerPath(address, parameters)
	if err != nil {
		return nil, err
	}
	config := &sqlServerConfig{fedauth: strings.ToLower(parameters["fedauth"])}
	if err := config.timeouts(parameters); err != nil {
		return nil, err
	}
	config.secured = sqlServerTLS(parameters, address.Hostname())
	if err := setIntent(parameters); err != nil {
		return nil, err
	}
	if config.driver, err = parseDriverConfig(address.Host, instance, parameters); err != nil {
		return nil, argumentError("url", sqlServerExample, "A parameter of the URL of the database has an invalid value: %s.", redact.Text(err.Error()))
	}
	config.where = sqlServerAddress(address, instance)
	if err := config.credentials(address); err != nil {
		return nil, err
	}
	return config, nil
}

// sqlServerQuery returns the parameters of a URL by their names in lower case.
func sqlServerQuery(address *url.URL) (map[string]string, error) {
	values, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return nil, argumentError("url", sqlServerExample, "The parameters of the URL of the database are malformed.")
	}
	parameters := map[string]string{}
	for name, value := range values {
		key := strings.ToLower(name)
		if key == "user id" || key == "password" {
			return nil, argumentError("url", sqlServerExample, "The URL of the database has user or password among its parameters, and not before the host.")
		}
		if sqlServerParameters[key] == "" {
			return nil, argumentError("url", "Remove it, or correct its name.", "The URL of the database has an unknown parameter %q; those that are known are %s.",
				redact.Text(name), segment.Quoted(slices.Sorted(maps.Values(sqlServerParameters))))
		}
		if _, twice := parameters[key]; twice || len(value) > 1 {
			return nil, argumentError("url", "Remove one of them.", "The URL of the database has the parameter %q more than once.", name)
		}
		parameters[key] = value[0]
	}
	return parameters, nil
}

// sqlServerPath moves the database from the path to the parameters. If they have it
// already, the path is an instance, as the driver's own URLs have it.
func sqlServerPath(address *url.URL, parameters map[string]string) (instance string, err error) {
	path := strings.Trim(address.Path, "/")
	switch {
	case strings.Contains(path, "/"):
		return "", argumentError("url", "Write sqlserver://host/instance?database=name for a named instance.", "The path of the URL of the database has more than one part.")
	case path == "":
	case parameters["database"] == "":
		parameters["database"] = path
	default:
		instance = path
	}
	return instance, nil
}

func sqlServerAddress(address *url.URL, instance string) string {
	switch {
	case address.Port() != "":
		return address.Host
	case instance != "":
		return address.Hostname() + `\` + instance
	default:
		return net.JoinHostPort(address.Hostname(), "1433")
	}
}

// timeouts takes the time limits from the parameters. Those of the driver are not
// used: its connection timeout would end a statement that computes for long.
func (c *sqlServerConfig) timeouts(parameters map[string]string) error {
	c.timeout = connectTimeout
	for _, name := range []string{"connection timeout", "dial timeout"} {
		if text := parameters[name]; text != "" {
			seconds, err := strconv.ParseUint(text, 10, 31)
			if err != nil {
				return argumentError("url", "Write seconds, as in connection+timeout=30.", "The parameter %q of the URL of the database is no number of seconds.", name)
			}
			if seconds > 0 {
				c.timeout = time.Duration(seconds) * time.Second
			}
		}
		delete(parameters, name)
	}
	if text := parameters["statement_timeout"]; text != "" {
		var err error
		if c.statementTimeout, err = time.ParseDuration(text); err != nil || c.statementTimeout <= 0 {
			return argumentError("url", "Write a duration, as in statement_timeout=10m.", "The parameter \"statement_timeout\" of the URL of the database is no duration.")
		}
	}
	return nil
}

// sqlServerTLS sets the parameters of encryption that are missing. A server on
// another machine is asked within TLS, with a certificate that is verified. One on
// this machine has usually one that it has made itself. secured reports whether the
// URL has left that to the default.
func sqlServerTLS(parameters map[string]string, host string) (secured bool) {
	if parameters["encrypt"] != "" {
		return false
	}
	if !httpx.IsLoopback(host) {
		parameters["encrypt"] = "true"
		return parameters["trustservercertificate"] == "" && parameters["certificate"] == "" && parameters["servercertificate"] == ""
	}
	parameters["encrypt"] = "optional"
	if parameters["trustservercertificate"] == "" && parameters["certificate"] == "" {
		parameters["trustservercertificate"] = "true"
	}
	return false
}

// setIntent says that statements only read, so that a server with replicas can
// answer from one that cannot write. That needs the name of a database.
func setIntent(parameters map[string]string) error {
	switch intent := parameters["applicationintent"]; {
	case strings.EqualFold(intent, "ReadWrite"):
	case intent != "" && !strings.EqualFold(intent, "ReadOnly"):
		return argumentError("url", "Write ReadOnly or ReadWrite.", "The parameter \"ApplicationIntent\" of the URL of the database has an invalid value.")
	case parameters["database"] != "":
		parameters["applicationintent"] = "ReadOnly"
	case intent != "":
		return argumentError("url", "Write sqlserver://host/database.", "ApplicationIntent=ReadOnly needs the name of a database in the URL.")
	}
	return nil
}

func parseDriverConfig(host, instance string, parameters map[string]string) (msdsn.Config, error) {
	values := url.Values{"app name": {applicationName}}
	for name, value := range parameters {
		if name != "fedauth" && name != "statement_timeout" {
			values.Set(name, value)
		}
	}
	u := url.URL{Scheme: "sqlserver", Host: host, RawQuery: values.Encode()}
	if instance != "" {
		u.Path = "/" + instance
	}
	config, err := msdsn.Parse(u.String())
	config.DialTimeout = -1 // the context ends it
	return config, err
}

// credentials takes user and password from the URL, or from the variables of sqlcmd,
// and chooses the way to sign in.
func (c *sqlServerConfig) credentials(address *url.URL) error {
	user := address.User.Username()
	password, hasPassword := address.User.Password()
	if c.fedauth == "" && user == "" {
		user = os.Getenv("SQLCMDUSER")
	}
	if c.fedauth == "" && user == "" {
		c.fedauth = entraDefault
	}
	if !hasPassword && user != "" {
		password = os.Getenv("SQLCMDPASSWORD")
	}
	c.driver.User, c.driver.Password = user, password
	if c.fedauth == "" {
		if password == "" {
			return argumentError("url", "Write it into the URL, or set SQLCMDPASSWORD where Terraform runs.", "There is no password for user %q.", maskedUser(user))
		}
		return nil
	}
	if !slices.Contains(entraWays, c.fedauth) {
		return argumentError("url", "Use one of them, or none, which is ActiveDirectoryDefault without a user in the URL.",
			"The parameter \"fedauth\" of the URL of the database is not one of %s.", segment.Quoted(entraNames))
	}
	if plain := c.driver.Encryption == msdsn.EncryptionOff || c.driver.Encryption == msdsn.EncryptionDisabled; plain && !httpx.IsLoopback(address.Hostname()) {
		return argumentError("url", "Remove encrypt from the URL, or write encrypt=true.", "A token of Microsoft Entra ID is not sent to %s without encryption.", c.where)
	}
	return nil
}
