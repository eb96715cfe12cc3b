package export

import (
	"context"
	"errors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// failure explains why a run ended early and what it had done by then. All
// stages must have ended.
func (r *run) failure(ctx context.Context, err error) error {
	r.ledger.warn(ctx)
	if ctx.Err() != nil {
		return interrupted(ctx, r.held.String(), r.ledger.String())
	}
	var one *diagnostic.Error
	var several diagnostic.Errors
	advice := "Apply again"
	switch {
	case errors.As(err, &several), errors.As(err, &one) && one.Attribute != nil:
		advice = "Once this is put right, apply again"
	case one == nil:
		summary, detail := klaviyo.Explain(err)
		err = &diagnostic.Error{Summary: summary, Detail: detail, Err: err}
	}
	return diagnostic.AddToDetail(err, "\n\n"+r.ledger.inWords(advice))
}

// interrupted explains a run whose context ended, with what held it up if that is
// known, and what it had done.
func interrupted(ctx context.Context, held, done string) error {
	why := "The export was cancelled."
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		why = "The export was ended: " + cause.Error() + "."
	}
	if held != "" {
		why += " " + held
	}
	return &diagnostic.Error{Summary: "Export Interrupted", Detail: why + "\n\n" + done, Err: ctx.Err()}
}
