package export_test

import (
	"context"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/wait"
)

// fastClock passes time faster than the machine does, so that a run waits for
// its next poll without holding up the tests. Waits keep their proportions.
type fastClock struct{ started time.Time }

const speedup = 200

func newFastClock() wait.Clock { return fastClock{time.Now()} }

func (c fastClock) Now() time.Time { return c.started.Add(speedup * time.Since(c.started)) }

func (fastClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	return wait.System{}.Wait(ctx, d/speedup, wake)
}
