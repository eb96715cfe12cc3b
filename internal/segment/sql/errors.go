package sql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// quotation matches from the first quote to the last, since quoted text may
// contain quotes.
var quotation = regexp.MustCompile(`(?s)["'` + "`" + `].*["'` + "`" + `]`)

// serverMessage returns the message of a server without values that it may quote
// from rows. The class of the SQLSTATE says whether it is about data or about
// the statement.
func serverMessage(state, message string) string {
	aboutStatement := false
	switch class := state[:min(len(state), 2)]; class {
	case "P0", "45": // raised by a function with a message of its own
		return fmt.Sprintf("a function raised an error, whose message is not shown since it may hold data (SQLSTATE %s)", state)
	case "08", "0A", "25", "28", "3D", "3F", "42", "53", "54", "55", "57":
		aboutStatement = true
	}
	message = maskMessage(message, aboutStatement)
	if state == "" {
		return message
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", message, state)
}

// longNumber matches a number that may be a person's, such as a phone number or a date
// of birth, as servers write it with fractions and groups. Four digits are not enough for
// that: a year, the length of a type, the number of a line.
var longNumber = regexp.MustCompile(`\+?\p{Nd}(?:[ .,/'_\p{Pd}]?\p{Nd}){4,}`)

// maskMessage returns the message of a server on one line, without addresses. One
// that is not about the statement may have values, so quotations, what follows a colon
// and long numbers are taken out of it.
func maskMessage(message string, aboutStatement bool) string {
	if !aboutStatement {
		message, _, _ = strings.Cut(quotation.ReplaceAllString(message, redact.Hidden), ": ")
		message = longNumber.ReplaceAllString(message, redact.Hidden)
	}
	return redact.Line(strings.TrimRight(redact.EmailAddress.ReplaceAllString(message, redact.Hidden), ". \n"))
}

// rowLimit matches the part of Vitess's message about a result that is too large
// that cannot hold values.
var rowLimit = regexp.MustCompile(`Row count exceeded( \d+)?`)

// lineColumn returns the position of the nth character of a query. All count
// from 1.
func lineColumn(query string, n int) (line, column int) {
	before := []rune(query)
	text := string(before[:max(min(n-1, len(before)), 0)])
	line = strings.Count(text, "\n") + 1
	return line, len([]rune(text[strings.LastIndexByte(text, '\n')+1:])) + 1
}

// queryError explains why a server refuses a query.
func queryError(state, message, where string) *segment.Error {
	if limit := rowLimit.FindString(message); limit != "" && !strings.HasPrefix(state, "42") {
		return argumentError("url", "Add workload=%27olap%27 to the parameters of the URL, as in mysql://user:password@host:3306/database?workload=%27olap%27: Vitess then streams the rows without that limit.",
			"The server ended the query, which returns more rows than the server allows: %s.", limit)
	}
	if state == "08P01" && strings.Contains(message, "statement pooling") {
		return argumentError("url", "Use the URL of a pool with pool_mode session or transaction, or that of the database itself.",
			"The pooler at the URL is in statement pooling mode, which has no read-only transactions: %s.", serverMessage(state, message))
	}
	said := serverMessage(state, message)
	if where != "" {
		said += ", at " + where
	}
	problem, remedy := "The server refuses the query: "+said+".", ""
	switch {
	case state == "25006", strings.Contains(message, "READ ONLY transaction"):
		problem = "The query writes, and segments are only read: " + said + "."
		remedy = "Use a query that only selects."
	case state == "42501", strings.Contains(message, "command denied"):
		problem = "The user of the URL may not do what the query does: " + said + "."
		remedy = "Grant it: GRANT SELECT on what the query reads is enough."
	case state == "57014", strings.Contains(message, "max_statement_time"), strings.Contains(message, "maximum statement execution time"):
		problem = "The server ended the query: " + said + "."
		remedy = "Make the query faster, or raise the server's limit for the user of the URL."
	}
	return argumentError("query", remedy, "%s", problem)
}

// argsError reports a wrong number of args.
func argsError(parameters, args int, style string) *segment.Error {
	return argumentError("args", "Give one value for each "+style+" of the query, in order.", "The query has %d parameters, and there are %d args.", parameters, args)
}

// loginError explains why a server refuses a user.
func loginError(user, database, state, message string) *segment.Error {
	remedy := "Check user, password and database in the URL; special characters of the password must be percent-encoded."
	return argumentError("url", remedy, "The server refuses user %q on database %q: %s.", user, database, serverMessage(state, message))
}

// connectError explains why a connection to a server failed. It quotes only what
// cannot hold a password. tlsRemedy is the remedy if TLS failed.
func connectError(where, tlsRemedy string, err error) *segment.Error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return argumentError("url", "Check the host in the URL.", "There is no host %q.", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return argumentError("url", "Check host and port in the URL, and whether the server runs.", "No server listens at %s: connection refused.", where)
	case isTLSError(err):
		return argumentError("url", tlsRemedy, "There is no secure connection to %s: %s.", where, tlsCause(err))
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return argumentError("url", "Check host and port in the URL, and whether a firewall lets Terraform through.", "The server at %s does not answer.", where)
	default:
		return argumentError("url", "Check host and port in the URL, and the log of the server.", "The connection to %s failed.", where)
	}
}

// brokenError reports a connection that ended before its statement did.
func brokenError(where string) *segment.Error {
	return argumentError("url", "Plan again. If the error returns, the log of the server has its cause.", "The connection to %s was lost before the last row.", where)
}

// noTLS are the messages of drivers about a server without TLS.
var noTLS = []string{"server refused TLS connection", "TLS requested but server does not support TLS", "server does not support encryption"}

func isTLSError(err error) bool { return tlsCause(err) != "" }

func tlsCause(err error) string {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &host):
		return "the certificate is for another host"
	case errors.As(err, &invalid):
		return "the certificate is not valid"
	case errors.As(err, &authority), errors.As(err, &verification):
		return "the certificate is not signed by an authority that is trusted here"
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case errors.As(err, &alert):
		return alert.Error()
	}
	for _, words := range noTLS {
		if strings.Contains(err.Error(), words) {
			return "the server does not offer TLS"
		}
	}
	return tlsText(err.Error())
}

// tlsText finds the cause in the text of an error, where a driver keeps nothing but
// that.
func tlsText(text string) string {
	_, cause, found := strings.Cut(text, "TLS Handshake failed: ")
	switch {
	case !found:
		return ""
	case strings.Contains(cause, "x509: certificate is valid for"), strings.Contains(cause, "x509: cannot validate certificate for"):
		return "the certificate is for another host"
	case strings.Contains(cause, "certificate has expired"):
		return "the certificate is not valid"
	case strings.Contains(cause, "failed to verify certificate"):
		return "the certificate is not signed by an authority that is trusted here"
	default:
		return "the server does not speak TLS as it should"
	}
}
