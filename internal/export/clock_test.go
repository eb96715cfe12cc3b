package export_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// fastClock shortens waits, so that a run waits for its next poll or retry without
// holding up the tests, and is ahead by what it saved. Otherwise time passes as
// usual, so that a busy machine does not use up the limits of a run.
type fastClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

const speedup = 200

func newFastClock() wait.Clock { return &fastClock{} }

func (c *fastClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *fastClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	if err := ctx.Err(); err != nil { // a wait so short that it is over at once would leave it to chance
		return err
	}
	until := c.Now().Add(d)
	timer := time.NewTimer(d / speedup)
	defer timer.Stop()
	select {
	case <-timer.C:
		c.advance(until)
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// advance makes it at least a time. Waits at once thus do not add up.
func (c *fastClock) advance(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = max(c.ahead, time.Until(to))
}

func TestFastClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, began := newFastClock(), time.Now()
		var waits sync.WaitGroup
		for range 2 {
			waits.Go(func() {
				if err := c.Wait(t.Context(), 200*time.Second, nil); err != nil {
					t.Error(err)
				}
			})
		}
		waits.Wait()
		if took, passed := time.Since(began), c.Now().Sub(began); took != time.Second || passed != 200*time.Second {
			t.Errorf("%v took %v", passed, took)
		}
	})
}
