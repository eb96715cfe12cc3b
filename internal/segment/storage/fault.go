package storage

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// fault says why a remote file cannot be read. It stands alone in the middle
// of a file, where the reader of a format adds the name.
type fault struct {
	problem string // "there is no such object", after the name of the file
	remedy  string // a full sentence, may be empty
	passes  bool   // trying again may help
}

func (f *fault) Error() string {
	if f.remedy == "" {
		return f.problem
	}
	return f.problem + ". " + strings.TrimSuffix(f.remedy, ".")
}

// blameFault puts a fault at the path of the file. What is none stays as it is.
func blameFault(name string, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	return PathErrorf(f.remedy, nil, "The file %q cannot be read: %s.", name, f.problem)
}

// unreachable explains an error below the protocol of a server, which may be
// another one when it is tried again.
func unreachable(err error) *fault {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errNoAnswer):
		return &fault{problem: errNoAnswer.Error(), remedy: networkRemedy, passes: true}
	case errors.As(err, &dns):
		return &fault{problem: fmt.Sprintf("there is no host %q", dns.Name), remedy: networkRemedy, passes: true}
	default:
		return &fault{problem: "the server cannot be reached: " + brief(err), remedy: networkRemedy, passes: true}
	}
}

const networkRemedy = "Check the address, and the network and the proxy (HTTPS_PROXY) of where Terraform runs."

var errNoAnswer = errors.New("the server did not answer in time")

// brief is the innermost of what a client wraps an error in, on one line and
// without any address, in which there may be a signature or a password.
func brief(err error) string {
	if quotesURL(err) {
		return "an address is not a valid URL"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op
	}
	for wrapped := (*url.Error)(nil); errors.As(err, &wrapped); {
		err = wrapped.Err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	line = redact.Line(strings.TrimSuffix(withUser.ReplaceAllString(addresses.ReplaceAllString(line, "$1…"), "…"), "."))
	if len(line) > mostOfCause {
		line = strings.ToValidUTF8(line[:mostOfCause], "") + "…"
	}
	return line
}

// mostOfCause is what fits into a message of an error that was meant for logs.
const mostOfCause = 160

var (
	// addresses are URLs up to their host, and what follows.
	addresses = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]+:/+)[^\s"']*`)

	// withUser matches what may be an address with a user, or that of an email.
	withUser = regexp.MustCompile(`[^\s"']*@[^\s"']*`)
)

// quotesURL reports whether an error is about a URL that cannot be parsed, and
// so quotes parts of it of which nobody knows what they are.
func quotesURL(err error) bool {
	for wrapped := (*url.Error)(nil); errors.As(err, &wrapped); err = wrapped.Err {
		if wrapped.Op == "parse" {
			return true
		}
	}
	text := err.Error()
	return strings.Contains(text, "Location header") || strings.Contains(text, "proxy address") || strings.Contains(text, `parse "`)
}
