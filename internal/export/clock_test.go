package export_test

import (
	"context"
	"sync"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// speedup is how much shorter a wait is in reality than by a fastClock.
const speedup = 200

// fastClock shortens waits, so that tests need not sit through them. By the clock
// a wait takes as long as it should, and everything else as long as it does.
type fastClock struct {
	mu    sync.Mutex
	ahead time.Duration // of the clock of the machine
}

func newFastClock() wait.Clock { return &fastClock{} }

func (c *fastClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Wait moves the clock on to the end of a wait that was not cut short. Waits that
// overlap end together, as in reality.
func (c *fastClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	end := c.Now().Add(d)
	timer := time.NewTimer(d / speedup)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += max(end.Sub(time.Now().Add(c.ahead)), 0)
	return nil
}
