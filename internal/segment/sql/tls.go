package sql

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
)

// TLS is the default for servers on other machines. A URL can override that.
//
// PostgreSQL's default is libpq's sslmode=require, which verifies the
// certificate only with a CA file: most managed servers have a private
// authority. MySQL's certificate is always verified, since its usual login sends
// the password itself through TLS.

const (
	postgresTLSRemedy = "TLS is required for a server on another machine unless the URL says otherwise. Turn TLS on at the server, " +
		"or add sslmode=disable to the URL, which lets anyone on the network in between read the rows."
	mysqlTLSRemedy = "TLS with a certificate that can be verified is required for a server on another machine unless the URL says otherwise. " +
		"Add ssl-ca=/path/to/ca.pem to the URL for an authority of your own; tls=skip-verify to encrypt without knowing who answers; " +
		"or tls=false for no encryption, which lets anyone on the network in between read the rows."
	explicitTLSRemedy = "Check the TLS parameters of the URL: sslmode and sslrootcert for PostgreSQL, tls and ssl-ca for MySQL."
)

// parsePostgres parses a URL. secured reports whether TLS is required by default
// and not by the URL or the environment.
func parsePostgres(address string) (config *pgconn.Config, secured bool, err error) {
	config, err = pgconn.ParseConfig(address)
	if err != nil || !fallsBackToPlaintext(config) || hasSSLMode(address) {
		return config, false, err
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	config, err = pgconn.ParseConfig(address + separator + "sslmode=require")
	return config, true, err
}

// hasSSLMode reports whether URL or environment set sslmode. One in a service
// file shows in the configuration, except for prefer.
func hasSSLMode(address string) bool {
	_, query, _ := strings.Cut(address, "?")
	parameters, _ := url.ParseQuery(query)
	return parameters.Get("sslmode") != "" || os.Getenv("PGSSLMODE") != ""
}

// fallsBackToPlaintext reports whether pgconn would retry a host on another
// machine without TLS after it failed with TLS, which is its default.
func fallsBackToPlaintext(config *pgconn.Config) bool {
	before := pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}
	for _, next := range config.Fallbacks {
		if next.TLSConfig == nil && before.TLSConfig != nil && next.Host == before.Host && !httpx.IsLoopback(next.Host) {
			return true
		}
		before = *next
	}
	return false
}

// defaultMySQLTLS sets the driver's tls parameter for a host. ca is the file of
// the authority, if any. secured is as in parsePostgres.
func defaultMySQLTLS(parameters url.Values, host string) (ca string, secured bool) {
	renameTLS(parameters)
	for _, name := range []string{"ssl-ca", "ssl_ca"} {
		if ca == "" {
			ca = parameters.Get(name)
		}
		parameters.Del(name)
	}
	if parameters.Get("tls") == "" && (ca != "" || !httpx.IsLoopback(host)) {
		parameters.Set("tls", "true")
		secured = ca == ""
	}
	return ca, secured
}

// renameTLS translates ssl-mode of MySQL's clients to tls of the driver.
func renameTLS(parameters url.Values) {
	modes := map[string]string{
		"DISABLED": "false", "PREFERRED": "preferred", "REQUIRED": "skip-verify", "VERIFY_CA": "true", "VERIFY_IDENTITY": "true",
	}
	for _, name := range []string{"ssl-mode", "ssl_mode", "sslmode"} {
		if mode := parameters.Get(name); mode != "" && parameters.Get("tls") == "" {
			if tls, known := modes[strings.ToUpper(mode)]; known {
				mode = tls
			}
			parameters.Set("tls", mode)
		}
		parameters.Del(name)
	}
}

// trustOnly returns a configuration that trusts only the authorities in a file.
func trustOnly(ca string) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if certificates, err := os.ReadFile(ca); err != nil || !roots.AppendCertsFromPEM(certificates) {
		return nil, argumentError("url", "Set ssl-ca to the path of a PEM file on the machine where Terraform runs.", "The file of ssl-ca cannot be read, or holds no certificate.")
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
