package export

import (
	"context"
	"errors"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
)

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
