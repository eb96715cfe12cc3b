package export

import (
	"context"
	"errors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// failure explains why a run ended early and what it had done by then. All
// stages must have ended.
func (r *run) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx, r.ledger.String())
	}
	done := "\n\n" + r.ledger.String()
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

// interrupted explains a run whose context ended, with what it had done.
func interrupted(ctx context.Context, done string) error {
	why := "The export was cancelled."
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		why = "The export was ended: " + cause.Error() + "."
	}
	return &Error{Summary: "Export Interrupted", Detail: why + "\n\n" + done, Err: ctx.Err()}
}
