// Package wait waits until a context ends at the latest.
package wait

import (
	"context"
	"time"
)

// For waits for a duration. It returns the error of the context if that ends
// first.
func For(ctx context.Context, d time.Duration) error { return System{}.Wait(ctx, d, nil) }
