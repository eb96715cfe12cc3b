package wait

import (
	"context"
	"time"
)

// Clock tells the time and waits. Tests replace it with one that runs faster.
type Clock interface {
	Now() time.Time

	// Wait returns nil after d or once wake is closed or sent to, whichever comes
	// first, and the error of the context once that ends. wake may be nil.
	Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error
}

// System is the clock of the machine.
type System struct{}

// Now is the current time.
func (System) Now() time.Time { return time.Now() }

// Wait waits in real time.
func (System) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if err := ctx.Err(); err != nil { // or a short wait might be over first
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
