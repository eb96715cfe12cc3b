package sql

import "time"

// SetSubmitGrace sets how long the answer to a submitted statement is waited for after
// its context has ended.
func SetSubmitGrace(d time.Duration) { submitGrace = d }
