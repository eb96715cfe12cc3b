package export

import (
	"context"
	"errors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// failure explains why a run ended early and what it had done by then. All
// stages must have ended.
func (r *run) failure(ctx context.Context, err error) error {
	done := "\n\n" + r.ledger.String()
	if ctx.Err() != nil {
		why := "The export was cancelled."
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			why = "The export was ended: " + cause.Error() + "."
		}
		return &Error{Summary: "Export Interrupted", Detail: why + done, Err: ctx.Err()}
	}
	var one *Error
	if errors.As(err, &one) {
		return &Error{Attribute: one.Attribute, Summary: one.Summary, Detail: one.Detail + done, Err: one}
	}
	var several Errors
	if errors.As(err, &several) {
		return err
	}
	summary, detail := klaviyo.Explain(err)
	return &Error{Summary: summary, Detail: detail + done, Err: err}
}
