package sql

import (
	"crypto/tls"
	"net"
	"net/url"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/httpx"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

const httpTLSRemedy = "Write the name in the certificate of the server as the host; add ssl-ca=/path/to/ca.pem to the URL for an authority of your own, or tls=skip-verify to encrypt without knowing who answers; " +
	"or tls=false, if the server has no TLS, which lets anyone on the network in between read the rows."

// httpTLS is how the certificate of a server that is spoken to over HTTP is checked.
type httpTLS struct {
	ca       string // file of the authority that signs the certificate; empty for the usual ones
	insecure bool   // any certificate will do
}

// parseHTTPTLS reads the parameters tls and ssl-ca of a URL and returns the address of
// its server. TLS is the default but for this machine. plain and secure are the ports
// of servers whose URL has none; empty ones are those of http and https.
func parseHTTPTLS(host string, parameters url.Values, plain, secure string) (*url.URL, httpTLS, *segment.Error) {
	endpoint := &url.URL{Scheme: "https", Host: host}
	out := httpTLS{ca: parameters.Get("ssl-ca")}
	value := parameters.Get("tls")
	if value == "" && out.ca == "" && httpx.IsLoopback(endpoint.Hostname()) {
		value = "false"
	}
	port := secure
	switch value {
	case "", "true":
	case "skip-verify":
		out.insecure = true
	case "false":
		endpoint.Scheme, port = "http", plain
	default:
		return nil, out, argumentError("url", "Write tls=true, tls=skip-verify or tls=false.", "The parameter tls of the URL has an unknown value.")
	}
	if out.ca != "" && (value == "false" || out.insecure) {
		return nil, out, argumentError("url", "Remove tls or ssl-ca.", "The URL has ssl-ca, which checks the certificate of the server, and tls=%s, which does not.", value)
	}
	if endpoint.Port() == "" && port != "" {
		endpoint.Host = net.JoinHostPort(endpoint.Hostname(), port)
	}
	return endpoint, out, nil
}

// apply makes a client check certificates so.
func (t httpTLS) apply(client *restClient) error {
	client.tlsRemedy = httpTLSRemedy
	switch {
	case t.insecure:
		client.transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // the URL says so
	case t.ca != "":
		config, err := trustOnly(t.ca)
		if err != nil {
			return err
		}
		client.transport.TLSClientConfig = config
	}
	return nil
}
