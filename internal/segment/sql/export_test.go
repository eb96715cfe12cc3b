package sql

import "time"

// SetCancelTimeout sets how long ending a statement on the server may take.
func SetCancelTimeout(d time.Duration) { cancelTimeout = d }
