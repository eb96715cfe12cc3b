package klaviyo

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// proxyRefusal is the status of a proxy that does not connect.
type proxyRefusal struct{ status int }

func (e proxyRefusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the proxy answered CONNECT with %d %s", e.status, http.StatusText(e.status)))
}

// passing reports whether a proxy may connect the next time.
func (e proxyRefusal) passing() bool {
	return e.status >= http.StatusInternalServerError || e.status == http.StatusRequestTimeout || e.status == http.StatusTooManyRequests
}

// proxyScheme is the scheme of a proxy that cannot be used.
type proxyScheme struct{ scheme string }

func (e proxyScheme) Error() string {
	return fmt.Sprintf("a proxy with the scheme %q is not supported", e.scheme)
}

// isPermanent reports whether there will be no connection the next time either:
// what configuration has to mend is not repeated.
func isPermanent(err error) bool {
	var refusal proxyRefusal
	return errors.As(err, &refusal) && !refusal.passing() || errors.As(err, new(proxyScheme)) ||
		isUntrusted(err) || speaksNoTLS(err)
}

// isUntrusted reports whether the certificate of the other side was not accepted.
func isUntrusted(err error) bool { return errors.As(err, new(*tls.CertificateVerificationError)) }

// speaksNoTLS reports whether the other side does not speak TLS.
func speaksNoTLS(err error) bool {
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, new(tls.RecordHeaderError))
}

// isUnknownHost reports whether there is no host of a name. Where it had answered
// before, that is the resolver's failure and may pass.
func isUnknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// routedError is an error of a request with the way that the request took.
type routedError struct {
	error
	route route
}

func (e routedError) Unwrap() error { return e.error }

// route is the way of requests to Klaviyo.
type route struct {
	host    string // of the base URL
	baseURL string // empty for Klaviyo's own
	proxy   string // host of the proxy, empty for none
}

// routed adds the route of the client to an error.
func (c *Client) routed(err error) error {
	r := route{host: c.base.Host}
	if c.base.String() != DefaultBaseURL {
		r.baseURL = c.redact(lenientString(c.base.String()))
	}
	if t, ok := c.http.Transport.(*transport); ok {
		r.proxy = t.proxyOf(c.base)
	}
	return routedError{err, r}
}

func routeOf(err error) route {
	var routed routedError
	errors.As(err, &routed)
	return routed.route
}

// BaseURLHint says where a request went that failed, if the base URL is not
// Klaviyo's own; else it is empty.
func BaseURLHint(err error) string {
	base := routeOf(err).baseURL
	if base == "" {
		return ""
	}
	return fmt.Sprintf(" The request went to %s: check base_url or the environment variable KLAVIYO_BASE_URL.", base)
}

// proxyHint says which proxy a request went through.
func (r route) proxyHint() string {
	if r.proxy == "" {
		return ""
	}
	return fmt.Sprintf(" The request went through the proxy %s: check the environment variables HTTPS_PROXY and NO_PROXY.", r.proxy)
}

// server is how the other side is called in a sentence.
func (r route) server() string {
	if r.host == "" {
		return "Klaviyo"
	}
	return r.host
}

// explainUnreachable is [Explain] for requests without a complete answer.
func explainUnreachable(err error) (summary, detail string) {
	var refusal proxyRefusal
	r := routeOf(err)
	hints := r.proxyHint() + BaseURLHint(err)
	switch {
	case errors.As(err, new(proxyScheme)):
		return "Proxy Not Supported", fmt.Sprintf("The request could not be sent: %s. "+
			"Set the environment variable HTTPS_PROXY to the URL of a proxy that begins with http, https, socks5 or socks5h.", err)
	case errors.As(err, &refusal) && refusal.status == http.StatusProxyAuthRequired:
		return "Proxy Wants Credentials", fmt.Sprintf("The proxy %s does not connect to %s: %s. "+
			"Put the user name and the password into the environment variable HTTPS_PROXY, as in http://user:password@host:port, with special characters percent-encoded; "+
			"or add %[2]s to NO_PROXY if it can be reached without the proxy.%[4]s", r.proxy, r.server(), err, BaseURLHint(err))
	case errors.As(err, &refusal):
		return "Proxy Does Not Connect", fmt.Sprintf("The proxy %s, from the environment variable HTTPS_PROXY, does not connect to %s: %s. "+
			"Ask those who run the proxy to allow %[2]s, or add it to NO_PROXY if it can be reached without the proxy.%[4]s", r.proxy, r.server(), err, BaseURLHint(err))
	case isUntrusted(err):
		return "Certificate Not Accepted", fmt.Sprintf("This machine does not accept the certificate that it was shown for %s, so nothing was sent: %s. %s%s", r.server(), err, trustAdvice(err), hints)
	case speaksNoTLS(err):
		return "Server Does Not Speak TLS", fmt.Sprintf("Something other than https answered for %s: %s. "+
			"Check the scheme and the port.%s", r.server(), err, hints)
	case isUnknownHost(err):
		return "Host Not Found", fmt.Sprintf("A host name could not be found on the way to %s: %s. "+
			"Check the name and the DNS of this machine. If the network needs a proxy, set the environment variable HTTPS_PROXY.%s", r.server(), err, hints)
	default:
		return "Klaviyo Cannot Be Reached", fmt.Sprintf("No complete answer came from Klaviyo: %s. "+
			"Check the network between this machine and Klaviyo, then try again. If the network needs a proxy, set the environment variable HTTPS_PROXY.%s", err, hints)
	}
}

// trustAdvice says what to do about a certificate that was not accepted.
func trustAdvice(err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, new(x509.HostnameError)):
		return "The certificate is for another name: something else answered in its place, such as a proxy or a sign-in page of the network."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "Check the clock of this machine; if it is right, the certificate has to be renewed by those who run the server."
	default:
		return "If a company's proxy inspects TLS, or the server has a certificate of a private CA, name a PEM file with the certificate of that CA in the environment variable SSL_CERT_FILE, " +
			"or a directory of such files in SSL_CERT_DIR; on macOS and Windows, add it to the certificates that the system trusts."
	}
}
