package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// readError says why a file cannot be read. It does not name the file: while
// rows are read, the reader of the format does.
type readError struct {
	problem   string // follows the name of the file: "there is no such object"
	remedy    string // a full sentence, may be empty
	retryable bool
	missing   bool // there is no such file
}

// Is makes what is missing [fs.ErrNotExist].
func (e *readError) Is(target error) bool { return e.missing && target == fs.ErrNotExist }

func (e *readError) Error() string {
	if e.remedy == "" {
		return e.problem
	}
	return e.problem + ". " + strings.TrimSuffix(e.remedy, ".")
}

// pathError blames the path of the file for a *readError. Other errors are
// returned as they are.
func pathError(name string, err error) error {
	var e *readError
	if !errors.As(err, &e) {
		return err
	}
	return PathErrorf(e.remedy, e, "The file %q cannot be read: %s.", name, e.problem)
}

// unreachable explains an error of the network, which may pass.
func unreachable(err error) *readError {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errTimeout):
		return &readError{problem: errTimeout.Error(), remedy: networkRemedy, retryable: true}
	case errors.As(err, &dns):
		return &readError{problem: fmt.Sprintf("there is no host %q", dns.Name), remedy: networkRemedy, retryable: true}
	default:
		return &readError{problem: "the server cannot be reached: " + brief(err), remedy: networkRemedy, retryable: true}
	}
}

const networkRemedy = "Check the address, and the network and the proxy (HTTPS_PROXY) of where Terraform runs."

// isRetryableStatus reports whether an HTTP request may succeed later.
func isRetryableStatus(code int) bool {
	return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// brief is the innermost message of an error that a client wrapped, on one line
// and without any URL, which may contain a signature or a password.
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
	line = redact.Line(strings.TrimSuffix(userInfo.ReplaceAllString(urls.ReplaceAllString(line, "$1…"), "…"), "."))
	if len(line) > maxBriefLength {
		line = strings.ToValidUTF8(line[:maxBriefLength], "") + "…"
	}
	return line
}

// maxBriefLength keeps errors short that clients write for their logs.
const maxBriefLength = 160

var (
	// urls matches URLs; its group is the scheme.
	urls = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]+:/+)[^\s"']*`)

	// userInfo matches addresses with a user, and email addresses.
	userInfo = regexp.MustCompile(`[^\s"']*@[^\s"']*`)
)

// quotesURL reports whether an error is about a URL that cannot be parsed: such
// errors quote parts of it that cannot be recognized.
func quotesURL(err error) bool {
	for wrapped := (*url.Error)(nil); errors.As(err, &wrapped); err = wrapped.Err {
		if wrapped.Op == "parse" {
			return true
		}
	}
	text := err.Error()
	return strings.Contains(text, "Location header") || strings.Contains(text, "proxy address") || strings.Contains(text, `parse "`)
}
