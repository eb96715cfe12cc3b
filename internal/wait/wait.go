// Package wait waits in a way that ends with a context.
package wait

import (
	"context"
	"time"
)

// For waits for d, or until the context ends, whose error it then returns.
func For(ctx context.Context, d time.Duration) error { return System{}.Wait(ctx, d, nil) }
