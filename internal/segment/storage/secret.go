package storage

import (
	"net/url"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
)

// HoldsSecret reports whether a path is a URL that lets whoever has it read the
// file.
func HoldsSecret(path string) bool {
	if _, isWeb := Of(path).(web); !isWeb {
		return false
	}
	u, err := url.Parse(path)
	if err != nil || redact.IsAmbiguousURL(path) {
		return strings.ContainsAny(path, "?@")
	}
	_, hasPassword := u.User.Password()
	return hasPassword || redact.IsSigned(u.Query())
}
