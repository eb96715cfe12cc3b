package redact

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// URL returns a URL for messages: without user, password, query and fragment, and
// without parts that could belong to them.
func URL(path string) string {
	scheme, rest, found := strings.Cut(path, "://")
	u, err := url.Parse(path)
	switch {
	case !found && !MayHoldSecret(path):
		return path
	case !found || !schemeName.MatchString(scheme):
		return "…"
	case err != nil || u.Host == "" || IsAmbiguousURL(path):
		return scheme + "://…"
	}
	_, beyond, _ := strings.Cut(rest, "/")
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, signed := strings.Cut(rest, "?")
	host, file, _ := strings.Cut(rest, "/")
	if strings.Contains(file, "@") || strings.Contains(file, ":") && strings.Contains(beyond, "@") {
		file = "…"
	}
	masked := scheme + "://" + host[strings.LastIndex(host, "@")+1:] + "/" + file
	if signed {
		masked += "?…"
	}
	return masked
}

var schemeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)

// IsAmbiguousURL reports whether a password may extend beyond the apparent host of
// a URL: a / in a password must be escaped as %2F, which is easily forgotten.
func IsAmbiguousURL(path string) bool {
	_, rest, _ := strings.Cut(path, "://")
	end := strings.IndexAny(rest, `/?#\`)
	return end >= 0 && strings.ContainsAny(rest[:end], "@:") && strings.Contains(rest[end:], "@")
}

// IsSigned reports whether a query contains a signature or a token.
func IsSigned(query url.Values) bool {
	for name := range query {
		switch strings.ToLower(name) {
		case "x-amz-signature", "x-amz-security-token", "x-goog-signature", "signature", "sig", "token", "access_token", "key", "code":
			return true
		}
	}
	return false
}

// likeURL matches text that was meant to be a URL.
var likeURL = regexp.MustCompile(`(?i)://|^\W*(https?|s3|gs|azblob|sftp):`)

// MayHoldSecret reports whether a path that is neither a file nor a URL of a known
// scheme may contain a credential, because it is a misspelled URL.
func MayHoldSecret(path string) bool {
	path = path[len(filepath.VolumeName(path)):] // its colon does not separate a password
	if likeURL.MatchString(path) {
		return true
	}
	if HoldsUser(path) {
		return true
	}
	_, query, _ := strings.Cut(path, "?")
	values, _ := url.ParseQuery(query) // with the parameters that can be parsed
	return IsSigned(values)
}

// HoldsUser reports whether a text may contain user and password.
func HoldsUser(text string) bool {
	return strings.Contains(text[:max(strings.LastIndex(text, "@"), 0)], ":")
}
