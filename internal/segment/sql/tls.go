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

// Off this machine TLS is the default, and a URL that is to do without has to
// say so. What it says is obeyed.
//
// PostgreSQL's default is libpq's sslmode=require, which verifies the
// certificate only with a CA file: most managed servers have a private
// authority. MySQL's is verified, since its usual login gives the password
// itself to whoever answers within TLS.

const (
	postgresTLSRemedy = "TLS is required for a server on another machine unless the URL says otherwise. Turn TLS on at the server, " +
		"or add sslmode=disable to the URL: then whoever is on the network between can read the rows."
	mysqlTLSRemedy = "TLS with a certificate that can be verified is required for a server on another machine unless the URL says otherwise. " +
		"Add ssl-ca=/path/to/ca.pem to the URL for an authority of your own; tls=skip-verify to encrypt without knowing who answers; " +
		"or tls=false to do without: then whoever is on the network between can read the rows."
	saidTLSRemedy = "Check what the URL says of TLS: sslmode and sslrootcert for PostgreSQL, tls and ssl-ca for MySQL."
)

// parsePostgres makes a configuration of a URL. secured reports whether TLS is
// required though nothing says so.
func parsePostgres(address string) (config *pgconn.Config, secured bool, err error) {
	config, err = pgconn.ParseConfig(address)
	if err != nil || !fallsBack(config) || saysSSLMode(address) {
		return config, false, err
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	config, err = pgconn.ParseConfig(address + separator + "sslmode=require")
	return config, true, err
}

// saysSSLMode reports whether URL or environment have an sslmode. One in a
// service file shows in the configuration, except for prefer.
func saysSSLMode(address string) bool {
	_, query, _ := strings.Cut(address, "?")
	parameters, _ := url.ParseQuery(query)
	return parameters.Get("sslmode") != "" || os.Getenv("PGSSLMODE") != ""
}

// fallsBack reports whether one of the hosts is on another machine and would be
// asked without TLS after it was asked with TLS, which is pgconn's default.
func fallsBack(config *pgconn.Config) bool {
	before := pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}
	for _, next := range config.Fallbacks {
		if next.TLSConfig == nil && before.TLSConfig != nil && next.Host == before.Host && !httpx.IsLoopback(next.Host) {
			return true
		}
		before = *next
	}
	return false
}

// defaultMySQLTLS makes the parameters for a host say what is to be done. ca is
// the file of the authority, if there is one.
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

// renameTLS takes what clients of MySQL call ssl-mode for the driver's tls.
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

// trusting is a configuration that trusts the authorities of a file only.
func trusting(ca string) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if certificates, err := os.ReadFile(ca); err != nil || !roots.AppendCertsFromPEM(certificates) {
		return nil, sqlError("url", "Let ssl-ca be the path of a file in PEM, where Terraform runs.", "The file of ssl-ca cannot be read, or holds no certificate.")
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
