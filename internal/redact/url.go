package redact

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// URL is a URL for messages: without user, password, query and fragment.
// What cannot be told from them for sure is left out, too.
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

// IsAmbiguousURL reports whether a password may go on where a URL seems to be
// beyond its host: a / in it must be written as %2F, but nobody does.
func IsAmbiguousURL(path string) bool {
	_, rest, _ := strings.Cut(path, "://")
	end := strings.IndexAny(rest, `/?#\`)
	return end >= 0 && strings.ContainsAny(rest[:end], "@:") && strings.Contains(rest[end:], "@")
}

// IsSigned reports whether a query holds a signature or a token.
func IsSigned(query url.Values) bool {
	for name := range query {
		switch strings.ToLower(name) {
		case "x-amz-signature", "x-amz-security-token", "x-goog-signature", "signature", "sig", "token", "access_token", "key", "code":
			return true
		}
	}
	return false
}

// likeURL matches what was meant to be a URL, and is none that is known here.
var likeURL = regexp.MustCompile(`(?i)://|^\W*(https?|s3|gs|azblob):`)

// MayHoldSecret reports whether a path that is no file and no URL of a known
// scheme may hold a credential nevertheless: by mistake in how it is written.
func MayHoldSecret(path string) bool {
	path = path[len(filepath.VolumeName(path)):] // whose : is no user's
	if likeURL.MatchString(path) {
		return true
	}
	if HoldsUser(path) {
		return true
	}
	_, query, _ := strings.Cut(path, "?")
	values, _ := url.ParseQuery(query) // those that can be read
	return IsSigned(values)
}

// HoldsUser reports whether a text may hold user and password.
func HoldsUser(text string) bool {
	return strings.Contains(text[:max(strings.LastIndex(text, "@"), 0)], ":")
}
