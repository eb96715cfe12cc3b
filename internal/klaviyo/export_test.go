package klaviyo

import (
	"context"
	"sync"
	"time"
)

// The parts of the client that tests look at from outside.
const (
	MaxResponse = maxResponse
	MediaType   = mediaType

	LimitListCount = limitListCount
)

var (
	ParseRetryAfter = parseRetryAfter
	PayloadEmail    = payloadEmail
	OperationScopes = operationScopes
)

// SetSleep replaces what waits between attempts. For limits the client no
// longer waits either.
func (c *Client) SetSleep(sleep func(context.Context, time.Duration) error) {
	c.sleep = sleep
	c.limiter.clock = jumpingClock()
}

// SteadyLimits are the limits a minute of all rows of the table.
func SteadyLimits() map[string]int {
	all := make(map[string]int, len(limits))
	for name, l := range limits {
		all[name] = l.steady
	}
	return all
}

// jumpingClock goes on by itself, and by as much as is to be waited.
func jumpingClock() clock {
	var mu sync.Mutex
	var jumped time.Duration
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(jumped)
	}
	return clock{now: now, wait: func(ctx context.Context, d time.Duration, _ <-chan struct{}) error {
		mu.Lock()
		defer mu.Unlock()
		jumped += d
		return ctx.Err()
	}}
}
