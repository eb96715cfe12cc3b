package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
)

// defaultTimeout of a run: Klaviyo's limits let ten million profiles through in
// a few minutes, but its jobs may wait in a queue. Reading has the same, since a
// large segment or list takes as long.
const defaultTimeout = time.Hour

// timeoutOver is the cause of a context that one of the export's timeouts ended.
type timeoutOver struct {
	name  string // of the timeout: create, read, update
	limit time.Duration
}

// Error implements error.
func (t timeoutOver) Error() string { return fmt.Sprintf("timeouts.%s of %s is over", t.name, t.limit) }

// withTimeout returns a context that ends when a timeout is over.
func withTimeout(ctx context.Context, name string, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, timeoutOver{name, limit})
}

// readTimeout is how long a refresh or a plan may read.
func (m *segmentExportModel) readTimeout(ctx context.Context, diags *diag.Diagnostics) time.Duration {
	limit, found := m.Timeouts.Read(ctx, defaultTimeout)
	diags.Append(found...)
	return limit
}

// explainTimeout returns the error of reading something. Once a timeout is over
// that is why it failed, and the error says so.
func explainTimeout(ctx context.Context, reading string, err error) error {
	var over timeoutOver
	if err == nil || !errors.As(context.Cause(ctx), &over) {
		return err
	}
	out := &diagnostic.Error{Summary: "Time Is Up", Err: err}
	remedy := "Klaviyo may be slow to answer"
	var unread *pipeline.UnreadError
	if errors.As(err, &unread) {
		out.Attribute = []string{"segment", unread.Segment}
		reading = fmt.Sprintf("segment %q", unread.Segment)
		remedy = "Look at the database, or at wherever the segment is read from: it may not answer, or wait for a lock"
	}
	out.Detail = fmt.Sprintf("%s, and %s was still being read. Nothing was sent. %s. If reading needs more time than that, raise timeouts.%s.",
		over, reading, remedy, over.name)
	return out
}
