package segment

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// MaskedURL is a URL for messages: without user, password, query and fragment.
// What cannot be told from them for sure is left out, too.
func MaskedURL(path string) string {
	scheme, rest, found := strings.Cut(path, "://")
	u, err := url.Parse(path)
	switch {
	case !found && !mayHoldSecret(path):
		return path
	case !found || !schemeName.MatchString(scheme):
		return "…"
	case err != nil || u.Host == "" || isAmbiguous(path):
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

// isAmbiguous reports whether a password may go on where a URL seems to be
// beyond its host: a / in it must be written as %2F, but nobody does.
func isAmbiguous(path string) bool {
	_, rest, _ := strings.Cut(path, "://")
	end := strings.IndexAny(rest, `/?#\`)
	return end >= 0 && strings.ContainsAny(rest[:end], "@:") && strings.Contains(rest[end:], "@")
}

// HoldsSecret reports whether a path is a URL by which whoever has it may read
// the file.
func HoldsSecret(path string) bool {
	if _, isWeb := placeOf(path).(web); !isWeb {
		return false
	}
	u, err := url.Parse(path)
	if err != nil || isAmbiguous(path) {
		return strings.ContainsAny(path, "?@")
	}
	_, hasPassword := u.User.Password()
	return hasPassword || isSigned(u.Query())
}

// isSigned reports whether a query holds a signature or a token.
func isSigned(query url.Values) bool {
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

// mayHoldSecret reports whether a path that is no file and no URL of a known
// scheme may hold a credential nevertheless: by mistake in how it is written.
func mayHoldSecret(path string) bool {
	path = path[len(filepath.VolumeName(path)):] // whose : is no user's
	if likeURL.MatchString(path) {
		return true
	}
	if hasUser(path) {
		return true
	}
	_, query, _ := strings.Cut(path, "?")
	values, _ := url.ParseQuery(query) // those that can be read
	return isSigned(values)
}

// hasUser reports whether a text may hold user and password.
func hasUser(text string) bool {
	return strings.Contains(text[:max(strings.LastIndex(text, "@"), 0)], ":")
}

// notAFile refuses a path that may hold a secret.
func notAFile() *Error {
	return fileError("Write a URL as in https://example.com/segments/vip.csv or s3://my-bucket/segments/vip.csv.", nil,
		"The path is neither that of a file nor a URL that can be read. It is not shown, since it may hold a password.")
}
