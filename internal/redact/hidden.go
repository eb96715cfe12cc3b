package redact

import "regexp"

// Hidden replaces text that must not be in a message.
const Hidden = "(hidden)"

// EmailAddress matches possible email addresses, even incomplete ones.
var EmailAddress = regexp.MustCompile(`[^\s"'<>(),;:=]*@[^\s"'<>(),;:=]+`)
