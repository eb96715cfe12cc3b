package segment

import "regexp"

// hidden stands for what must not get into a message.
const hidden = "(hidden)"

// emailAddress matches what may be an email address.
var emailAddress = regexp.MustCompile(`[^\s"'<>(),;:=]*@[^\s"'<>(),;:=]+`)
