package klaviyo

import (
	"context"
	"time"
)

// The parts of the client that tests look at from outside.
const (
	MaxResponse = maxResponse
	MediaType   = mediaType
)

var (
	ParseRetryAfter = parseRetryAfter
	PayloadEmail    = payloadEmail
	OperationScopes = operationScopes
)

// SetSleep replaces what waits between attempts.
func (c *Client) SetSleep(sleep func(context.Context, time.Duration) error) { c.sleep = sleep }
