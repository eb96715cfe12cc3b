package redact

import "regexp"

// Hidden stands for what must not get into a message.
const Hidden = "(hidden)"

// EmailAddress matches what may be an email address, even an incomplete one.
var EmailAddress = regexp.MustCompile(`[^\s"'<>(),;:=]*@[^\s"'<>(),;:=]+`)
