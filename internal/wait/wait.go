// Package wait waits without being deaf to the end of a context.
package wait

import (
	"context"
	"time"
)

// For waits for so long, or until the context ends, whose error it then returns.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
